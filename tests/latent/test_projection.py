"""Projection: the sheet's schedule, noise maps and their regulariser, and what is found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.latent.likeness import Pixels
from ganvas.latent.projection import (
    Found,
    Schedule,
    autocorrelation,
    autocorrelation_penalty,
    project,
    renormalise,
)
from ganvas.latent.spaces import Space, spaces_of
from ganvas.play import Noise
from tests.latent.styled import Styled, styled

QUICK = Schedule(steps=80)


def white(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def noises(n: int) -> list[Noise]:
    return [Noise(number) for number in range(n)]


def search(
    space: Space, target: Tensor, schedule: Schedule = QUICK, every: int | None = None
) -> Found:
    middle = space.middle(draws=500)
    starts = middle[0].expand(1, len(target), *space.shape)
    told = (starts, middle, noises(len(target)), schedule)
    return project(space, target, Pixels(), *told, every=every)


@pytest.fixture(scope="module", name="game")
def fixture_game() -> Styled:
    return styled()


def test_the_schedule_of_rate_and_noise_is_the_papers() -> None:
    schedule = Schedule()
    assert schedule.rate_at(0) == 0
    assert schedule.rate_at(0.025) == pytest.approx(0.05)
    assert schedule.rate_at(0.5) == pytest.approx(0.1)
    assert schedule.rate_at(0.875) == pytest.approx(0.05)
    assert schedule.rate_at(1) == pytest.approx(0)
    assert schedule.jitter_at(0) == 0.05
    assert schedule.jitter_at(0.375) == pytest.approx(0.05 / 4)
    assert schedule.jitter_at(0.75) == schedule.jitter_at(0.9) == 0


def test_the_penalty_of_white_and_of_constant_maps() -> None:
    for side in (4, 8):
        found = autocorrelation_penalty([white(2000, 1, side, side)])
        assert float(found.mean()) == pytest.approx(2 / side**2, rel=0.1)
        assert autocorrelation_penalty([torch.ones(1, 1, side, side)]).item() == 2
    pyramid = white(2000, 1, 16, 16)
    twice = autocorrelation_penalty([pyramid]).mean()
    assert float(twice) == pytest.approx(2 / 16**2 + 2 / 8**2, rel=0.1)
    official = autocorrelation_penalty([pyramid], doubled=False).mean()
    assert float(official) == pytest.approx(2 / 16**2 + 2 / 8**2 / 16, rel=0.1)


def test_the_penalty_wraps_around_and_is_a_sum_over_maps() -> None:
    one, other = white(2, 1, 4, 6), white(2, 1, 8, 5, seed=1)
    wanted = np.zeros(2)
    for x in (one.numpy(), other.numpy()):
        for n in range(2):
            height, width = x.shape[2:]
            places = [(i, j) for i in range(height) for j in range(width)]
            across = [x[n, 0, i, j] * x[n, 0, i, j - 1] for i, j in places]
            down = [x[n, 0, i, j] * x[n, 0, i - 1, j] for i, j in places]
            wanted[n] += np.mean(across) ** 2 + np.mean(down) ** 2
    found = autocorrelation_penalty([one, other]).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_maps_are_renormalised_each_by_itself() -> None:
    maps = [3 * white(2, 1, 4, 4) + 5, white(2, 1, 8, 8)]
    renormalise(maps)
    for one in maps:
        torch.testing.assert_close(one.mean((1, 2, 3)), torch.zeros(2), atol=1e-6, rtol=0)
        torch.testing.assert_close(one.square().mean((1, 2, 3)), torch.ones(2))


@pytest.mark.parametrize("name", ["z", "w", "w+"])
def test_own_items_are_found_with_the_stored_noise(game: Styled, name: str) -> None:
    space = spaces_of(game)[name]
    x = space.synthesise(space.draw(4, Noise(5)))
    found = search(space, x, dataclasses.replace(QUICK, whiteness=None))
    first = (space.synthesise(space.middle(draws=500)[0][None]) - x).square().mean()
    # A search with other noise than the samples' leaves what noise makes of them: 0.05 and more.
    assert float(found.errors.median()) < 0.02 * float(first)
    assert found.maps == []


def test_what_is_reported_is_what_code_and_maps_give_again(game: Styled) -> None:
    space = spaces_of(game)["w"]
    found = search(space, 0.5 * white(3, 3, 8, 8), Schedule(steps=20), every=5)
    again = space.synthesise(found.codes, maps=found.maps)
    assert torch.equal(again, found.items)
    assert torch.equal(found.frames[-1], found.items)
    assert len(found.frames) == 5
    target = 0.5 * white(3, 3, 8, 8)
    torch.testing.assert_close(found.errors, (again - target).square().mean((1, 2, 3)))
    torch.testing.assert_close(found.distances, found.errors)
    for one in found.maps:
        torch.testing.assert_close(one.mean((1, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
        torch.testing.assert_close(one.square().mean((1, 2, 3)), torch.ones(3))


def test_each_item_is_found_alike_in_any_company(game: Styled) -> None:
    space = spaces_of(game)["w+"]
    target = 0.5 * white(3, 3, 8, 8)
    middle = space.middle(draws=500)
    starts = middle[0].expand(1, 3, *space.shape)
    few = Schedule(steps=15)
    told = (Pixels(), starts, middle, noises(3), few)
    together = project(space, target, *told)
    alone = project(space, target[1:2], Pixels(), starts[:, :1], middle, noises(3)[1:2], few)
    torch.testing.assert_close(together.codes[1:2], alone.codes, atol=1e-4, rtol=1e-3)


def test_the_regulariser_keeps_signal_out_of_the_noise(game: Styled) -> None:
    space = spaces_of(game)["w"]
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij"
    )
    target = (
        torch.stack([rows, columns, rows * columns])[None]
        * torch.tensor([1.0, -1.0])[:, None, None, None]
    )
    kept = search(space, target)
    free = search(space, target, dataclasses.replace(QUICK, whiteness=0.0))
    assert autocorrelation(kept.maps) < 0.05
    assert autocorrelation(free.maps) > 2 * autocorrelation(kept.maps)
    assert autocorrelation(free.maps) > 1.5 * autocorrelation(game.maps(64, Noise(0)))
    assert float(free.errors.mean()) < 0.8 * float(kept.errors.mean())


def test_noise_maps_are_searched_for_beside_codes(game: Styled) -> None:
    """One search moves the same maps all the way: noise that is not the stored one is found."""
    space = spaces_of(game)["w"]
    x = space.synthesise(space.draw(3, Noise(5)), maps=game.maps(3, Noise(6)))
    found, rigid = (
        search(space, x, dataclasses.replace(QUICK, whiteness=weight)) for weight in (0.0, None)
    )
    assert float(found.errors.max()) < 0.1 * float(rigid.errors.min())


def test_of_several_searches_each_items_best_one_counts(game: Styled) -> None:
    space = spaces_of(game)["z"]
    target = 0.5 * white(4, 3, 8, 8)
    middle = space.middle(draws=500)
    starts = white(3, 4, 6)
    few = Schedule(steps=8, whiteness=None)
    best = project(space, target, Pixels(), starts, middle, noises(4), few)
    each = [project(space, target, Pixels(), s[None], middle, noises(4), few) for s in starts]
    assert torch.allclose(best.distances, best.errors)
    # Streams of a search depend on its number, so that only the first of them is the same one.
    assert (best.distances <= each[0].distances + 1e-6).all()


def test_codes_are_kept_near_the_middle(game: Styled) -> None:
    space = spaces_of(game)["w+"]
    target = white(2, 3, 8, 8)
    mean, _ = space.middle(draws=500)
    far, near = (
        (search(space, target, Schedule(steps=25, closeness=c)).codes - mean).norm()
        for c in (0.0, 1.0)
    )
    assert near < 0.5 * far
