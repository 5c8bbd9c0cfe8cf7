"""Looking at a generator while it trains, and at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganvas.data.items import Items
from ganvas.data.source import Source
from ganvas.diagnosis.copying import ASKED, Copying, copying_of
from ganvas.diagnosis.finding import Finding
from ganvas.diagnosis.following import LATENTS, Following, conditions_like, following_of
from ganvas.diagnosis.look import Numbers, known_items, named, preference
from ganvas.diagnosis.obeying import ASKED as JUDGED
from ganvas.diagnosis.obeying import Obeying, obeying_of
from ganvas.diagnosis.verdicts import COLLAPSES, Diagnosis, diagnose
from ganvas.metrics.kind import Probe
from ganvas.metrics.of import measures_of
from ganvas.networks.conditions import Given, at
from ganvas.nn import drawing
from ganvas.play import Game, Noise, global_seed, has, seeded
from ganvas.play.abilities import CanSample, CanScore
from ganvas.play.shipped import Shipped
from ganvas.slices import slices

WATCH_SEED = 777
"""Run s is watched with latents of seed 777 + s, the same at every look."""

BATCH = 250
"""Samples that go through a network at once."""

Row = dict[str, Any]


class Watch:
    """Looks at a game's samples, and warns of a collapse; deterministic, and without side effects.

    It keeps nothing but what it computed of real items: what came before stands in the log, so a
    resumed run is watched as if it had never stopped.

    Args:
        source: the data.
        seed: the run's seed.
        rows: returns the rows of the run's log so far.
        config: the recipe as a tree of plain values; remedies are changes to it.
        shipped: what the packaged recipes say.
    """

    def __init__(
        self,
        source: Source,
        seed: int,
        rows: Callable[[], Sequence[Row]],
        config: Mapping[str, Any],
        shipped: Shipped | None = None,
    ) -> None:
        self._source, self._seed, self._shipped = source, seed, shipped
        self._rows, self._config = rows, config
        self._probe: Probe | None = None
        self._copying: Copying | None = None
        self._obeying: Obeying | None = None
        self._following: Following | None = None
        self._known: dict[str, Items] = {}

    def __call__(self, game: Game) -> Finding:
        """Look at a game in evaluation mode; say what is wrong, if it was not just said."""
        numbers = self.look(game)
        rows = self._rows()
        spec = self._source.spec
        found = diagnose(rows, numbers, self._config, spec, type(game), self._shipped)
        warning = found.warning(rows)
        collapsed = warning is not None and found.verdict in COLLAPSES
        return Finding(numbers, warning, collapsed)

    @torch.no_grad()
    def look(self, game: Game) -> Numbers:
        """Return ``coverage/…``, ``discriminator/…`` if there is one, and what the game gauges."""
        device = next((p.device for p in game.parameters()), torch.device("cpu"))
        with seeded(global_seed(WATCH_SEED + self._seed), device):
            noise = Noise(WATCH_SEED + self._seed, device)
            with drawing(game, noise.branch("layers")):
                return self._look(game, noise)

    def _look(self, game: Game, noise: Noise) -> Numbers:
        device = noise.device
        if self._probe is None:
            self._known = known_items(self._source)
            self._probe = measures_of(self._source, device).probe(self._real)
            self._copying = copying_of(self._source, self._known)
            if game.conditions.labelled:
                self._obeying = obeying_of(self._source, self._known)
            elif game.conditions:
                self._following = following_of(self._source, self._known, game.conditions)
        n = self._probe.samples
        assert has(game, CanSample)
        z = game.prior(n, noise)
        asked, told = None, None
        if game.conditions.labelled or not game.conditions:
            asked = self._source.classes_like(self._real, n) if game.conditions else None
            y = None if asked is None else torch.from_numpy(asked).to(device)
        else:  # conditions as the data have them, repeated
            told = conditions_like(game.conditions, self._source, self._real, n)
            y = at(game.conditions.of(told), slice(n), device)
        fake = _in_parts(game.sample, z, y)
        finite = fake.flatten(1).isfinite().all(1)
        if not finite.all():
            return {"coverage/finite": round(float(finite.double().mean()), 6)}
        numbers = named("coverage", self._probe(fake))
        decode = self._source.spec.domain.decode
        if self._copying is not None:
            numbers |= named("coverage", self._copying(decode(fake[:ASKED])))
        if self._obeying is not None and asked is not None:
            numbers |= named("coverage", self._obeying(decode(fake[:JUDGED]), asked[:JUDGED]))
        if self._following is not None and told is not None:
            few = told.rows(slice(JUDGED))
            again = _in_parts(game.sample, game.prior(len(few), noise), at(y, slice(JUDGED)))
            followed = self._following(fake[:JUDGED], again, few)
            if not z[0].numel():  # there are none that could have an effect
                del followed[LATENTS]
            numbers |= named("coverage", followed)
        judged = game.scores_are == "judgements" and "score" not in game.reads
        if judged and has(game, CanScore):
            first = slice(0, len(self._real))
            scores = _in_parts(game.score, fake[first], at(y, first))
            numbers |= self._judged(game, scores, device)
        x = self._source.spec.domain.encode(self._real.x).to(device)
        return numbers | _gauged(game, x)

    @property
    def _real(self) -> Items:
        """Held-out items, or training items where there are none."""
        return next(iter(self._known.values()))

    def _judged(self, game: Game, fake: Tensor, device: torch.device) -> Numbers:
        """Return how well the discriminator tells fakes, and training items, from fresh ones."""
        assert has(game, CanScore)
        encode = self._source.spec.domain.encode
        scores: dict[str, Tensor] = {}
        for name, items in self._known.items():
            x = encode(items.x).to(device)
            y = at(conditions_of(game, self._source, items), slice(None), device)
            scores[name] = _in_parts(game.score, x, y)
        fresh = next(iter(scores.values()))
        if not all(s.isfinite().all() for s in (fake, *scores.values())):
            return {}
        numbers = {"discriminator/auc": round(preference(fresh, fake), 6)}
        if len(scores) > 1:
            numbers["discriminator/overfit"] = round(preference(scores["train"], fresh), 6)
            numbers |= named("discriminator", {"gap": _gap(scores["train"], fresh, fake)})
            numbers |= _estimates(game, scores, fake)
        return numbers


def diagnose_run(
    game: Game,
    source: Source,
    rows: Sequence[Row],
    config: Mapping[str, Any],
    seed: int = 0,
    shipped: Shipped | None = None,
) -> Diagnosis:
    """Look afresh at a trained game, in evaluation mode, and diagnose its run.

    Args:
        game: with the weights that inference uses.
        source: the data it was trained on.
        rows: of the run's log.
        config: the recipe as a tree of plain values.
        seed: the run's seed.
        shipped: what the packaged recipes say.
    """
    preparing = _preparing(game, rows)
    numbers: Numbers = {}
    if has(game, CanSample) and not preparing:
        numbers = Watch(source, seed, lambda: rows, config).look(game)
    found = diagnose(rows, numbers, config, source.spec, type(game), shipped)
    if preparing and found.verdict == "healthy":
        evidence = f"the run is in its stage '{preparing}': the generator is not trained yet"
        return replace(found, evidence=[evidence])
    return found


def _preparing(game: Game, rows: Sequence[Row]) -> str | None:
    """Return the stage that a run is in, if it comes before the generator's training."""
    now = next((row["stage"] for row in reversed(rows) if "stage" in row), None)
    return now if any(s.prepares for s in game.stages() if s.name == now) else None


def _gauged(game: Game, x: Tensor) -> Numbers:
    """Return the game's own numbers about x (N, …), means over batches, as far as finite."""
    numbers: Numbers = {}
    for part in torch.split(x, BATCH):
        for name, value in game.gauge(part).items():
            numbers[name] = numbers.get(name, 0.0) + value * len(part) / len(x)
    return {name: float(f"{v:.6g}") for name, v in numbers.items() if math.isfinite(v)}


def _gap(train: Tensor, fresh: Tensor, fake: Tensor) -> float:
    """Return (E D(train) − E D(fresh)) / (E D(train) − E D(fake)): r_v of Karras et al. 2020.

    It is 0 where fresh items are judged as training items are, and 1 where as samples are.
    """
    known, new, made = (float(scores.double().mean()) for scores in (train, fresh, fake))
    return (known - new) / (known - made) if known != made else math.nan


def _estimates(game: Game, scores: Mapping[str, Tensor], fake: Tensor) -> Numbers:
    """Return the game's estimates from training and from held-out items, and their gaps.

    Both are of the same samples and weights, so a gap is what the discriminator knows by heart
    (Gulrajani et al. 2017, section 5.4).
    """
    n = min(len(fake), *map(len, scores.values()))
    train, held_out = (
        game.estimate(scores[split][:n], fake[:n]) for split in ("train", "held-out")
    )
    found = {
        name: (value, held_out[name])
        for name, value in train.items()
        if math.isfinite(value) and math.isfinite(held_out[name])
    }
    return {
        f"{name}_{what}": float(f"{number:.6g}")
        for name, (known, fresh) in found.items()
        for what, number in (("train", known), ("held_out", fresh), ("gap", known - fresh))
    }


def conditions_of(game: Game, source: Source, items: Items) -> Given:
    """Return the conditions of items as the game's networks take them; None if it has none."""
    if not game.conditions:
        return None
    told = source.batch(items.only(*game.conditions))
    return game.conditions.of(game.conditions.served(told))


def _in_parts(say: Callable[[Tensor, Given], Tensor], x: Tensor, y: Given) -> Tensor:
    """Return a game's answer for all of x (N, …) with its conditions, a batch at a time."""
    return torch.cat([say(x[part], at(y, part)) for part in slices(len(x), BATCH)]).float()
