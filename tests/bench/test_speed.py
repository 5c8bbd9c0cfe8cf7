"""What the benchmark of speed counts, compares and says."""

from __future__ import annotations

import math
from multiprocessing import Pipe
from threading import Thread

import pytest
import torch
from torch import nn

from ganvas.bench.plain import PlainLoop
from ganvas.bench.rates import Rates, products, rates
from ganvas.bench.speed import AUTO, COMPILED, FP32, PLAIN, Case, Measured, cases, in_words, rows_of
from ganvas.bench.workers import CLOCKS, Lap, Readiness, Task, work
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.errors import GanvasError, UsageError
from ganvas.play import Game, Noise, Turns, build
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.average import MovingAverage

SMALL = ["data.source=digits8", "train.batch=4", "train.threads=1"]
TINY = [*SMALL, "game.generator={width: 4, stages: 2}", "game.discriminator={width: 4, stages: 2}"]
WIDTHS = ["game.generator.width=4", "game.discriminator.width=4"]
GROWN = ["game.growing.fade=0", "game.growing.rest=0"]
PENALISED = (
    "progressive/digits",
    "r3gan/digits",
    "wgan-gp/images",
    "wgan-gp/digits",
    "cgan/digits",
)


def begun(name: str, words: list[str]) -> tuple[Recipe, Source, Game]:
    recipe = load_recipe(name, words)
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    return recipe, source, game.train()


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 10, 3, 2, 1, bias=False),
        nn.Conv2d(6, 10, 4, 2, 1, groups=2, bias=False),
        nn.ConvTranspose2d(6, 10, 4, 2, 1, groups=2, bias=False),
        nn.Conv1d(6, 10, 3, bias=False),
    ],
)
def test_products_of_convolutions_are_those_of_the_matrices_that_they_are(
    layer: nn.Module,
) -> None:
    """As a matrix of one group's numbers a kernel has so many entries, each used at each place."""
    x = torch.randn(2, 6, *[8] * (layer.weight.dim() - 2), requires_grad=True)
    y = layer(x)
    small = x if isinstance(layer, nn.ConvTranspose2d) else y
    entries = layer.weight.numel() / small.shape[1]  # of a kernel, for each channel
    pairs = small.numel() * entries
    assert products(lambda: layer(x)) == 2 * pairs
    slope = torch.ones_like(y)
    assert products(lambda: layer(x).backward(slope)) == 3 * 2 * pairs
    x.requires_grad_(False)
    assert products(lambda: layer(x).backward(slope)) == 2 * 2 * pairs


def test_products_of_matrices() -> None:
    a, b = torch.randn(3, 5), torch.randn(5, 7)
    assert products(lambda: a @ b) == 2 * 3 * 5 * 7
    assert products(lambda: (a + 1).softmax(0)) == 0


def test_the_machine_has_a_rate() -> None:
    found = rates(torch.float32, torch.device("cpu"), CLOCKS["cpu"])
    assert 1e8 < found.matrices < 1e13
    assert 1e8 < found.convolutions < 1e13


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gan/ring8", ["train.batch=8"]),
        ("dcgan/digits", TINY),
        ("lsgan/digits", TINY),
        ("r3gan/digits", [*TINY, "data.labels=false"]),
        ("wgan-gp/images", TINY),
        ("wgan-gp/digits", [*SMALL, *WIDTHS]),
        ("r3gan/digits", [*TINY, "data.labels=false", "game.penalty_every=1"]),
        ("sngan/digits", [*SMALL, "game.monitor_every=0", *WIDTHS]),
        ("acgan/digits", [*SMALL, *WIDTHS]),
        ("acgan/digits", [*SMALL, *WIDTHS, "game.labels.own_fake_weight=0"]),
        ("cgan/digits", SMALL),
        ("wgan/digits", [*TINY, "game.warm_up={rounds: 1, steps: 3}"]),
        ("wgan-gp/digits", [*SMALL, *WIDTHS, "game.conditional=true", "game.labels.fakes=batch"]),
        ("progressive/digits", [*SMALL, *GROWN]),
    ],
)
def test_a_plain_loop_asks_for_the_same_products_as_the_library(
    name: str, words: list[str]
) -> None:
    recipe, source, game = begun(name, words)
    plain = PlainLoop(game, source, recipe.train)
    _, _, other = begun(name, words)
    turns = Turns(other.players, Noise(0))
    turns.hold()
    feed = Feed(source, batch=recipe.train.batch, seed=0, streams=other.streams())
    (stage,) = other.stages()
    cycle = math.lcm(*(player.lazy or 1 for player in other.players.values()))

    def play() -> None:
        for _ in range(cycle):
            stage.play(feed, turns)
            turns.round += 1

    def plainly() -> None:
        for _ in range(cycle):
            plain.play_round()

    written, own = products(plainly), products(play)
    # The slope of the loss at the images themselves, which nobody reads, is left out in one.
    assert (own < written < 1.25 * own) if name in PENALISED else (written == own), written / own
    assert plain.data.seen == feed.seen


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gan/ring8", []),
        ("wgan/ring8", ["game.warm_up={rounds: 1, steps: 3}"]),
        ("acgan/points", ["data.source=ring8"]),
    ],
)
def test_a_plain_loop_learns_what_the_library_learns(name: str, words: list[str]) -> None:
    """The same weights, the same data, the same latents: the same step of the discriminator."""
    words = [*words, "train.batch=8", "train.average={half_life: 1}"]
    recipe, source, game = begun(name, words)
    plain = PlainLoop(game, source, recipe.train)
    plain.play_round()
    _, _, other = begun(name, words)
    turns = Turns(other.players, Noise(0))
    turns.hold()
    turns.progress = 0.5
    average = MovingAverage.of(other, recipe.train.average)
    feed = Feed(source, batch=8, seed=0, streams=other.streams())
    other.round(feed, turns)
    for a, b in zip(game.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    average.settings = recipe.train.average.model_copy(update={"ramp_up": 0.0})
    average.update(feed.seen, feed.seen, 0.5)
    for a, b in zip(plain.average, average.values, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        ("veegan/ring8", [], "no plain loop is written for veegan"),
        ("gan/ring8", ["game.packing=2"], "with game.packing"),
        ("progressive/digits", [], "for networks that grow"),
        ("gan/ring8", ["game.penalties={r1: {kind: r1}}"], "with the penalties r1"),
    ],
)
def test_where_no_plain_loop_is_written_one_says_so(name: str, words: list[str], why: str) -> None:
    recipe, source, game = begun(name, words)
    with pytest.raises(GanvasError, match=why):
        PlainLoop(game, source, recipe.train)


def lap(seconds: float, rate: float = 1e9) -> Lap:
    return Lap(seconds, seconds / 4, seconds, Rates(rate, 2 * rate), 3 << 20)


def test_rows_compare_neighbours_and_tell_shares_of_the_machine() -> None:
    """The machine is half as fast in the second half; ratios and shares do not notice."""
    ready = Readiness(1, 1.0, 5e8, 64.0, "fp32", False, 1, 12.0, "train.channels_last=true, chosen")
    found = {
        way: Measured(ready, [lap(slow * each, 1e9 / slow) for slow in (1, 1, 2, 2)])
        for way, each in ((PLAIN, 1.2), (FP32, 1.0), (AUTO, 0.8))
    }
    plain, fp32, auto = rows_of(Case("dcgan/digits"), found, 1, "wall")
    assert auto["over_fp32"] == pytest.approx([1.25] * 3)
    assert auto["over_plain"] == pytest.approx([1.5] * 3)
    assert fp32["over_plain"] == pytest.approx([1.2] * 3)
    assert plain["over_plain"] is fp32["over_fp32"] is None
    assert auto["of_matrices"] == pytest.approx(0.5 / 0.8)
    assert auto["of_convolutions"] == pytest.approx(0.25 / 0.8)
    assert auto["in_system"] == pytest.approx(0.25)
    assert auto["memory_mib"] == 3
    assert auto["images_per_s"] == pytest.approx(64 / 1.2)
    told = (
        "dcgan/digits: train.channels_last=true, chosen; 1.25 times as fast as fp32 (quartiles "
        "1.25 to 1.25)"
    )
    assert in_words([plain, fp32, auto]) == told
    faster = {**auto, "way": COMPILED, "round_ms": auto["round_ms"] - 300}
    assert in_words([plain, fp32, auto, faster]) == (
        f"{told}; compiled in 12 s, rounds are 1.33 times as fast as auto's: pays after 40 rounds"
    )
    slower = {**auto, "way": COMPILED, "round_ms": 2 * auto["round_ms"]}
    assert in_words([plain, fp32, auto, slower]).endswith(
        "0.50 times as fast as auto's: never pays"
    )


def test_what_is_measured_is_named_before_anything_is_done() -> None:
    assert [case.recipe for case in cases(["gan/ring8", "train.batch=7"])] == ["gan/ring8"]
    assert {case.words[-1] for case in cases(["train.batch=7"])} == {"train.batch=7"}
    with pytest.raises(UsageError, match="dcgan/digits"):
        cases(["dcgan/digit"])


@pytest.mark.parametrize("plain", [False, True])
def test_a_seat_plays_blocks_when_it_is_told_to(plain: bool) -> None:
    task = Task("dcgan/digits", (*TINY, "train.accelerator=cpu"), plain=plain, clock="cpu")
    mine, theirs = Pipe()
    player = Thread(target=work, args=(theirs, task))
    player.start()
    ready = mine.recv()
    assert isinstance(ready, Readiness), ready
    assert ready.images == 4
    assert ready.products > 0
    mine.send(2)
    found = mine.recv()
    assert isinstance(found, Lap), found
    assert found.seconds > 0
    assert 0 <= found.system <= found.busy
    mine.send(0)
    player.join(60)
    assert not player.is_alive()


def test_a_seat_tells_what_is_wrong() -> None:
    mine, theirs = Pipe()
    work(theirs, Task("veegan/ring8", ("train.batch=8",), plain=True))
    assert "no plain loop is written for veegan" in str(mine.recv())
