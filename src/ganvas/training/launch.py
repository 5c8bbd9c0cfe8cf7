"""Devices and processes: one process by itself, several through Lightning Fabric."""

from __future__ import annotations

import atexit
import logging
import os
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from ganvas.errors import UsageError
from ganvas.model.device import choose_device
from ganvas.play import Ranks
from ganvas.process import cores, keep_memory
from ganvas.training.cluster import SLURM, Member, member
from ganvas.training.meeting import Say, meeting, reach
from ganvas.training.settings import TrainSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
    from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
    from lightning_fabric.plugins.precision.precision import Precision
    from lightning_fabric.strategies.strategy import Strategy

    Plugin = Precision | ClusterEnvironment | CheckpointIO


@dataclass(frozen=True)
class Launched:
    """Where a process trains: its device, and which of how many processes it is."""

    device: torch.device
    ranks: Ranks


def launch(settings: TrainSettings, say: Say = lambda text: None) -> Launched:
    """Start (or join) the processes that train together; return where this one stands.

    Where a launcher has started this one, the others are its, too. Otherwise every process of this
    machine but the first is a copy of the same command, which is given on every node.

    Args:
        settings: how many, where, and how long they wait for one another.
        say: is told what is being waited for.

    Raises:
        UsageError: there are no such devices, or the launcher says something else.
        GanvasError: the others have not come.
    """
    here = member(nodes=settings.nodes)
    _refuse_to_guess(settings, here)
    alone = here is None and settings.devices == settings.nodes == 1
    found = _alone(settings) if alone else _together(settings, here, say)
    if settings.batch % found.ranks.world:
        raise UsageError(
            f"train.batch={settings.batch} does not divide over {found.ranks.world} processes; "
            f"try train.batch={settings.batch // found.ranks.world * found.ranks.world}"
        )
    keep_memory()
    if found.device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = settings.tf32
        torch.backends.cudnn.allow_tf32 = settings.tf32
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    elif found.device.type == "cpu":
        nodes = here.nodes if here else settings.nodes
        share = max(1, cores() * nodes // found.ranks.world)
        torch.set_num_threads(min(share, torch.get_num_threads()))
    return found


def _alone(settings: TrainSettings) -> Launched:
    """Return the place of the only process: Fabric, a second or more of imports, is not asked."""
    try:
        device = choose_device(settings.accelerator)
    except UsageError as error:
        raise _no_such_devices(settings, 1, error) from error
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device())
    return Launched(device, Ranks())


def _together(settings: TrainSettings, here: Member | None, say: Say) -> Launched:
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric.utilities").setLevel(logging.WARNING)  # who met whom
    for message in (".*isolated from the rest.*", ".*srun. command is available.*"):
        warnings.filterwarnings("ignore", message=message)
    devices, nodes = (here.local, here.nodes) if here else (settings.devices, settings.nodes)
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=_strategy(settings.timeout) if devices != 1 or nodes > 1 else "auto",
            plugins=_environments(here),
        )
    except Exception as error:
        raise _no_such_devices(settings, devices, error) from error
    with meeting(fabric.world_size, settings.timeout, say):
        if place := _met_at(fabric, here):
            reach(*place, settings.timeout)
        fabric.launch()
    atexit.register(_part)
    return Launched(fabric.device, Ranks(fabric.global_rank, fabric.world_size))


def _part() -> None:
    """End the exchanges before Python ends.

    A thread of gloo may hold the last tensor, which only Python can free: without this it aborts a
    process that has done all its work.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def _met_at(fabric: Fabric, here: Member | None) -> tuple[str, int] | None:
    """Return where the first process listens; None for the first, which chooses it itself."""
    from lightning_fabric.strategies.parallel import ParallelStrategy

    told = (int(os.environ.get(name, "0")) for name in ("NODE_RANK", "LOCAL_RANK"))
    rank = here.rank if here else sum(told)
    if rank == 0 or not isinstance(fabric.strategy, ParallelStrategy):
        return None
    environment = fabric.strategy.cluster_environment
    return environment and (environment.main_address, environment.main_port)


def _no_such_devices(settings: TrainSettings, devices: int | str, error: Exception) -> UsageError:
    return UsageError(
        f"train.accelerator={settings.accelerator} with train.devices={devices} is "
        f"not to be had here: {error}"
    )


def is_awaited(settings: TrainSettings) -> bool:
    """Whether other processes wait for this one, which must then meet them even if it fails."""
    here = member(nodes=settings.nodes)
    return here.world > 1 if here else settings.nodes > 1 or "LOCAL_RANK" in os.environ


def crowded(settings: TrainSettings, launched: Launched) -> list[str]:
    """Say so if the processes of this machine have more threads than cores."""
    here = member(nodes=settings.nodes)
    local = launched.ranks.world // (here.nodes if here else settings.nodes)
    threads = local * torch.get_num_threads()
    if launched.device.type != "cpu" or threads <= (found := cores()):
        return []
    each = f" ({local} processes with {torch.get_num_threads()} each)" if local > 1 else ""
    return [
        f"{threads} threads{each} share the {found} cores that this process may use here: "
        "rounds are slower than with as many threads as cores (train.threads)"
    ]


def _refuse_to_guess(settings: TrainSettings, here: Member | None) -> None:
    """Refuse settings that the launcher contradicts, and nodes that know nothing of one another."""
    devices, nodes = settings.devices, settings.nodes
    if here is None:
        if nodes > 1 and "MASTER_ADDR" not in os.environ:
            raise UsageError(
                f"train.nodes={nodes}, and nothing says where the other nodes are. Start it on "
                f"every node with: torchrun --nnodes {nodes} --nproc-per-node {devices} --rdzv-id "
                "JOB --rdzv-backend c10d --rdzv-endpoint FIRST_NODE:29500 -m ganvas …, with srun, "
                "or with MASTER_ADDR, MASTER_PORT and NODE_RANK set"
            )
    elif devices not in (1, "auto", here.local) or nodes not in (1, here.nodes):
        raise UsageError(
            f"{here.launcher} started {here.local} processes on each of {here.nodes} nodes, and "
            f"the recipe says train.devices={devices} and train.nodes={nodes}; leave them out, or "
            f"say train.devices={here.local} train.nodes={here.nodes}"
        )


def _environments(here: Member | None) -> list[Plugin]:
    """Return what tells Fabric where this process stands; nothing where Fabric finds it itself."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    if here is None:  # SLURM's only task starts the other processes itself
        return [LightningEnvironment()] if "SLURM_NTASKS" in os.environ else []
    if here.launcher == SLURM:
        return []
    os.environ.setdefault("LOCAL_RANK", str(here.rank % here.local))
    return [TorchElasticEnvironment()]


def _strategy(timeout: float) -> Strategy:
    from lightning_fabric.strategies.ddp import DDPStrategy

    return DDPStrategy(timeout=timedelta(seconds=timeout))
