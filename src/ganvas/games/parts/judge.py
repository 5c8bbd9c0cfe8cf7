"""A judge: a discriminator with its objective, penalties and views.

It knows what it minimises itself (`Judge.loss`) and what the generator lowers (`Judge.confusion`);
in which order they step is said by the round of each system. A game may have several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.games.parts.changes import Change
from ganvas.games.parts.lecam import Anchors, LeCam
from ganvas.games.parts.objectives import Objective
from ganvas.games.parts.penalties import (
    Penalty,
    logits_and_gradient,
    penalise,
    refuse_batch_norm,
    squared_norms,
)
from ganvas.games.parts.terms import FeatureMatching
from ganvas.networks.base import Discriminator, MemoryHead
from ganvas.networks.conditions import Conditions
from ganvas.nn import adopt, held, kinds_apart, widen
from ganvas.play import Loss, Turns

Statistics = dict[str, Tensor]


class Verdict(NamedTuple):
    """What a judge says of a batch.

    Attributes:
        logits: one for each item, (N,), or for each of its places, (N, …); several tensors of a
            judge that looks at several scales.
        classes: what a judge with an auxiliary head guesses of the conditions, (N, width): class
            logits (N, K) of classes; else None.
        features: hidden layers of the same pass, if they were asked for.
    """

    logits: Tensor | tuple[Tensor, ...]
    classes: Tensor | None = None
    features: Tensor | tuple[Tensor, ...] | None = None


class Verdicts(NamedTuple):
    """What a judge says of real samples, and of fakes."""

    real: Verdict
    fake: Verdict


class Seen(Protocol):
    """One change of what a judge is shown, real and fake under one law; may be a module."""

    def __call__(self, batch: Batch, turn: Turns) -> Batch:
        """Return the batch as the judge sees it."""
        ...


class Judge(nn.Module):
    """A discriminator, and everything by which it judges.

    Args:
        network: gives logits, and features.
        objective: the pair of losses.
        penalties: on the slope of the network, by name.
        views: what is done to all that is shown, in turn.
        conditions: what the network is given beside items.
        real_weight, fake_weight, own_fake_weight: of how badly a network that guesses conditions
            does so: of real samples in its own loss, of fakes in what the generator lowers, and of
            fakes in its own loss.
        matching: lets the generator match mean features, instead of or beside its loss.
        lecam: keeps logits near those of the other kind before.
        lazy: k > 1 plays penalties in a turn of their own every k-th round; else 0.
        player: the name under which the network steps.

    Attributes:
        separate: whether real and fake samples must be seen in separate passes, because the
            network has layers that follow or mix what they see, or that draw (batch norm, power
            iteration, minibatch discrimination, dropout).
        joint_backward: whether one pass gives logits and all gradients that are penalised (R1 with
            R2).
        follows: whether the head is a memory that follows what it judges.
    """

    def __init__(
        self,
        network: Discriminator,
        objective: Objective,
        *,
        penalties: Mapping[str, Penalty] | None = None,
        views: Iterable[Seen] = (),
        conditions: Conditions | None = None,
        real_weight: float = 1.0,
        fake_weight: float = 0.1,
        own_fake_weight: float = 0.0,
        matching: FeatureMatching | None = None,
        lecam: LeCam | None = None,
        lazy: int = 0,
        player: str = "discriminator",
    ) -> None:
        super().__init__()
        self.network = cast(Discriminator, adopt(network))
        self.objective = objective
        self.penalties = dict(penalties or {})
        self.views = list(views)
        self.changes = [view for view in self.views if isinstance(view, Change)]
        self.view_state = nn.ModuleList(v for v in self.views if isinstance(v, nn.Module))
        self.conditions = conditions or Conditions()
        self.real_weight, self.fake_weight = real_weight, fake_weight
        self.own_fake_weight = own_fake_weight
        self.matching = matching
        self.anchors = None if lecam is None else Anchors(lecam)
        self.lazy = lazy if self.penalties else 0
        self.player = player
        refuse_batch_norm(network, self.penalties)
        self.follows = isinstance(getattr(network, "head", None), MemoryHead)
        self.separate = kinds_apart(network)
        self.joint_backward = (
            {penalty.on for penalty in self.penalties.values()} == {"real", "fake"}
            and not (self.lazy or self.separate)
            and network.labels != "auxiliary"
        )
        self._shown: list[tuple[Batch, Batch]] = []

    # ---- judging --------------------------------------------------------------------------------

    def forward(self, x: Tensor, y: Any = None, features: bool = False) -> Verdict:
        """Return the verdict on items (N, *shape) as they are shown, given their conditions."""
        if not features and self.network.labels != "auxiliary":
            return Verdict(_wide(self.network(x, y)))
        logits, h = self.network.judge(x, y)
        classes = _wide(self.network.classify(h)) if self.network.labels == "auxiliary" else None
        return Verdict(_wide(logits), classes, h)

    def verdict(self, batch: Batch, features: bool = False) -> Verdict:
        """Return the verdict on a batch as it is shown."""
        return self(batch.x, self.conditions.of(batch), features)

    def see(self, turn: Turns, *batches: Batch) -> list[Batch]:
        """Return batches as the judge is shown them; no gradient passes."""
        with torch.no_grad():
            return [self.show(batch, turn) for batch in batches]

    def show(self, batch: Batch, turn: Turns) -> Batch:
        """Return a batch as the judge is shown it: changed, noisy, in packs, if at all.

        Of its fields the main one is left, and those that the network is given.
        """
        batch = batch.only(*self.conditions)
        for view in self.views:
            batch = view(batch, turn)
        return batch

    def both(self, real: Batch, fake: Batch, of: Callable[..., Verdict] | None = None) -> Verdicts:
        """Return the verdicts on real and fake samples, from one pass where that is the same.

        Args:
            real: as they are shown.
            fake: likewise.
            of: another judge with the same layers: this one some steps ahead.
        """
        judge = of or self
        given = self.conditions.of
        if self.separate:
            return Verdicts(judge(real.x, given(real)), judge(fake.x, given(fake)))
        joined = self._joined(real, fake)
        return _split(judge(joined.x, given(joined)), len(real))

    # ---- what the judge minimises ---------------------------------------------------------------

    def loss(self, real: Batch, fake: Batch, turn: Turns, *, seen: Verdicts | None = None) -> Loss:
        """Return what the judge minimises on real samples and fakes, as they are shown.

        Statistics are noted, so that of several steps in a round the last one is logged.

        Args:
            real: as they are shown.
            fake: likewise, without gradient to the generator.
            turn: for noise, schedules and statistics.
            seen: the verdicts on both, where they are known already.
        """
        squared = None
        if seen is None and self.joint_backward:
            seen, squared = self._with_slopes(real, fake)
        elif seen is None:
            seen = self.both(real, fake)
        loss, statistics = self._own_loss(seen, real, fake, turn.progress)
        self._tell(seen)
        lazily = None
        if self.penalties and not self.lazy:
            penalty, parts = self.penalty(real, fake, turn, squared)
            loss, statistics = loss + penalty, statistics | parts
        elif self.penalties:
            lazily = partial(self.penalty, real, fake, turn)
        turn.note(**self._as_own(statistics))
        if not self.follows:
            return Loss(loss, lazily=lazily)
        self._shown.append((real, fake))
        return Loss(loss, lazily=lazily, skip=not turn.steps[self.player])  # empty: no slope

    def _as_own(self, statistics: Statistics) -> Statistics:
        """Return numbers for the log; those of a further judge under names of their own."""
        of = "" if self.player == "discriminator" else f" of {self.player}"
        return {f"{name}{of}": value for name, value in statistics.items()}

    def loss_ahead(
        self, real: Batch, fake: Batch, turn: Turns, of: Callable[..., Verdict]
    ) -> Tensor:
        """Return the loss of this judge some steps ahead, penalties and all (`Turns.lookahead`)."""
        loss, _ = self._own_loss(self.both(real, fake, of), real, fake, turn.progress)
        if not self.penalties:
            return loss
        penalty, _ = self.penalty(real, fake, turn, of=of)
        return loss + penalty

    def _own_loss(
        self, seen: Verdicts, real: Batch, fake: Batch, progress: float
    ) -> tuple[Tensor, Statistics]:
        """Return the objective's loss, with those of guesses and of anchors, and what they say."""
        on_real, on_fake = seen
        loss = _each(self.objective.discriminator, on_real.logits, on_fake.logits)
        statistics: Statistics = {}
        if isinstance(on_real.logits, Tensor) and isinstance(on_fake.logits, Tensor):
            logits = on_real.logits.detach(), on_fake.logits.detach()
            statistics = self.objective.estimates(*logits, loss.detach())
        if on_real.classes is not None:
            if self.real_weight:
                statistics["classification/real"] = self._misjudged(on_real, real)
                loss = loss + self.real_weight * statistics["classification/real"]
            if self.own_fake_weight:
                loss = loss + self.own_fake_weight * self._misjudged(on_fake, fake)
        if self.anchors is not None:
            cost, statistics["lecam"] = self.anchors.cost(
                _flat(on_real.logits), _flat(on_fake.logits), progress
            )
            loss = loss + cost
        return loss, statistics

    def penalty(
        self,
        real: Batch,
        fake: Batch,
        turn: Turns,
        squared: tuple[Tensor, Tensor] | None = None,
        of: Callable[..., Verdict] | None = None,
    ) -> tuple[Tensor, Statistics]:
        """Return the sum of the weighted penalties, and each one alone for the log."""

        def judged(x: Tensor, y: Any) -> Tensor:
            assert of is not None
            return cast(Tensor, of(x, y).logits)

        network = self.network if of is None else judged
        total, parts = penalise(
            network,
            self.penalties,
            real,
            fake,
            turn.noise,
            turn.progress,
            squared,
            self.separate,
            self.conditions.of,
            self._back,
            like=self,
        )
        return total, {f"penalty/{name}": part for name, part in parts.items()}

    def _tell(self, seen: Verdicts) -> None:
        """Let views hear how sure the judge is of real samples, and anchors what it says."""
        if self.anchors is not None:
            self.anchors.hear(_flat(seen.real.logits), _flat(seen.fake.logits))
        with torch.no_grad():
            for view in self.changes:
                pairs = zip(_several(seen.real.logits), _several(seen.fake.logits), strict=True)
                sure = [
                    self.objective.believed(*pair).reshape(len(pair[0]), -1).mean(1)
                    for pair in pairs
                ]
                view.hear(torch.stack(sure).mean(0))

    def _back(self, batch: Batch, gradient: Tensor) -> Tensor:
        """Return the slope at samples before they were changed, from that at what was shown."""
        for view in reversed(self.changes):
            if view.field in batch:
                gradient = view.back(gradient, batch[view.field])
        return gradient

    def remember(self, turn: Turns) -> None:
        """Let views, anchors and memory, if any, follow what was seen in the turn just left."""
        for follower in (*self.changes, *([] if self.anchors is None else [self.anchors])):
            follower.adapt(turn)
        if not self.follows:
            return
        head, shown = cast(MemoryHead, self.network.head), self._shown
        self._shown = []

        def queries(side: int) -> Tensor:
            seen = (self.verdict(parts[side], features=True).features for parts in shown)
            return torch.cat([head.query(cast(Tensor, h)) for h in seen])

        with torch.no_grad(), held(self.network):
            change = head.memory.update(queries(0), queries(1))
        turn.note(**change.statistics(head.memory))

    # ---- what the generator lowers --------------------------------------------------------------

    def confusion(self, real: Batch, fake: Batch, turn: Turns) -> Loss:
        """Return what the generator minimises of fakes beside the real batch, neither shown yet.

        Gradients pass to the fakes through the views and the frozen network.
        """
        fake = self.show(fake, turn)
        return self.lowered(self.show(real, turn), fake)

    def lowered(
        self,
        real: Batch,
        fake: Batch,
        *,
        of: Callable[..., Verdict] | None = None,
        on_fake: Verdict | None = None,
        saturating: bool = False,
    ) -> Loss:
        """Return what the generator minimises of real samples and fakes, as they are shown.

        Args:
            real: as they are shown.
            fake: likewise.
            of: another judge with the same layers: this one some steps ahead.
            on_fake: the verdict on the fakes, where it is known already.
            saturating: raise the judge's own loss in place of the objective's generator loss.
        """
        statistics: Statistics = {}
        matching, matched, on_real = self.matching, None, None
        if of is not None:
            on_real, on_fake = self.both(real, fake, of)
        elif on_fake is None:
            on_fake = self.verdict(fake, features=matching is not None)
        assert on_fake is not None
        if matching is not None:
            with torch.no_grad():
                wanted = self.verdict(real, features=True).features
            found = on_fake.features
            if found is None:  # the verdict is of another judge
                found = self.verdict(fake, features=True).features
            matched = statistics["feature_matching"] = matching.loss(wanted, found)
            if matching.alone:
                return Loss(matched, statistics)
        if on_real is None and (self.objective.needs_real or saturating):
            on_real = self.verdict(real)
        loss = _each(
            self._against if saturating else self.objective.generator,
            None if on_real is None else on_real.logits,
            on_fake.logits,
        )
        if matched is not None:
            loss = loss + matched
        if on_fake.classes is not None:
            statistics["classification/fake"] = self._misjudged(on_fake, fake)
            loss = loss + self.fake_weight * statistics["classification/fake"]
        return Loss(loss, statistics)

    def _against(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −L_D, of which nobody but the generator has a gradient."""
        return -self.objective.discriminator(real, fake)

    def _joined(self, real: Batch, fake: Batch) -> Batch:
        names = [*self.conditions, *(view.field for view in self.changes)]
        return Batch.cat([batch.only(*names) for batch in (real, fake)])

    def _misjudged(self, verdict: Verdict, batch: Batch) -> Tensor:
        """Return how unlikely a batch's conditions are by what the network guesses."""
        return self.conditions.mismatch(cast(Tensor, verdict.classes), batch)

    def _with_slopes(self, real: Batch, fake: Batch) -> tuple[Verdicts, tuple[Tensor, Tensor]]:
        """Return the verdicts, and squared gradient norms on real samples and fakes, (N,) each."""
        joined, n = self._joined(real, fake), len(real)
        given = self.conditions.of(joined)
        logits, gradient = logits_and_gradient(self.network, joined.x, given, like=self)
        squared = squared_norms(self._back(joined, gradient))
        seen = Verdicts(Verdict(logits[:n]), Verdict(logits[n:]))
        return seen, (squared[:n], squared[n:])


def _flat(logits: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Return all logits of all scales in a row."""
    return torch.cat([one.flatten() for one in _several(logits)])


def _several(logits: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return logits of one scale or several as several."""
    return logits if isinstance(logits, tuple) else (logits,)


def _split(verdict: Verdict, n: int) -> Verdicts:
    """Return the verdicts on the first n items, and on the others."""

    def parts(of: Tensor | tuple[Tensor, ...] | None, where: slice) -> Any:
        if isinstance(of, tuple):
            return tuple(one[where] for one in of)
        return None if of is None else of[where]

    first, rest = slice(None, n), slice(n, None)
    return Verdicts(
        Verdict(*(parts(part, first) for part in verdict)),
        Verdict(*(parts(part, rest) for part in verdict)),
    )


def _each(
    loss: Callable[[Any, Any], Tensor],
    real: Tensor | tuple[Tensor, ...] | None,
    fake: Tensor | tuple[Tensor, ...],
) -> Tensor:
    """Return a loss of logits; of several scales the mean of theirs."""
    if not isinstance(fake, tuple):
        return loss(real, fake)
    several = real if isinstance(real, tuple) else [None] * len(fake)
    return torch.stack([loss(a, b) for a, b in zip(several, fake, strict=True)]).mean()


def _wide(logits: Any) -> Any:
    """Return logits in single precision at least: differences of rounded ones are coarse."""
    if isinstance(logits, tuple):
        return tuple(_wide(one) for one in cast(tuple[Tensor, ...], logits))
    return widen(logits)
