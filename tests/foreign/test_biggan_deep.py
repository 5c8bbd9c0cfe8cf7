"""BigGAN-deep of Hugging Face: imported generators make what theirs make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import ganvas
from ganvas.api import import_model
from ganvas.cli.app import run
from ganvas.errors import GanvasError
from ganvas.model import Model
from ganvas.model.trained import CannotError
from tests.foreign.hugging_face import BigGAN


def filled(model: Any) -> Any:
    """Return a model with weights that tell all layouts apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
        z, one_hot = torch.randn(4, model.embeddings.out_features), torch.eye(5)[:4]
        for _ in range(3):  # vectors of spectral normalisation come near, not home
            model.train()(z, one_hot, 1.0)
    return model.eval()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[BigGAN, Path]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = filled(BigGAN())
    path = tmp_path_factory.mktemp("hub") / "tiny.bin"
    torch.save(model.state_dict(), path)
    return model, path


@pytest.fixture(scope="module")
def imported(theirs: tuple[BigGAN, Path]) -> Path:
    out = theirs[1].with_name("run")
    import_model(theirs[1], out)
    return out


@pytest.fixture(scope="module")
def mine(imported: Path) -> Model:
    return ganvas.load(imported, device="cpu")


def compared(model: Any, mine: Model, scaling: float, *, latent: int, classes: int) -> float:
    """Return the largest difference of images, with the statistics of a truncation."""
    z, y = torch.randn(4, latent), torch.tensor([0, 1, classes - 1, 2])
    one_hot = torch.nn.functional.one_hot(y, classes).float()
    with torch.no_grad(), mine.posed(scaling=scaling):
        return (model(z, one_hot, scaling) - mine.game.sample(z, y)).abs().max().item()


@pytest.mark.parametrize("scaling", [1.0, 0.4])
def test_images_are_those_of_the_other_program(
    theirs: tuple[BigGAN, Path], mine: Model, scaling: float
) -> None:
    assert compared(theirs[0], mine, scaling, latent=8, classes=5) < 1e-5


def test_other_truncations_have_other_statistics_and_those_between_lie_between(
    theirs: tuple[BigGAN, Path], mine: Model
) -> None:
    norm = mine.game.generator.last_norm
    means = theirs[0].generator.bn.running_means
    with mine.posed():
        torch.testing.assert_close(norm.running_mean, means[-1])
    with mine.posed(scaling=0.25):  # between the sets for 0.2 and 0.4, a quarter of the way
        torch.testing.assert_close(norm.running_mean, 0.75 * means[1] + 0.25 * means[2])
    torch.testing.assert_close(norm.running_mean, means[-1])


def test_the_older_format_of_torch_and_the_command(
    theirs: tuple[BigGAN, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, _ = theirs
    path, out = tmp_path / "old.bin", tmp_path / "old"
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    assert run(["import", str(path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "BigGAN-deep at 32×32" in said
    assert "apache-2.0" in said
    assert compared(model, ganvas.load(out, device="cpu"), 1.0, latent=8, classes=5) < 1e-5
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "| imported from | old.bin |" in card
    assert "Licence of the weights: apache-2.0." in card
    picture = str(tmp_path / "x.png")
    assert run(["sample", str(out), "--count", "2", "--label", "3", "--out", picture]) == 0
    assert run(["import", str(path), "--out", str(out)]) == 2  # it is there


def test_it_has_no_discriminator_and_says_so(mine: Model) -> None:
    assert "score" not in mine.capabilities
    with pytest.raises(CannotError, match="imported without a discriminator, has no 'score'"):
        mine.score(mine.sample(2).x, label=0)


@pytest.mark.slow
def test_a_new_run_starts_from_it(imported: Path, mine: Model, tmp_path: Path) -> None:
    words = ["train.rounds=1", "train.batch=4", "train.average=null", "game.judged=true"]
    words += ["train.watch_every=0", "train.sample_every=0", "evaluate.at_end=false"]
    words += ["game.discriminator.width=1", "game.generator_optimiser.lr=1e-12"]
    command = ["train", str(imported / "config.yaml"), "--from", str(imported), "--data", "digits8"]
    words += ["data.size=32", "data.resize=stretch", "data.channels=rgb", "game.orthogonality=null"]
    assert run([*command, "--out", str(tmp_path / "tuned"), *words]) == 0
    tuned = ganvas.load(tmp_path / "tuned", device="cpu")
    for name in ("project.weight", "last.weight", "blocks.3.convs.1.weight"):
        ours, new = (m.game.generator.state_dict()[name] for m in (mine, tuned))
        torch.testing.assert_close(ours, new)


def test_a_state_dict_with_a_layer_missing_is_refused_by_name(
    theirs: tuple[BigGAN, Path], tmp_path: Path
) -> None:
    state = dict(theirs[0].state_dict())
    del state["generator.layers.2.conv_1.bias"]
    torch.save(state, tmp_path / "odd.bin")
    with pytest.raises(GanvasError, match="not those of a BigGAN-deep .*conv_1.bias"):
        import_model(tmp_path / "odd.bin", tmp_path / "odd")
    assert not (tmp_path / "odd").exists()


def test_the_package_itself_agrees(tmp_path: Path) -> None:
    package = pytest.importorskip("pytorch_pretrained_biggan")
    ends = [(16, 8), (8, 4), (4, 2), (2, 1)]  # that program halves, from 16 widths on
    layers = [[up, a, b if up else a] for a, b in ends for up in (False, True)]
    config = package.BigGANConfig(
        output_dim=64, z_dim=16, class_embed_dim=16, channel_width=4, num_classes=5,
        layers=layers, attention_layer_position=4, eps=1e-4, n_stats=6,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = filled(package.BigGAN(config))
        for norm in model.modules():
            if hasattr(norm, "running_means"):
                norm.running_means.normal_()
                norm.running_vars.uniform_(0.5, 1.5)
        model.generator.bn.weight.data.uniform_(0.5, 1.5)
    torch.save(model.state_dict(), tmp_path / "package.bin")
    import_model(tmp_path / "package.bin", tmp_path / "run")
    mine = ganvas.load(tmp_path / "run", device="cpu")
    for scaling in (1.0, 0.4):
        assert compared(model, mine, scaling, latent=16, classes=5) < 1e-5
