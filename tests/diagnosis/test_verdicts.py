"""Rules of the diagnosis on made-up logs: each verdict, its near misses, and valid remedies."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ganvas.data.domains.images import Images
from ganvas.data.open import open_data
from ganvas.data.procedural import kind_of, procedural
from ganvas.data.settings import DataSettings
from ganvas.data.spec import DataSpec, spec_of
from ganvas.diagnosis import found as found_module
from ganvas.diagnosis.found import Found, Score, Table
from ganvas.diagnosis.horizon import Horizon
from ganvas.diagnosis.remedies import Causes, remedies
from ganvas.diagnosis.verdicts import Diagnosis, diagnose
from ganvas.games import find_game, systems
from ganvas.games.diwgan import DIWGAN
from ganvas.games.gan import GAN
from ganvas.play import Game, build
from ganvas.play.advice import Remedy, Sign, Verdict
from ganvas.play.shipped import Shipped
from ganvas.recipes import Recipe, load_recipe, names
from ganvas.recipes.shipped import shipped
from tests.training.players import log

RING = open_data(DataSettings(source="ring8")).spec
CLOUD = RING.model_copy(update={"name": "cloud.npy", "size": 2000})
PHOTOS = spec_of(name="photos", domain=Images(channels=3, height=64, width=64), size=900)
CONFIG: dict[str, Any] = {"train": {"rounds": 10_000, "batch": 64}}

ALL = {"modes": 8, "modes_strict": 8, "modes_near": 8, "hq": 95.0, "diversity": 1.0}
GOOD = {"ratio": 0.9, "precision": 0.8, "diversity": 1.0, "duplicates": 0.01}


def judged(
    rows: list[dict[str, Any]],
    coverage: dict[str, float],
    spec: DataSpec = RING,
    config: dict[str, Any] | None = None,
    game: type[Game] = GAN,
    **discriminator: float,
) -> Diagnosis:
    numbers = {f"coverage/{k}": float(v) for k, v in coverage.items()}
    numbers |= {f"discriminator/{k}": v for k, v in discriminator.items()}
    return diagnose(rows, numbers, config or CONFIG, spec, game)


def watched(rounds: int, at: Callable[[int], float], name: str = "modes_strict") -> Any:
    return log(rounds, **{f"coverage__{name}": at})


# ---- healthy ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spec", "numbers"), [(RING, ALL), (CLOUD, GOOD), (PHOTOS, GOOD)])
def test_good_numbers_are_healthy(spec: DataSpec, numbers: dict[str, float]) -> None:
    found = judged(log(10_000), numbers, spec, auc=0.7)
    assert found.verdict == "healthy"
    assert found.remedies == []
    assert not found.young
    assert found.warning(log(10_000)) is None


def test_young_runs_are_not_judged_and_say_so() -> None:
    found = judged(log(1900), {**ALL, "modes_strict": 1, "modes_near": 1, "diversity": 0.0})
    assert found.verdict == "healthy"
    assert found.young
    assert "only 19%" in found.evidence[0]
    assert "too early" in found.evidence[0]


def test_without_any_number_nothing_is_claimed() -> None:
    assert diagnose([], {}, {}, RING, GAN).evidence == ["nothing has been measured yet"]


# ---- collapsed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "numbers", "evidence"),
    [
        (RING, {**ALL, "modes_strict": 2, "modes_near": 2}, "near 2 of 8 modes"),
        (RING, {**ALL, "diversity": 0.1}, "differ 0.1 times"),
        (CLOUD, {**GOOD, "diversity": 0.29}, "differ 0.29 times"),
        (CLOUD, {**GOOD, "duplicates": 0.9, "ratio": 0.1}, "90% of the samples have a near copy"),
        (PHOTOS, {**GOOD, "class_entropy": 0.1, "classes": 1.0}, "fall into 1 class only"),
    ],
)
def test_collapse(spec: DataSpec, numbers: dict[str, float], evidence: str) -> None:
    found = judged(log(5000), numbers, spec)
    assert found.verdict == "collapsed"
    assert evidence in " ".join(found.evidence)


def test_losing_half_of_what_was_covered_is_a_collapse() -> None:
    rows = watched(5000, lambda r: 8.0 if r < 4000 else 5.0)
    assert judged(rows, {**ALL, "modes_strict": 3}).verdict == "collapsed"
    assert judged(rows, {**ALL, "modes_strict": 5}).verdict == "dropping modes"


@pytest.mark.parametrize(
    "numbers",
    [
        {**GOOD, "diversity": 0.31},
        {**GOOD, "duplicates": 0.9},  # a thin support that still covers the data
        {**GOOD, "class_entropy": 0.31, "classes": 3.0},
    ],
)
def test_near_misses_of_a_collapse(numbers: dict[str, float]) -> None:
    assert judged(log(5000), numbers, CLOUD).verdict == "healthy"


# ---- dropping modes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        (RING, {**ALL, "modes_strict": 7}),
        (CLOUD, {**GOOD, "ratio": 0.59}),
        (PHOTOS, {**GOOD, "classes_missing": 1.0, "classes": 9.0, "class_entropy": 0.9}),
    ],
)
def test_dropped_modes(spec: DataSpec, numbers: dict[str, float]) -> None:
    assert judged(log(5000), numbers, spec).verdict == "dropping modes"


def test_few_reals_with_all_the_weight_are_evidence() -> None:
    for entropy, verdict in ((0.6, "dropping modes"), (0.97, "healthy")):
        rows = log(5000, entropy__reals=lambda _, e=entropy: e)
        found = judged(rows, GOOD, CLOUD, game=DIWGAN)
        assert judged(rows, GOOD, CLOUD).verdict == "healthy"  # the number says nothing elsewhere
        assert found.verdict == verdict
        assert ("hardly met" in " ".join(found.evidence)) == (entropy < 0.85)
    both = judged(
        log(5000, entropy__reals=lambda _: 0.6), {**GOOD, "ratio": 0.4}, CLOUD, game=DIWGAN
    )
    assert len(both.evidence) == 3


def test_modes_still_being_found_are_not_dropped_until_the_end() -> None:
    for rounds, verdict in ((5000, "healthy"), (10_000, "dropping modes")):
        rows = watched(rounds, lambda r, n=rounds: 3.0 if r < 0.95 * n else 5.0)
        found = judged(rows, {**ALL, "modes_strict": 5})
        assert found.verdict == verdict
        assert not found.remedies or found.remedies[0].settings == ("train.rounds=20000",)
    rows = watched(5000, lambda _: 5.0)
    assert judged(rows, {**ALL, "modes_strict": 5}).verdict == "dropping modes"


def test_blurred_samples_are_told_from_missing_ones_at_the_end() -> None:
    blurred = {**ALL, "modes_strict": 1, "hq": 6.0}
    assert judged(log(5000), blurred).verdict == "healthy"
    found = judged(log(10_000), blurred)
    assert found.verdict == "dropping modes"
    assert "blurred" in found.evidence[-1]
    missing = {**blurred, "modes_near": 6}
    assert judged(log(5000), missing).verdict == "dropping modes"


def test_a_warning_of_missing_modes_waits_for_two_looks() -> None:
    one, two = (log(5000, every=100) for _ in range(2))
    for row in (one[-1], two[29], two[-1]):
        row["coverage/modes_strict"] = 4.0
    found = judged(two, {**ALL, "modes_strict": 4})
    assert found.verdict == "dropping modes"
    assert found.warning(one) is None
    assert (found.warning(two) or "").startswith("dropping modes: 4 of 8")


def test_a_warning_of_missing_modes_waits_for_the_learning_rates() -> None:
    rows = log(5000, coverage__modes_strict=4.0)
    missing = {**ALL, "modes_strict": 4}

    def config(**rate: float) -> dict[str, Any]:
        return {**CONFIG, "game": {"generator_optimiser": {"kind": "adam", "lr": rate or 1e-3}}}

    falling = judged(rows, missing, config=config(start=1e-3, end=0.0))
    assert falling.verdict == "dropping modes"
    assert falling.evidence[-1].startswith("learning rates are still high")
    assert falling.warning(rows) is None
    for settled in (config(), config(start=1e-3, end=5e-4), config(start=1e-3, end=0, until=0.5)):
        assert judged(rows, missing, config=settled).warning(rows) is not None
    assert judged(rows, {**missing, "modes_near": 2}, config=config(start=1e-3, end=0)).warning(
        rows
    )  # a collapse does not wait


# ---- discriminator overpowered ------------------------------------------------------------------


def test_a_discriminator_that_has_won() -> None:
    poor = {**ALL, "modes_strict": 5}
    assert judged(log(5000), poor, auc=0.99).verdict == "discriminator overpowered"
    assert judged(log(5000), poor, auc=0.97).verdict == "dropping modes"
    assert judged(log(5000), ALL, auc=0.99).verdict == "healthy"


def test_a_starved_generator() -> None:
    def norm(r: int) -> float:
        return 1.0 if r < 4000 else 1e-3

    found = judged(log(5000, grad_norm__generator=norm), ALL, auc=0.99)
    assert found.verdict == "discriminator overpowered"
    assert "gradient" in " ".join(found.evidence)
    assert judged(log(5000, grad_norm__generator=norm), ALL, auc=0.9).verdict == "healthy"


def test_a_discriminator_that_learnt_by_heart() -> None:
    config = {**CONFIG, "data": {"source": "photos", "mirror": False}}
    thin = {**GOOD, "ratio": 0.4}
    found = judged(log(5000), thin, PHOTOS, config, auc=0.8, overfit=0.9)
    assert found.verdict == "discriminator overpowered"
    assert found.remedies[0].settings == ("data.mirror=true",)
    assert judged(log(5000), GOOD, PHOTOS, config, overfit=0.9).verdict == "healthy"
    assert judged(log(5000), thin, PHOTOS, config, overfit=0.6).verdict == "dropping modes"


# ---- memorising ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "fresh", "verdict"),
    [
        (0.31, 0.0, "memorising"),
        (0.29, 0.0, "healthy"),
        (0.9, 0.85, "memorising"),
        (0.9, 0.87, "healthy"),
        (1.0, 1.0, "healthy"),
    ],
)
def test_copies_count_beyond_those_among_fresh_items(
    share: float, fresh: float, verdict: Verdict
) -> None:
    found = judged(log(5000), {**GOOD, "memorised": share, "memorised_fresh": fresh}, PHOTOS)
    assert found.verdict == verdict
    if verdict == "memorising":
        assert f"{share:.0%} of the samples" in found.evidence[0]
        assert f"of fresh items {fresh:.0%}" in found.evidence[0]


def test_few_training_items_given_back_are_memorised_and_few_of_many_a_collapse() -> None:
    thin = {**GOOD, "ratio": 0.2, "duplicates": 1.0, "memorised": 1.0, "memorised_fresh": 0.0}
    for size, verdict in ((5, "memorising"), (300, "memorising"), (8000, "collapsed")):
        spec = CLOUD.model_copy(update={"size": size})
        assert judged(log(5000), thin, spec).verdict == verdict
    assert judged(log(5000), {**thin, "memorised": 0.0}, CLOUD).verdict == "collapsed"


def test_against_memorising_stand_more_data_mirrors_changes_and_fewer_rounds() -> None:
    tree = load_recipe("r3gan/images").tree()
    texts = [r.text for r in remedies("memorising", Causes(), tree, PHOTOS, find_game("r3gan"))]
    assert texts[0].startswith("more images than these 900")
    assert texts[1:4] == [
        "data.mirror=true",
        "'game.augment={probability: 0.3}'",
        "train.rounds=25000",
    ]


# ---- diverging ----------------------------------------------------------------------------------


def event(kind: str, round: int, message: str = "gradients were not finite") -> dict[str, Any]:
    return {"round": round, "event": kind, "message": message}


def test_roll_backs_count_while_they_are_recent() -> None:
    assert judged([*log(1000), event("rollback", 900)], ALL).verdict == "diverging"
    found = judged([event("rollback", 900), *log(10_000)], ALL)
    assert found.verdict == "healthy"
    assert "1 roll-back earlier" in found.evidence[-1]
    collapse = event("rollback", 4900, "at round 5000 the generator collapsed: back to 4900")
    assert judged([*log(5000), collapse], ALL).verdict == "healthy"


def test_a_run_that_gave_up_diverged_unless_it_went_on() -> None:
    assert judged([*log(3000), event("failed", 3000)], ALL).verdict == "diverging"
    assert judged([*log(3000), event("failed", 3000), *log(5000)[30:]], ALL).verdict == "healthy"


def test_steps_left_out() -> None:
    def norm(r: int) -> float:
        return math.nan if r in (4600, 4800) else 1.0

    assert judged(log(5000, grad_norm__generator=norm), ALL).verdict == "diverging"
    once = log(5000, grad_norm__generator=lambda r: math.inf if r == 4600 else 1.0)
    assert judged(once, ALL).verdict == "healthy"


@pytest.mark.parametrize(
    ("last", "verdict"), [(150.0, "diverging"), (50.0, "healthy"), (1e6, "diverging")]
)
def test_growth_by_orders(last: float, verdict: Verdict) -> None:
    rows = log(5000, loss__generator=lambda r: -1.0 if r < 4000 else -last)
    assert judged(rows, ALL).verdict == verdict


def test_a_small_loss_may_grow() -> None:
    rows = log(5000, loss__discriminator=lambda r: 1e-4 if r < 4000 else 0.5)
    assert judged(rows, ALL).verdict == "healthy"


def test_young_runs_can_diverge() -> None:
    found = judged(log(200), {"finite": 0.25})
    assert found.verdict == "diverging"
    assert "75.0%" in found.evidence[0]


# ---- what a diagnosis can be made into ----------------------------------------------------------


def test_json_is_strict_and_complete() -> None:
    found = judged(log(5000), {**ALL, "modes_strict": 4})
    again = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert again["verdict"] == "dropping modes"
    assert again["played"] == 0.5
    assert again["evidence"] == found.evidence
    assert [r["settings"] for r in again["remedies"]] == [list(r.settings) for r in found.remedies]


def test_the_last_look_in_the_log_counts_where_there_is_no_fresh_one() -> None:
    rows = watched(10_000, lambda _: 4.0)
    assert diagnose(rows, {}, CONFIG, RING, GAN).verdict == "dropping modes"


def test_horizon_follows_stages_and_images() -> None:
    horizon = Horizon(rounds=None, kimg=10)
    warm = {"kimg": 2.0, "stage": "warm"}  # a stage of a length of its own says how far it is
    rows = [warm | {"round": 2, "progress": 0.5}, warm | {"round": 4, "progress": 1.0}]
    assert [horizon.read(row) for row in rows] == [0.5, 1.0]
    assert horizon.read({"round": 9, "kimg": 7.0, "stage": "main"}) == 0.5
    assert horizon.read({"round": 99, "kimg": 20.0, "stage": "main"}) == 1.0
    assert Horizon(None, None).read({"round": 5, "kimg": 1.0}) is None


# ---- remedies -----------------------------------------------------------------------------------

CASES: list[tuple[Verdict, Causes]] = [
    ("collapsed", Causes(weak=True)),
    ("dropping modes", Causes()),
    ("dropping modes", Causes(blurred=True, rising=True)),
    ("discriminator overpowered", Causes(memorised=True)),
    ("discriminator overpowered", Causes(starved=True)),
    ("memorising", Causes()),
    ("diverging", Causes()),
]


@cache
def spec_of(source: str) -> DataSpec:
    """Return the spec that remedies see, without reading data that may not be installed."""
    clips = source in procedural() and kind_of(source) == "videos"
    few = {"clips": 16, "held_out": 8} if clips else {}
    try:
        return open_data(DataSettings(source=source, variant=few)).spec
    except Exception:
        return PHOTOS


def proposed(recipe: Recipe, spec: DataSpec) -> list[Remedy]:
    known = shipped(recipe)
    found = (remedies(*case, recipe.tree(), spec, recipe.game_type, known) for case in CASES)
    return [*dict.fromkeys(chain.from_iterable(found))]


@pytest.mark.parametrize("recipe", names())
def test_every_remedy_is_valid_for_its_recipe_and_changes_it(recipe: str) -> None:
    before = load_recipe(recipe)
    for remedy in proposed(before, spec_of(before.data.source)):
        if remedy.command:
            words = shlex.split(remedy.command)
            assert words[:2] == ["ganvas", "train"]
            assert words[3:7:2] == ["--data", "--out"]
            load_recipe(words[2], words[7:], data=words[4])
        elif remedy.settings:
            after = load_recipe(recipe, remedy.settings)
            assert after != before, remedy
            assert shlex.split(remedy.text) == list(remedy.settings)


@pytest.mark.parametrize("recipe", [n for n in names() if n.endswith(("/ring8", "/digits"))])
def test_changed_recipes_build_their_games(recipe: str) -> None:
    loaded = load_recipe(recipe)
    spec = spec_of(loaded.data.source)
    for remedy in proposed(loaded, spec):
        if remedy.settings and not remedy.settings[0].startswith("train."):
            changed = load_recipe(recipe, remedy.settings)
            build(changed.game_type, changed.game_config, spec, 0)


@pytest.mark.parametrize("system", systems())
def test_no_verdict_leaves_a_system_without_a_remedy(system: str) -> None:
    recipe = next(name for name in names() if name.startswith(f"{system}/"))
    tree = load_recipe(recipe).tree()
    for verdict, causes in CASES:
        found = remedies(verdict, causes, tree, PHOTOS, find_game(system))
        assert 1 <= len(found) <= 5, verdict
    assert remedies("healthy", Causes(), tree, PHOTOS, find_game(system)) == []


OWN = {"size": 48, "channels": "rgb", "mirror": True, "hold_out": 0.2, "labels": False}


@pytest.mark.parametrize("recipe", ["gan/images", "dcgan/images", "svae/images", "cgan/images"])
def test_another_system_is_trained_on_the_same_data_treated_alike(recipe: str) -> None:
    settings = [f"data.{key}={json.dumps(value)}" for key, value in OWN.items()]
    run = load_recipe(recipe, settings, data="my photos")
    commands = [remedy.command for remedy in proposed(run, PHOTOS) if remedy.command]
    assert commands
    for command in commands:
        _, _, name, _, source, _, _, *words = shlex.split(command)
        told = load_recipe(name, words, data=source).data
        assert told.model_dump(include={"source", *OWN}) == {"source": "my photos", **OWN}


def test_no_system_is_proposed_that_has_no_recipe_for_the_data() -> None:
    tree = load_recipe("gan/ring8").tree()
    nothing = Shipped(data_of=lambda recipe, source: None)
    found = remedies("collapsed", Causes(), tree, RING, GAN, nothing)
    assert found
    assert not any(remedy.command for remedy in found)


@pytest.mark.parametrize(
    ("verdict", "coverage"),
    [
        ("collapsed", {**ALL, "modes_strict": 1, "modes_near": 1}),
        ("dropping modes", {**ALL, "modes_strict": 5}),
        ("dropping modes", {**ALL, "modes_strict": 1, "hq": 6.0}),
    ],
)
def test_a_short_run_is_to_be_longer_first(verdict: Verdict, coverage: dict[str, float]) -> None:
    recipe = load_recipe("gan/ring8")
    usual = recipe.train.rounds or 0

    def tried(rounds: int, known: Shipped | None) -> list[str]:
        tree = load_recipe("gan/ring8", [f"train.rounds={rounds}"]).tree()
        numbers = {f"coverage/{k}": float(v) for k, v in coverage.items()}
        found = diagnose(log(rounds), numbers, tree, RING, GAN, known)
        assert found.verdict == verdict
        return [remedy.text for remedy in found.remedies]

    short = tried(usual // 10, shipped(recipe))
    assert short[0] == f"train.rounds={usual}"
    for known in (shipped(recipe), Shipped(kimg=usual * 0.256)):  # log() has 256 images a round
        assert not any("rounds" in text or "kimg" in text for text in tried(usual, known))
    in_images = tried(usual // 10, Shipped(kimg=usual * 0.256))
    assert in_images[0] == f"train.kimg={usual * 0.256:g}"


def first(verdict: Verdict, recipe: str, *overrides: str, **causes: bool) -> str:
    loaded = load_recipe(recipe, overrides)
    return remedies(verdict, Causes(**causes), loaded.tree(), RING, loaded.game_type)[0].text


def test_best_remedies_know_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {name: Score(mean=mean, seeds=3) for name, mean in (("nsgan", 1), ("r3gan", 8))}
    table = Table(data="ring8", preset="toyV", modes=8, strict=scores)
    results = Found(lines=1, tier="cpu", tables=[table])
    monkeypatch.setattr("ganvas.diagnosis.remedies.found", lambda: results)
    assert "relativistic" in first("dropping modes", "gan/ring8")
    assert first("dropping modes", "r3gan/ring8") == "'game.gamma={start: 0.08, end: 0.0016}'"
    assert "lr=0.0005" in first("diverging", "gan/ring8")
    halved = "'game.generator_optimiser.lr={start: 0.0015, end: 7.5e-06}'"
    assert halved in first("diverging", "r3gan/ring8")
    assert "nonsaturating" in first(
        "discriminator overpowered",
        "gan/ring8",
        "game.objective={kind: minimax}",
        starved=True,
    )
    assert "constraint=null" in first("discriminator overpowered", "wgan/ring8")
    assert "norm=layer" in first("dropping modes", "dcgan/digits")
    command = "ganvas train r3gan/points --data ring8 --out runs/r3gan"
    weak = remedies("collapsed", Causes(weak=True), load_recipe("gan/ring8").tree(), RING, GAN)
    assert [weak[1].text, weak[3].text] == [command, "game.discriminator_steps=2"]


class Nobodys(Game):
    """A game that declares nothing."""

    system = "a:C"


class Own(Game):
    """A game of one's own with a sign and a remedy of its own."""

    system = "a:B"
    signs = (
        Sign("own/peace", "collapsed", "peace is down to {value:.1f}", below=0.5),
        Sign("own/war", "collapsed", "war is up to {value:.1f}", above=2.0),
    )
    advice: ClassVar[dict[str, Any]] = {
        "unsaturate": lambda _: Remedy("talking", ("game.talks=2",))
    }


def test_a_game_brings_its_own_signs_and_remedies() -> None:
    found = judged(log(5000, own__peace=0.3), GOOD, CLOUD, game=Own)
    assert found.verdict == "collapsed"
    assert found.evidence == ["peace is down to 0.3"]
    assert found.remedies[0] == Remedy("talking", ("game.talks=2",))
    found = judged(log(5000, own__peace=0.7, own__war=3.0), GOOD, CLOUD, game=Own)
    assert found.evidence == ["war is up to 3.0"]
    calm = log(5000, own__peace=0.7, own__war=1.0)
    assert judged(calm, GOOD, CLOUD, game=Own).verdict == "healthy"


def test_the_expert_system_names_no_system() -> None:
    """A new system's file says itself what is a sign of trouble, and what may be tried."""
    folder = Path(found_module.__file__).parent
    for path in folder.glob("*.py"):
        words = path.read_text("utf-8").lower().replace("_", "-")
        for system in systems():
            names = {system, system.replace("gan", "-gan"), system.replace("-", "")}
            told = [n for n in names if re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", words)]
            assert not told, f"{path.name} names {told}"


def test_settings_of_an_unknown_game_are_left_alone() -> None:
    found = remedies("collapsed", Causes(), {"game": {"system": "a:B"}}, RING, Nobodys)
    assert all(remedy.command for remedy in found)
