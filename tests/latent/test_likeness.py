"""Losses of projections: pixels, features, files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.errors import UsageError
from ganvas.latent.likeness import likeness_of, smaller

COLOUR = Images(channels=3, height=16, width=16)


class Apart(nn.Module):
    """A distance of two batches."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs().mean((1, 2, 3), keepdim=True)


class Published(nn.Module):
    """What the published file of LPIPS features takes."""

    def forward(self, x: Tensor, resize_images: bool = True, return_lpips: bool = False) -> Tensor:
        assert return_lpips
        assert not resize_images
        return x.mean((2, 3)) / 255


class Odd(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def scripted(path: Path, module: nn.Module) -> Path:
    torch.jit.script(module).save(str(path))
    return path


def images(seed: int, channels: int = 3) -> Tensor:
    return torch.rand(2, channels, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("name", ["pixels", "random-conv", "pixels+random-conv"])
def test_items_are_at_no_distance_from_themselves_and_gradients_lead_there(name: str) -> None:
    loss = likeness_of(name, COLOUR)
    assert loss.name == name
    x, other = images(0), images(1).requires_grad_()
    apart = loss.from_target(x)
    assert torch.allclose(apart(x), torch.zeros(2), atol=1e-6)
    found = apart(other)
    assert (found > 0).all()
    (slope,) = torch.autograd.grad(found.sum(), other)
    assert (apart((other - 0.01 * slope / slope.norm()).detach()) < found).any()


def test_a_sum_is_of_its_parts() -> None:
    x, other = images(0), images(1)
    parts = [likeness_of(n, COLOUR).from_target(x)(other) for n in ("pixels", "random-conv")]
    both = likeness_of("pixels + random-conv", COLOUR).from_target(x)(other)
    torch.testing.assert_close(both, parts[0] + parts[1])
    torch.testing.assert_close(parts[0], (x - other).square().mean((1, 2, 3)))


def test_files_of_ones_own(tmp_path: Path) -> None:
    x, other = images(0), images(1)
    own = likeness_of(str(scripted(tmp_path / "own.pt", Apart())), COLOUR)
    torch.testing.assert_close(own.from_target(x)(other), (x - other).abs().mean((1, 2, 3)))
    assert own.name == "own.pt"
    published = likeness_of(str(scripted(tmp_path / "vgg16.pt", Published())), COLOUR)
    wanted = ((x - other).mean((2, 3)) / 2).square().sum(1)
    torch.testing.assert_close(published.from_target(x)(other), wanted)
    grey = published.from_target(x[:, :1])(other[:, :1])
    torch.testing.assert_close(grey, 3 * ((x - other)[:, :1].mean((1, 2, 3)) / 2).square())


def test_losses_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no loss 'pixel'\. Did you mean 'pixels'\? There are"):
        likeness_of("pixel", COLOUR)
    with pytest.raises(UsageError, match="random-conv is for images; points have pixels"):
        likeness_of("random-conv", Points(dim=2, shift=[0.0, 0.0], scale=1.0))
    with pytest.raises(UsageError, match="there is no TorchScript file"):
        likeness_of(str(tmp_path / "none.pt"), COLOUR)
    (tmp_path / "text.pt").write_text("text")
    with pytest.raises(UsageError, match="is no TorchScript module"):
        likeness_of(str(tmp_path / "text.pt"), COLOUR)
    with pytest.raises(UsageError, match="takes x: expected two batches of images"):
        likeness_of(str(scripted(tmp_path / "odd.pt", Odd())), COLOUR)


def test_large_images_are_seen_by_means_of_areas() -> None:
    x = torch.rand(1, 3, 512, 256)
    torch.testing.assert_close(smaller(x), F.avg_pool2d(x, 2))
    assert smaller(x[:, :, :256]) is not None
    assert smaller(x[:, :, :200, :200]).shape == (1, 3, 200, 200)
