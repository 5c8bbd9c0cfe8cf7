"""VGAN: what its generator pays for, its parts, and the model of the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.abilities.units import framed
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.saving import save_records
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.vgan import VGAN, recoloured
from ganvas.latent.units import most_excited
from ganvas.model import Provenance
from ganvas.model.exemplars import wander
from ganvas.model.features import Features
from ganvas.model.model import Model
from ganvas.model.trained import CannotError
from ganvas.play import Noise, Turns, build, has
from ganvas.play.abilities import CanSampleParts, HasUnits
from tests.games.clips import futures, shapes

SMALL = {"kind": "vgan", "width": 4}
AHEAD = {"generator": {"kind": "vgan_future", "width": 4}, "conditional": ["image"], "mask": 0}


def made(source: Source | None = None, **settings: Any) -> VGAN:
    told = {"generator": SMALL, "discriminator": SMALL, "latent": {"kind": "normal", "dim": 6}}
    config = VGAN.Config.model_validate(told | settings)
    return cast(VGAN, build(VGAN, config, (source or shapes()).spec, 0))


def future(**settings: Any) -> VGAN:
    return made(futures(), **{**AHEAD, "latent": {"kind": "none"}, **settings})


def model(game: VGAN) -> Model:
    return Model(game, Provenance(), device="cpu")


def table(game: VGAN, source: Source) -> tuple[Feed, Turns]:
    feed, turns = Feed(source, batch=4, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    return feed, turns


def lowered(game: VGAN, source: Source) -> tuple[Tensor, dict[str, Any], Batch, Batch]:
    feed, turns = table(game, source)
    real = feed.next()
    z = game.latents(real, turns)
    game.eval()
    loss = game.lowered(real, z, turns)
    return loss.value, dict(loss.statistics), real, z


def confusion(game: VGAN, real: Batch, z: Batch) -> Tensor:
    turns = Turns(game.players, Noise(0))
    return game.judge.confusion(real, game.generate(z), turns).value


@pytest.mark.parametrize(("frames", "side", "batch"), [(8, 8, 1), (16, 8, 4), (16, 16, 2)])
def test_a_mask_of_one_half_costs_a_twentieth(frames: int, side: int, batch: int) -> None:
    """Whatever the size of clips and batch: λ‖m‖₁ is λ times its mean."""
    game = made()
    mask = torch.full((batch, 1, frames, side, side), 0.5, requires_grad=True)
    cost = game.sparing(mask, 0.0)
    assert cost.item() == pytest.approx(0.05)
    (slope,) = torch.autograd.grad(cost, mask)
    torch.testing.assert_close(slope, torch.full_like(mask, 0.1 / mask.numel()))


def test_the_generator_pays_for_its_mask() -> None:
    game = made(mask=0.3)
    value, noted, real, z = lowered(game, shapes())
    mask = game.scene(z.x).mask.mean()
    torch.testing.assert_close(value, confusion(game, real, z) + 0.3 * mask)
    torch.testing.assert_close(noted["mask/mean"], mask)
    assert 0.3 < float(mask) < 0.7, "it begins near one half"


def test_the_discriminator_does_not() -> None:
    """One turn moves one player, and fakes carry no gradient into the other."""
    game = made()
    feed, turns = table(game, shapes())
    real = feed.next()
    fake = game.fakes(real, turns)
    assert not fake.x.requires_grad
    before = [p.clone() for p in game.discriminator.parameters()]
    with turns("generator") as generator:
        generator.minimise(game.lowered(real, game.latents(real, turns), turns))
    after = game.discriminator.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_one_stream_pays_nothing_and_has_no_parts() -> None:
    game = made(generator=SMALL | {"streams": "one"}, mask=50.0)
    value, noted, real, z = lowered(game, shapes())
    torch.testing.assert_close(value, confusion(game, real, z))
    assert "mask/mean" not in noted
    assert not has(game, CanSampleParts)
    with pytest.raises(UsageError, match="trained with one stream"):
        model(game).sample(2, parts=True)


def test_samples_come_with_their_parts_if_they_are_asked_for() -> None:
    its = model(made())
    assert [*its.sample(3).fields] == ["x"]
    items = its.sample(3, parts=True)
    assert [*items.fields] == ["x", "foreground", "mask", "masked", "background"]
    assert items["mask"].shape == (3, 8, 8, 8, 1)
    assert items["background"].shape == (3, 8, 8, 3)
    assert (items.x == its.sample(3).x).all()
    mask, x = items["mask"] / 255.0, items.x.astype(float)
    still = items["background"][:, None].astype(float)
    wanted = mask * items["foreground"].astype(float) + (1 - mask) * still
    assert abs(wanted - x).max() < 2, "they are what it is composed of, but for rounding"
    for way in (
        lambda: its.interpolate(0, 1, parts=True),
        lambda: its.square([0, 1, 2, 3], parts=True),
        lambda: wander(its, [(0, 0), (1, 0)], 3, parts=True),
    ):
        with pytest.raises(UsageError, match="parts=true is about samples .* not heeded here"):
            way()


def test_the_first_frame_is_to_be_the_image() -> None:
    game = future(first_frame=10.0)
    value, noted, real, z = lowered(game, futures())
    first = game.generate(z).x[:, :, 0]
    torch.testing.assert_close(real["image"], real.x[:, :, 0])
    distance = (real["image"] - first).abs().mean()
    torch.testing.assert_close(value, confusion(game, real, z) + 10 * distance)
    torch.testing.assert_close(noted["first_frame/distance"], distance)


def test_a_first_frame_that_is_off_by_a_tenth_costs_one() -> None:
    game, image = future(), torch.rand(2, 3, 8, 8)
    still = image[:, :, None].expand(-1, -1, 8, -1, -1)
    assert game.beginning(image, still).item() == 0
    assert game.beginning(image, still + 0.1).item() == pytest.approx(1.0, rel=1e-5)
    later = still.clone()
    later[:, :, 1:] += 1
    assert game.beginning(image, later).item() == 0, "what comes after costs nothing"


def test_the_judge_of_futures_sees_the_clip_alone() -> None:
    game = future()
    assert [*game.conditions] == ["image"]
    assert not game.judged
    x = torch.randn(3, 3, 8, 8, 8)
    game.eval()
    assert torch.equal(
        game.score(x, torch.randn(3, 3, 8, 8)), game.score(x, torch.ones(3, 3, 8, 8))
    )


def test_there_is_one_future_of_an_image() -> None:
    its = model(future())
    image = futures().items("test").x[0, 0]
    a, b = (its.sample(2, seed=seed, given={"image": image}).x for seed in (0, 1))
    assert (a == b).all()
    assert (a[0] == a[1]).all()


def test_a_future_has_no_latents_to_go_from_and_to() -> None:
    one = model(future())
    with pytest.raises(UsageError, match="hang on image alone: there are no latents to go from"):
        one.interpolate(0, 1)


def test_colours_of_a_future_can_be_those_of_its_image() -> None:
    """The first frame has the image's levels, each as often; the order of levels stays."""
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(2, 3, 4, 6, 6, generator=generator)
    image = torch.rand(2, 3, 6, 6, generator=generator)
    made = recoloured(clips, image)
    first, given = (x.flatten(2).sort(2).values for x in (made[:, :, 0], image))
    torch.testing.assert_close(first, given)
    order = clips.flatten(2).argsort(2)
    assert (made.flatten(2).gather(2, order).diff(dim=2) >= 0).all()
    torch.testing.assert_close(recoloured(clips, clips[:, :, 0])[:, :, 0], clips[:, :, 0])


def test_noise_in_the_discriminator_is_a_setting() -> None:
    game = made(discriminator=SMALL | {"noise": 0.2})
    feed, turns = table(game.train(), shapes())
    game.round(feed, turns)
    assert turns.steps == {"generator": 1, "discriminator": 1}


def test_labels_join_both_networks() -> None:
    game = made(conditional=["label"])
    feed, turns = table(game, shapes())
    game.round(feed, turns)
    assert game.judge.network.labels == "projection"
    assert len(model(game).sample(2, label="up").x) == 2


def test_colours_are_for_futures() -> None:
    with pytest.raises(UsageError, match="does not go on from an image"):
        model(made()).sample(2, colours=True)


def test_what_is_averaged_is_the_generator() -> None:
    assert [*made().averaged] == ["generator"]
    assert isinstance(made().generator, nn.Module)


def test_the_discriminator_gives_features_of_clips() -> None:
    """Behind each rectifier, pooled in space and time; of a batch each clip has its own."""
    its = model(made())
    found = Features(its)
    x = shapes().items("test").x[:6]
    features = found(x)
    assert features.shape == (6, found.width)
    assert len(found.layers) == 1
    np.testing.assert_allclose(found(x[:2]), features[:2], rtol=1e-4, atol=1e-6)


def test_parts_are_written_as_films_and_their_background_as_a_picture(tmp_path: Path) -> None:
    its = model(made())
    with its.posed(parts=True):
        fields = its.fields
    written = save_records(its.sample(4, parts=True), fields, tmp_path / "scenes.gif", 2)
    names = ["foreground.gif", "mask.gif", "masked.gif", "background.png"]
    assert [path.name for path in written] == ["scenes.gif", *(f"scenes-{name}" for name in names)]
    assert all(path.stat().st_size for path in written)


def test_what_excites_a_unit_and_where() -> None:
    """The images with the largest responses of all, and a box around the place of each."""
    game = future().eval()
    images = game.unit_images(futures().spec.domain.encode(futures().known.x))
    found = most_excited(lambda x: game.unit_maps(x, 1), images, 2, top=5)
    maps = game.unit_maps(images, 1)[:, 2]
    best = maps.flatten(1).amax(1)
    assert found.responses.tolist() == sorted(best.tolist(), reverse=True)[:5]
    for row, (left, top, right, bottom) in zip(found.rows, found.boxes.tolist(), strict=True):
        place = int(maps[row].argmax())
        down, across = place // maps.shape[2], place % maps.shape[2]
        assert left <= (across + 0.5) / maps.shape[2] <= right
        assert top <= (down + 0.5) / maps.shape[1] <= bottom
    pictures = framed(game.shown(images[found.rows]), found)
    assert pictures.shape == (5, 8, 8, 3)
    assert (pictures == 255).any()
    with pytest.raises(UsageError, match="has 1 convolutions"):
        game.unit_maps(images, 2)
    with pytest.raises(CannotError, match="trained to make clips of noise"):
        model(made()).asked(HasUnits)
