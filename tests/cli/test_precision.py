"""Precision and layout: chosen once, written down, kept by whoever goes on; models in either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils._pytree import tree_leaves

import ganvas
from ganvas.abilities.export import export_model
from ganvas.api.arithmetic import as_begun
from ganvas.data.domains.images import Images
from ganvas.data.spec import spec_of
from ganvas.games.gan import GAN, GANConfig
from ganvas.games.parts.priors.normal import Normal
from ganvas.model import Model, Provenance
from ganvas.networks import DCGANDiscriminator, DCGANGenerator
from ganvas.play import build
from ganvas.processor import processor
from ganvas.recipes import load_recipe
from ganvas.training.checkpoint import load_state, save_state
from ganvas.training.folder import RunFolder
from tests.cli.conftest import Ganvas

WIDE = {"kind": "dcgan", "width": 16, "stages": 2}
CHANGES: dict[str, Any] = {
    "data.source": "digits8",
    "game": {"generator": WIDE, "discriminator": WIDE},
    "evaluate": {"at_end": False},
}
QUIET: dict[str, Any] = {"rounds": 4, "batch": 4, "sample_every": 0, "watch_every": 0}


def train(out: Path, recipe: str | Path = "dcgan/digits", **settings: Any) -> RunFolder:
    named = CHANGES if recipe == "dcgan/digits" else {}
    quiet = {**QUIET, "log_every": 1, "tensorboard": False, "threads": 1, "accelerator": "cpu"}
    ganvas.train(recipe, out, quiet=True, **named, train={**quiet, **settings})
    return RunFolder(out)


def config(run: RunFolder) -> dict[str, Any]:
    return yaml.safe_load((run.path / "config.yaml").read_text())


def told(run: RunFolder, event: str) -> list[str]:
    return [row["message"] for row in run.rows() if row.get("event") == event]


def state(run: RunFolder) -> list[Tensor]:
    found, _ = run.load_checkpoint()
    assert found is not None
    parts = (found[part] for part in ("game", "average", "turns"))
    return [leaf for part in parts for leaf in tree_leaves(part) if isinstance(leaf, Tensor)]


def as_if_for(run: RunFolder, kind: str) -> None:
    """Let a run's settings have been chosen for another processor."""
    path, here = run.path / "config.yaml", processor().kind
    text = path.read_text()
    assert f"chosen_for: {here}" in text
    path.write_text(text.replace(f"chosen_for: {here}", f"chosen_for: {kind}"))


def test_auto_is_written_down_and_a_resumed_run_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    whole, parted = train(tmp_path / "whole"), train(tmp_path / "parted", stop_at=2)
    settings = config(whole)["train"]
    assert settings["precision"] == ("bf16" if processor().bfloat16 else "fp32")
    assert settings["channels_last"] is True
    (note,) = told(parted, "start")
    assert f"train.channels_last=true, chosen for {processor().kind}: " in note
    as_if_for(parted, "Z80")
    ganvas.resume(parted.path, quiet=True)
    (note,) = told(parted, "resume")
    assert f"were chosen for Z80, and this is {processor().kind}" in note
    assert note.endswith("the run keeps them")
    assert config(parted)["train"] == {**settings, "chosen_for": "Z80"}
    for a, b in zip(state(whole), state(parted), strict=True):
        assert a.equal(b)
        assert a.stride() == b.stride()


def test_a_run_without_these_settings_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    """Its settings, and those in its checkpoints, are of a version that did not have them."""
    asked = {"precision": "fp32", "channels_last": False}
    whole = train(tmp_path / "whole", **asked)
    parted = train(tmp_path / "parted", stop_at=2, **asked)
    old = config(parted)
    for key in ("precision", "channels_last", "chosen_for", "tf32"):
        del old["train"][key]
    (parted.path / "config.yaml").write_text(yaml.safe_dump(old))
    (checkpoint,) = parted.list_checkpoints()
    found = load_state(checkpoint)
    found["identity"]["recipe"] = json.dumps(old)
    save_state(checkpoint, found)
    ganvas.resume(parted.path, quiet=True)
    assert not told(parted, "resume")
    assert {key: config(parted)["train"][key] for key in asked} == asked
    assert all(a.equal(b) for a, b in zip(state(whole), state(parted), strict=True))


def test_bfloat16_without_hardware_trains_and_resumes_exactly(tmp_path: Path) -> None:
    asked = {"precision": "bf16", "channels_last": True}
    whole = train(tmp_path / "whole", **asked)
    parted = train(tmp_path / "parted", stop_at=2, **asked)
    ganvas.resume(parted.path, quiet=True)
    assert all(a.equal(b) for a, b in zip(state(whole), state(parted), strict=True))
    exact = train(tmp_path / "exact", precision="fp32", channels_last=True)
    assert not all(a.equal(b) for a, b in zip(state(whole), state(exact), strict=True))
    assert not told(exact, "start")
    slow = [note for note in told(whole, "start") if "does not multiply bfloat16" in note]
    assert len(slow) == (not processor().bfloat16)


def test_a_repeated_run_says_that_its_settings_are_for_another_processor(tmp_path: Path) -> None:
    first = train(tmp_path / "first", rounds=1)
    as_if_for(first, "Z80")
    (note,) = told(train(tmp_path / "again", first.path / "config.yaml", rounds=1), "start")
    assert note.endswith("train.precision=auto train.channels_last=auto choose anew")
    anew = {"rounds": 1, "precision": "auto", "channels_last": "auto"}
    again = train(tmp_path / "anew", first.path / "config.yaml", **anew)
    assert config(again)["train"]["chosen_for"] == processor().kind


def test_a_job_that_starts_again_keeps_what_was_chosen_when_it_began(tmp_path: Path) -> None:
    run = train(tmp_path / "run", rounds=1)
    as_if_for(run, "Z80")
    chosen = config(run)["train"]
    asked = load_recipe("dcgan/digits")
    settings = as_begun(asked, run).train
    assert (settings.precision, settings.channels_last) == (
        chosen["precision"],
        chosen["channels_last"],
    )
    assert settings.chosen_for == "Z80"
    told = load_recipe("dcgan/digits", ["train.precision=bf16", "train.channels_last=false"])
    settings = as_begun(told, run).train
    assert (settings.precision, settings.channels_last) == ("bf16", False)


def test_a_dry_run_says_what_auto_chooses(ganvas: Ganvas) -> None:
    words = ["data.source=digits8", "train.batch=4", "train.accelerator=cpu"]
    words += [
        f"game.{player}={{width: 16, stages: 2}}" for player in ("generator", "discriminator")
    ]
    said = ganvas("train", "dcgan/digits", "--dry-run", *words)
    assert f"chosen for {processor().kind}: " in said.out


def generators() -> tuple[Model, Model]:
    """Return one model of random weights in both precisions."""
    spec = spec_of(name="pictures", domain=Images(channels=3, height=16, width=16), size=100)
    networks = DCGANGenerator(width=16, init="default"), DCGANDiscriminator(width=16)
    config = GANConfig(latent=Normal(dim=5), generator=networks[0], discriminator=networks[1])
    single, rounded = (
        Model(build(GAN, config, spec, 1), Provenance(), "cpu", precision=precision)
        for precision in ("fp32", "bf16")
    )
    for model in (single, rounded):
        model.game.generator.last.conv.weight.mul_(5)  # as much contrast as pictures have
    return single, rounded


def test_samples_in_both_precisions_agree() -> None:
    """Half a grey level of 255 on average, and four in any pixel of soft images."""
    single, rounded = (model.sample(32, seed=3).x.astype(int) for model in generators())
    apart = np.abs(single - rounded)
    assert single.std() > 20
    assert 0 < apart.mean() < 0.5
    assert apart.max() <= 4


def test_graphs_are_exported_in_single_precision(tmp_path: Path) -> None:
    single, rounded = generators()
    export_model(rounded, tmp_path / "graph.pt2", "torch")
    graph = torch.export.load(tmp_path / "graph.pt2").module()
    z = single.latents(9, seed=5)[0].clone()
    with torch.no_grad():
        assert torch.allclose(graph(z), single.game.sample(z), atol=1e-5)
        assert not torch.allclose(graph(z), rounded.game.sample(z), atol=1e-5)
