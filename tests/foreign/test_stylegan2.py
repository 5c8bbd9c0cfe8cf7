"""StyleGAN2 of three programs: imported networks make and judge what theirs do."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import ganvas
from ganvas.api import import_model
from ganvas.errors import GanvasError
from ganvas.model import Model
from tests.foreign import layouts
from tests.foreign.ada import (
    Discriminator,
    EasyDict,
    Generator,
    Persistent,
    SynthesisNetwork,
    their_modules,
    unit,
)

WIDTHS = [8, 8, 4]
"""Maps at 4, 8 and 16 pixels: min(64/side, 8)."""


def seeded(kind: Any, *args: Any, **settings: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return kind(*args, **settings).eval().requires_grad_(False)


def ada_file(path: Path, generator: Any, discriminator: Any, protocol: int = 4) -> Path:
    told = {"G": generator, "D": discriminator, "G_ema": generator}
    with their_modules():
        told["training_set_kwargs"] = EasyDict(path="x.zip", use_labels=False)
        path.write_bytes(pickle.dumps({**told, "augment_pipe": None}, protocol))
    return path


def imported(path: Path) -> Model:
    out = path.with_suffix("")
    import_model(path, out)
    assert "GANVAS_RAN" not in os.environ  # the source that the file carries
    return ganvas.load(out, device="cpu")


@torch.no_grad()
def images(model: Model, z: Tensor, y: Tensor | None = None, psi: float = 1.0) -> Tensor:
    with model.posed(truncation=psi, noise="fixed"):
        return model.game.sample(z, y)


def close(mine: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


def one_hot(y: Tensor | None) -> Tensor | None:
    return None if y is None else torch.nn.functional.one_hot(y, 3).float()


@pytest.mark.parametrize(
    ("classes", "generating", "judging"),
    [(0, "skip", "resnet"), (3, "skip", "resnet"), (0, "resnet", "skip"), (3, "orig", "orig")],
)
def test_stylegan2_ada(tmp_path: Path, classes: int, generating: str, judging: str) -> None:
    generator = seeded(Generator, WIDTHS, c=classes, architecture=generating)
    discriminator = seeded(Discriminator, WIDTHS, c=classes, architecture=judging)
    model = imported(ada_file(tmp_path / "ada.pkl", generator, discriminator))
    z, y = torch.randn(4, 6), torch.tensor([0, 2, 1, 1]) if classes else None
    theirs = generator(z, one_hot(y))
    close(images(model, z, y), theirs)
    close(images(model, z, y, psi=0.4), generator(z, one_hot(y), psi=0.4))
    x = theirs.clamp(-1, 1)
    close(model.game.score(x, y).detach(), discriminator(x, one_hot(y)))
    torch.testing.assert_close(model.game.mean_style, generator.mapping.w_avg)
    assert model.sample(2).x.shape == (2, 16, 16, 3)


@pytest.fixture(scope="module")
def plain() -> tuple[Any, Any]:
    return seeded(Generator, WIDTHS), seeded(Discriminator, WIDTHS)


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_first_code_of_tensorflow(
    plain: tuple[Any, Any], tmp_path: Path, protocol: int
) -> None:
    path = tmp_path / "tf.pkl"
    averaged, judge = layouts.tf_generator(plain[0]), layouts.tf_discriminator(plain[1])
    with layouts.tensorflow():
        path.write_bytes(pickle.dumps((averaged, judge, averaged), protocol))
    model, z = imported(path), torch.randn(3, 6)
    close(images(model, z), plain[0](z))
    close(images(model, z, psi=0.5), plain[0](z, psi=0.5))
    x = torch.randn(4, 3, 16, 16)
    close(model.game.score(x).detach(), plain[1](x))


def test_labels_of_the_first_code_stand_beside_z(tmp_path: Path) -> None:
    generator = seeded(Generator, WIDTHS, z=12)  # six of z, six of the label
    judge = layouts.tf_discriminator(seeded(Discriminator, WIDTHS))
    matrix = torch.randn(3, 6)
    averaged = layouts.tf_generator(generator, joined=matrix)
    with layouts.tensorflow():
        (tmp_path / "tf.pkl").write_bytes(pickle.dumps((averaged, judge, averaged), 4))
    model = imported(tmp_path / "tf.pkl")
    z, y = torch.randn(3, 6), torch.tensor([0, 2, 1])
    assert "score" not in model.capabilities
    close(images(model, z, y), generator(torch.cat([z, matrix[y]], 1)))


@pytest.mark.parametrize("mean", [True, False])
def test_rosinality(plain: tuple[Any, Any], tmp_path: Path, mean: bool) -> None:
    told: dict[str, Any] = {
        "g_ema": layouts.rosinality_generator(plain[0]),
        "d": layouts.rosinality_discriminator(plain[1], 4),
    }
    average = plain[0].mapping.w_avg
    if mean:
        told["latent_avg"] = average
    torch.save(told, tmp_path / "rosinality.pt")
    model, z = imported(tmp_path / "rosinality.pt"), torch.randn(3, 6)
    close(images(model, z), plain[0](z))
    x = torch.randn(4, 3, 16, 16)
    close(model.game.score(x).detach(), plain[1](x))
    if mean:
        close(model.game.mean_style, average)
        return
    w = plain[0].mapping(torch.randn(20_000, 6), None)
    error = 5 * w.std(0) * (1 / 20_000 + 1 / 10_000) ** 0.5
    assert ((model.game.mean_style - w.mean(0)).abs() < error).all()


def test_a_stylegan3_is_told_by_name(plain: tuple[Any, Any], tmp_path: Path) -> None:
    class SynthesisInput(Persistent):
        pass

    generator = seeded(Generator, WIDTHS)
    generator.synthesis = seeded(SynthesisNetwork, WIDTHS, 5, "skip")
    generator.synthesis.input = SynthesisInput()
    with pytest.raises(GanvasError, match="is a StyleGAN3-T or -R: .* stylegan2 configuration"):
        import_model(ada_file(tmp_path / "t.pkl", generator, plain[1]), tmp_path / "out")


def test_source_of_a_class_that_is_none_of_its_networks_is_refused_and_not_run(
    plain: tuple[Any, Any], tmp_path: Path
) -> None:
    class Trojan(Persistent):
        source = "import os\nos.environ['GANVAS_RAN'] = 'yes'\nclass Trojan: pass"

    generator = seeded(Generator, WIDTHS)
    generator.mapping.extra = Trojan()
    path = ada_file(tmp_path / "x.pkl", generator, plain[1])
    with pytest.raises(GanvasError, match="carries the source code of 'Trojan'.*nothing of it was"):
        import_model(path, tmp_path / "out")
    assert "GANVAS_RAN" not in os.environ
    assert not (tmp_path / "out").exists()


def test_variants_that_are_not_known_are_told(plain: tuple[Any, Any], tmp_path: Path) -> None:
    def refused(generator: Any, judge: Any, match: str) -> None:
        with pytest.raises(GanvasError, match=match) as error:
            import_model(ada_file(tmp_path / "x.pkl", generator, judge), tmp_path / "out")
        assert "\n" not in str(error.value)

    refused(seeded(Generator, [8, 4, 8]), plain[1], "levels have 8, 4, 8 maps")
    odd = seeded(Generator, WIDTHS)
    odd.synthesis.b8.conv0.register_buffer("phase", torch.zeros(2))
    refused(odd, plain[1], "phase")
    holed = seeded(Generator, WIDTHS)
    holed.synthesis.b16.conv1.weight.data[0, 0, 0, 0] = float("nan")
    refused(holed, plain[1], "conv.weight' holds numbers that are not finite")
    refused(seeded(Generator, WIDTHS), seeded(Discriminator, [8, 8, 8]), "does not fit")
    averaged = layouts.Network([("4x4/AdaIN/StyleMod/weight", np.zeros(2, "f4"))])
    with layouts.tensorflow():
        (tmp_path / "1.pkl").write_bytes(pickle.dumps((averaged, averaged, averaged), 4))
    with pytest.raises(GanvasError, match="StyleGAN of the first version"):
        import_model(tmp_path / "1.pkl", tmp_path / "out")


def test_the_reference_is_itself_what_the_sheet_says() -> None:
    generator = seeded(Generator, WIDTHS)
    z = torch.randn(3, 6)
    w = generator.mapping(z, None)
    torch.testing.assert_close(w, generator.mapping(5 * z, None))  # z is normalised
    assert unit(z).square().mean(1).tolist() == pytest.approx([1] * 3, rel=1e-5)
