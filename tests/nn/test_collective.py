"""Two processes with half of the batch each are one process with all of it."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from ganvas.nn import BatchNorm, ConditionalBatchNorm, all_reduce, gather, world_size


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(8, 3, 2, 2, generator=generator, dtype=torch.double) * 2 + 1
    return x, torch.tensor([0, 1, 1, 0, 0, 0, 1, 1])


def play(norm: BatchNorm, x: Tensor, *labels: Tensor) -> dict[str, Tensor]:
    """Take first and second derivatives through a norm, and let it track the batch."""
    norm = norm.double()
    for number, parameter in enumerate(norm.parameters()):
        parameter.data += torch.arange(parameter.numel()).view_as(parameter) / (3 + number)
    x = x.clone().requires_grad_()
    y = norm(x, *labels)
    (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
    penalty = first.square().sum()
    second = torch.autograd.grad(penalty, [x, *norm.parameters()])
    return {
        "y": y.detach(),
        "first": first.detach(),
        "second": second[0],
        **{f"parameter{i}": g for i, g in enumerate(second[1:])},
        "mean": norm.running_mean,
        "var": norm.running_var,
    }


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    mine = slice(4 * rank, 4 * rank + 4)
    x, labels = batch()
    results = {
        "plain": play(BatchNorm(3), x[mine]),
        "conditional": play(ConditionalBatchNorm(3, classes=2), x[mine], labels[mine]),
        "alone": play(BatchNorm(3, synchronised=False), x[mine]),
    }
    for result in results.values():
        for name in [name for name in result if name.startswith("parameter")]:
            dist.all_reduce(result[name])

    share = x[mine].clone().requires_grad_()
    whole = gather(share)
    (first,) = torch.autograd.grad(whole.pow(4).sum(), share, create_graph=True)
    (second,) = torch.autograd.grad(first.pow(2).sum(), share)
    total = all_reduce(share)
    (third,) = torch.autograd.grad(total.pow(2).sum(), share)
    results["gather"] = {"whole": whole.detach(), "first": first.detach(), "second": second}
    results["reduce"] = {"total": total.detach(), "third": third}
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.usefixtures("pair")  # its server of processes has imported torch
def test_two_processes_equal_one(tmp_path: Path) -> None:
    method = "forkserver" if "forkserver" in mp.get_all_start_methods() else "spawn"
    mp.start_processes(worker, (str(tmp_path),), nprocs=2, start_method=method)
    halves = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    x, labels = batch()
    alone = [play(BatchNorm(3, synchronised=False), half) for half in x.chunk(2)]
    together = {
        "plain": play(BatchNorm(3), x),
        "conditional": play(ConditionalBatchNorm(3, classes=2), x, labels),
    }
    for name, one in together.items():
        for key, value in one.items():
            two = [half[name][key] for half in halves]
            if key in ("y", "first", "second"):
                two = [torch.cat(two)]
            for share in two:
                torch.testing.assert_close(share, value, msg=f"{name}: {key}")

    for half, reference in zip(halves, alone, strict=True):
        for key in ("y", "first", "second", "mean", "var"):
            torch.testing.assert_close(half["alone"][key], reference[key])

    # Both processes add (Σ over the whole batch of x⁴): twice the gradient of one.
    for half, own in zip(halves, x.chunk(2), strict=True):
        assert torch.equal(half["gather"]["whole"], x)
        torch.testing.assert_close(half["gather"]["first"], 2 * 4 * own**3)
        torch.testing.assert_close(half["gather"]["second"], 2 * 8 * own**3 * 24 * own**2)
        torch.testing.assert_close(half["reduce"]["total"], sum(x.chunk(2)))
        torch.testing.assert_close(half["reduce"]["third"], 4 * sum(x.chunk(2)))


def test_a_single_process_needs_no_collective() -> None:
    x = torch.randn(3, 2)
    assert world_size() == 1
    assert gather(x) is x
    assert all_reduce(x) is x
