"""--from: what other sizes, channels and classes share is taken, and computes as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.api.transfer import start_from
from ganvas.data.domains.images import Images
from ganvas.data.spec import DataSpec, spec_of
from ganvas.games import find_game
from ganvas.games.parts.transfer import recolouring
from ganvas.model import save_model
from ganvas.nn import BilinearDown, BilinearUp
from ganvas.play import build

DCGAN = {"kind": "dcgan", "width": 4, "growth": "constant"}
R3 = {"kind": "r3", "width": 8, "group_width": 4, "blocks": 1}
STYLED = {"kind": "stylegan2", "maps": 32, "max_maps": 4}


def images(side: int = 16, channels: int = 3, names: str = "") -> DataSpec:
    domain = Images(channels=channels, height=side, width=side)
    return spec_of("made", domain, classes=len(names), class_names=list(names), size=8)


def game_of(system: str, network: dict[str, Any], spec: DataSpec, seed: int, **more: Any) -> Any:
    kind = find_game(system)
    pair = {"generator": network, "discriminator": network, "latent": {"kind": "normal", "dim": 4}}
    return build(kind, kind.Config.model_validate({**pair, **more}), spec, seed).eval()


def grown_from(
    tmp_path: Path, system: str, network: dict[str, Any], old: DataSpec, new: DataSpec, **more: Any
) -> tuple[Any, Any, list[str]]:
    """Return a game, one of other data that starts from it, and what is said of that."""
    before, after = (game_of(system, network, spec, n, **more) for n, spec in enumerate((old, new)))
    save_model(tmp_path / "model", before)
    return before, after, start_from(after, tmp_path)


def latents(n: int = 3) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(0))


def pictures(spec: DataSpec, n: int = 4) -> Tensor:
    return torch.randn(n, *spec.shape, generator=torch.Generator().manual_seed(1))


# ---- sizes --------------------------------------------------------------------------------------


def test_a_new_level_of_residual_blocks_leaves_what_is_computed(tmp_path: Path):
    # New blocks add 0 at first, and 1×1 convolutions commute with bilinear doubling and halving.
    old, new = images(8), images(16)
    before, after, _ = grown_from(tmp_path, "r3gan", R3, old, new)
    z, x = latents(), pictures(new)
    torch.testing.assert_close(after.generator(z), BilinearUp()(before.generator(z)))
    torch.testing.assert_close(after.discriminator(x), before.discriminator(BilinearDown()(x)))


def test_levels_of_a_discriminator_are_matched_at_the_coarsest(tmp_path: Path):
    old, new = images(16), images(32)
    before, after, said = grown_from(tmp_path, "gan", DCGAN | {"norm": "none"}, old, new)
    mine, theirs = after.discriminator.blocks, before.discriminator.blocks
    assert len(mine) == len(theirs) + 1
    assert mine[-1].conv.conv.weight.equal(theirs[-1].conv.conv.weight)
    assert not any(
        p.shape == q.shape and p.equal(q) and p.any()
        for p in mine[0].parameters()
        for q in theirs[0].parameters()
    )
    first = after.generator.blocks[0].conv.conv.weight
    assert first.equal(before.generator.blocks[0].conv.conv.weight)
    assert "new: nothing" not in said


@pytest.mark.parametrize(
    ("system", "network"),
    [("stylegan2", STYLED), ("progressive", {"kind": "progressive", "maps": 16, "max_maps": 4})],
)
def test_networks_that_count_from_the_coarsest_share_its_levels(
    tmp_path: Path, system: str, network: dict[str, Any]
):
    before, after, _ = grown_from(tmp_path, system, network, images(8), images(16))
    theirs = before.state_dict()
    for name, tensor in after.state_dict().items():
        if "blocks.0." in name or "mapping" in name or ".first." in name or ".last." in name:
            assert tensor.equal(theirs[name]), name


def test_smaller_from_larger(tmp_path: Path):
    before, after, _ = grown_from(tmp_path, "r3gan", R3, images(16), images(8))
    mine, theirs = (game.discriminator.levels[-1][0].mix.weight for game in (after, before))
    assert mine.equal(theirs)


# ---- channels -----------------------------------------------------------------------------------


def test_recolouring_by_hand():
    x = torch.tensor([0.3, 0.6, 0.9])
    assert (recolouring(1, 3) @ x[:1]).tolist() == pytest.approx([0.3] * 3)
    assert (recolouring(3, 1) @ x).tolist() == pytest.approx([0.6])
    assert (recolouring(3, 4) @ x).tolist() == pytest.approx([0.3, 0.6, 0.9, 0.0])
    assert (recolouring(4, 3) @ torch.tensor([0.3, 0.6, 0.9, 1.0])).tolist() == pytest.approx(
        x.tolist()
    )
    assert (recolouring(4, 1) @ torch.tensor([0.3, 0.6, 0.9, 1.0])).tolist() == pytest.approx([0.6])


CHANNELS = [(1, 3), (1, 4), (3, 1), (3, 4), (4, 3)]


@pytest.mark.parametrize(("had", "have"), CHANNELS)
@pytest.mark.parametrize(
    ("system", "network"),
    [
        ("gan", DCGAN | {"norm": "none"}),
        ("gan", {"kind": "resnet", "width": 4}),
        ("stylegan2", STYLED),
    ],
    ids=["dcgan", "resnet", "stylegan2"],
)
def test_images_are_recoloured_and_the_discriminator_judges_as_before(
    tmp_path: Path, system: str, network: dict[str, Any], had: int, have: int
):
    old, new = images(16, had), images(16, have)
    before, after, said = grown_from(tmp_path, system, network, old, new)
    bounded = system == "gan"
    z, x = latents(), pictures(new)
    was, now = before.generator(z), after.generator(z)
    was, now = (v.clamp(-0.9999, 0.9999).atanh() if bounded else v for v in (was, now))
    expected = torch.einsum("ij,njhw->nihw", recolouring(had, have), was)
    if have == 4:
        opaque = 0.998 if bounded else 1.0
        assert torch.allclose(after.generator(z)[:, 3], torch.tensor(opaque), atol=1e-4)
        assert any("alpha starts opaque" in line for line in said)
        expected, now = expected[:, :3], now[:, :3]
    torch.testing.assert_close(now, expected, atol=1e-4, rtol=1e-4)
    shown = torch.einsum("ij,njhw->nihw", recolouring(have, had), x)
    torch.testing.assert_close(
        after.discriminator(x), before.discriminator(shown), atol=1e-5, rtol=1e-4
    )


def test_packs_are_recoloured_image_by_image(tmp_path: Path):
    network = DCGAN | {"norm": "none"}
    before, after, _ = grown_from(tmp_path, "gan", network, images(16, 1), images(16, 3), packing=2)
    x = torch.randn(3, 6, 16, 16)
    shown = x.unflatten(1, (2, 3)).mean(2)
    torch.testing.assert_close(
        after.discriminator(x), before.discriminator(shown), atol=1e-5, rtol=1e-4
    )


def test_what_cannot_start_opaque_says_so(tmp_path: Path):
    *_, said = grown_from(tmp_path, "r3gan", R3, images(8, 3), images(8, 4))
    assert "alpha cannot start opaque: the generator's last layer has no bias" in said


# ---- classes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["concat", "projection", "auxiliary"])
def test_classes_are_known_by_their_names_and_new_ones_are_fresh(tmp_path: Path, labels: str):
    network = DCGAN | {"norm": "none"}
    more = {"conditional": True, "discriminator": network | {"labels": labels}}
    old, new = images(16, 3, "abc"), images(16, 3, "cxab")
    before, after, said = grown_from(tmp_path, "gan", network, old, new, **more)
    z, x = latents(4), pictures(new)
    for name in "abc":
        here, there = (torch.full((4,), list(n).index(name)) for n in ("cxab", "abc"))
        torch.testing.assert_close(after.generator(z, here), before.generator(z, there))
        mine, theirs = after.judge(x, here), before.judge(x, there)
        torch.testing.assert_close(mine.logits, theirs.logits, atol=1e-5, rtol=1e-4)
        if labels == "auxiliary":
            torch.testing.assert_close(mine.classes[:, [2, 3, 0]], theirs.classes)
    fresh = game_of("gan", network, new, 1, **more)
    column = after.generator.project.weight[:, 4 + 1]
    assert column.equal(fresh.generator.project.weight[:, 4 + 1])
    assert any(line.startswith("fitted to other channels or classes") for line in said)


def test_classes_where_there_were_none(tmp_path: Path):
    old, new = images(16), images(16, 3, "ab")
    network = DCGAN | {"norm": "none"}
    kind = find_game("gan")
    before = game_of("gan", network, old, 0)
    save_model(tmp_path / "model", before)
    config = {"generator": network, "discriminator": network | {"labels": "projection"},
              "latent": {"kind": "normal", "dim": 4}, "conditional": True}  # fmt: skip
    after: Any = build(kind, kind.Config.model_validate(config), new, 1)
    start_from(after, tmp_path)
    assert after.generator.project.weight[:, :4].equal(before.generator.project.weight)
    assert after.discriminator.head.score.weight.equal(before.discriminator.head.score.weight)


# ---- what belongs to a run ----------------------------------------------------------------------


def test_the_probability_of_changes_and_running_means_begin_anew(tmp_path: Path):
    more = {"ada": {"probability": 0.4}, "lecam": {}}
    before, after = (game_of("stylegan2", STYLED, images(16), n, **more) for n in range(2))
    before.judge.changes[0].p.fill_(0.7)
    before.judge.anchors.real.fill_(3.0)
    before.path.mean.fill_(5.0)
    before.generator.mean.value.fill_(2.0)
    save_model(tmp_path / "model", before)
    said = start_from(after, tmp_path)
    assert after.judge.changes[0].p.item() == pytest.approx(0.4)
    assert after.judge.anchors.real.item() == 0
    assert after.path.mean.item() == 0
    assert after.generator.mean.value.eq(2).all()
    assert said[-2:] == ["new: nothing", "dropped: nothing"]
