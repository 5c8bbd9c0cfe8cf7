"""Projections of items into a model's spaces, encoders that are taught for it, pivotal tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganvas.data.progress import Progress
from ganvas.errors import UsageError
from ganvas.given import batches
from ganvas.latent.encoding import LESSONS, CodeEncoder, Lessons, encoder_for, teach
from ganvas.latent.likeness import PIXELS, likeness_of
from ganvas.latent.projection import SCHEDULE, Found, Schedule, autocorrelation, project
from ganvas.latent.spaces import Space
from ganvas.latent.tuning import TUNING, Tuning, tune
from ganvas.model.codes import Codes, items_of, space_in
from ganvas.model.kept import ENCODERS, TUNINGS, Kept, keep, kept, place_beside
from ganvas.model.labels import Labels, advice
from ganvas.model.trained import Array, FieldValues, Trained, block_seed
from ganvas.networks.conditions import Given, at
from ganvas.play import Noise, has
from ganvas.play.abilities import CanEncode, CanInfer, HasStyles

Start = Literal["middle", "encoder"]
REFINING = 0.2
"""Share of a search's rate that is left to one that begins with what an encoder says, unshaken."""


@dataclass(frozen=True, eq=False)
class Projection:
    """What came of searching for items.

    Attributes:
        codes: of the items found.
        items: these, in data units.
        errors: mean squared, in network units, (N,): of pixels four times those in [0, 1].
        distances: by the loss of the search, (N,).
        noise: lag-1 autocorrelation of the noise maps found; None of stored ones.
        frames: items on the way, (T, N, …) in data units, if they were asked for.
    """

    codes: Codes
    items: Array
    errors: Array
    distances: Array
    noise: float | None = None
    frames: Array | None = None


def default_space(model: Trained) -> str:
    """Return the space of projections if none is named: W where there are styles, else Z."""
    return "w" if has(model.game, HasStyles) else "z"


def project_items(
    model: Trained,
    x: Array,
    space: str | None = None,
    *,
    loss: str = PIXELS,
    schedule: Schedule = SCHEDULE,
    restarts: int = 3,
    start: Start = "middle",
    label: Labels = None,
    given: FieldValues = None,
    seed: int = 0,
    batch: int = 16,
    every: int | None = None,
) -> Projection:
    """Search for the codes of items, and for their noise maps where the generator has noise.

    Args:
        model: whose samples come near to the items.
        x: N items in data units.
        space: ``z``, ``w``, ``w+`` or ``s``; None: as `default_space` says.
        loss: what is minimised; see `likeness_of`.
        schedule: of each search.
        restarts: searches in Z, which begin with latents drawn; the best one counts.
        start: where they begin: in the middle of styles (latents: at drawn ones), or with what an
            encoder says (`teach_encoder`): then at a fifth of the rate, and with no jitter.
        label: classes of the items, one for all or one for each; a model with classes needs it.
        given: their other conditions, as for `Model.sample`.
        seed: of all draws.
        batch: items searched for at once; each is found alike in any company.
        every: steps between frames; None: no frames.

    Raises:
        UsageError: items have another shape than the model's, a name is none, or a class is
            missing.
    """
    model.domain.check(x)
    name = space or default_space(model)
    where, measure = space_in(model, name), likeness_of(loss, model.domain)
    if start == "encoder":
        schedule = replace(schedule, rate=REFINING * schedule.rate, jitter=0.0)
    y = conditions_for(model, label, given, len(x))
    middle = _middle(where, seed, y)
    found: list[Found] = []
    searches = 1 if start == "encoder" else restarts
    with Progress("steps of the search", len(x) * searches * schedule.steps) as progress:
        for part in batches(len(x), batch):
            target = model.domain.encode(x[part]).to(model.device)
            noises = [Noise(block_seed(seed, 1 + n)) for n in range(len(x))[part]]
            begins = (
                encoded(model, target, name)[None]
                if start == "encoder"
                else _starts(where, middle[0], noises, restarts)
            )
            own = at(y, part, model.device)
            told = (measure, begins, middle, noises, schedule)
            found.append(project(where, target, *told, y=own, every=every, done=progress.advance))
    layers = zip(*(one.maps for one in found), strict=True)
    maps = [torch.cat(layer).cpu() for layer in layers]
    about = {"method": "projection", "loss": measure.name, "start": start, **asdict(schedule)}
    decode = model.domain.decode
    times = zip(*(one.frames for one in found), strict=True)
    return Projection(
        Codes(name, torch.cat([one.codes for one in found]).cpu(), y, maps, found=about),
        np.concatenate([decode(one.items) for one in found]),
        _numbers([one.errors for one in found]),
        _numbers([one.distances for one in found]),
        autocorrelation(maps) if maps else None,
        np.stack([decode(torch.cat(frame)) for frame in times]) if every else None,
    )


def tune_to(
    model: Trained,
    codes: Codes,
    x: Array,
    name: str,
    *,
    loss: str = PIXELS,
    tuning: Tuning = TUNING,
    seed: int = 0,
) -> tuple[Codes, Kept]:
    """Tune a model so that codes give items; what is added to its weights is kept beside it.

    Args:
        model: it stays as it is.
        codes: the pivots, N of them.
        x: N items in data units.
        name: of the file beside the model.
        loss: what is minimised; see `likeness_of`.
        tuning: how.
        seed: of the codes at which the generator is held.

    Returns:
        The codes, which name the tuning from now on, and its file.

    Raises:
        UsageError: there is not one code for each item, or the model lies in no folder.
        GanvasError: the folder may not be written.
    """
    model.domain.check(x)
    if len(codes) != len(x):
        raise UsageError(f"a tuning needs one code for each item: {len(codes)} and {len(x)}")
    if codes.tuning:
        raise UsageError("these codes are pivots of a tuning: tune to those of ganvas project")
    path = place_beside(model, TUNINGS, name)
    where, measure = space_in(model, codes.space), likeness_of(loss, model.domain)
    y = at(codes.y, slice(None), model.device)
    _, sigma = _middle(where, seed, y)
    delta = tune(
        where,
        codes.x.to(model.device),
        model.domain.encode(x).to(model.device),
        measure,
        sigma,
        Noise(block_seed(seed, 1)),
        tuning,
        y=y,
        maps=[one.to(model.device) for one in codes.maps] or None,
    )
    about = {"space": codes.space, "loss": measure.name, **asdict(tuning)}
    file = keep(model, path, delta, about)
    found = {**codes.found, "tuning": {"file": file.path.name, **about}}
    return replace(codes, tuning=file.digest, found=found), file


def errors_of(model: Trained, codes: Codes, x: Array) -> Array:
    """Return the mean squared error of each code's item from an item, in network units, (N,)."""
    pairs = (model.domain.encode(array) for array in (items_of(model, codes), x))
    made, wanted = pairs
    return _numbers([(made - wanted).square().flatten(1).mean(1)])


# ---- encoders -----------------------------------------------------------------------------------


def teach_encoder(
    model: Trained,
    space: str | None = None,
    *,
    loss: str = PIXELS,
    lessons: Lessons = LESSONS,
    label: Labels = None,
    given: FieldValues = None,
    seed: int = 0,
    told: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
) -> Kept:
    """Teach an encoder of a space on a model's own pairs, and keep it beside the model.

    Args:
        model: makes the pairs.
        space: of the codes; None: as `default_space` says.
        loss: of items, beside that of codes.
        lessons: how.
        label: one class for all pairs; None: classes are drawn uniformly.
        given: other conditions of all pairs, as for `Model.sample`.
        seed: of the encoder's first weights and of the pairs.
        told: hears of each step's losses.

    Raises:
        UsageError: the model has no such space, conditions that cannot be drawn, or no folder.
        GanvasError: the folder may not be written.
    """
    name = space or default_space(model)
    where, measure = space_in(model, name), likeness_of(loss, model.domain)
    path = place_beside(model, ENCODERS, name.replace("+", "_plus"))
    y = model.said(1, label, given)
    middle = where.middle(block_seed(seed, 0), y=y)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(block_seed(seed, 1))
        encoder = encoder_for(model.domain, where.shape, middle, lessons.width)
    encoder.to(model.device)
    losses = dict[str, float]()
    for step, losses in enumerate(
        teach(encoder, where, measure, Noise(block_seed(seed, 2)), lessons, y)
    ):
        told(step, losses)
    about = {"space": name, "loss": measure.name, **asdict(lessons), "losses": losses}
    return keep(model, path, encoder.state_dict(), about)


@torch.no_grad()
def encoded(model: Trained, x: Tensor, space: str) -> Tensor:
    """Return the codes of items (N, *shape) in network units, as an encoder says.

    It is the one that was taught for this space; for W+ else that for W; for Z else the model's
    own.

    Raises:
        UsageError: there is none.
    """
    known = {one.told["space"]: one for one in _encoders(model)}
    if space == "z" and space not in known and has(model.game, CanInfer):
        return model.asked(CanEncode).encode(x)
    from_space = "w" if space == "w+" and space not in known else space
    if from_space not in known:
        there = f"there are some for: {', '.join(known)}" if known else "there is none yet"
        raise UsageError(
            f"this model has no encoder for the space '{space}'; {there}. Teach one with: ganvas "
            f"teach RUN --space {space}"
        )
    where, one = space_in(model, from_space), known[from_space]
    zero = torch.zeros(where.shape), 1.0
    encoder = encoder_for(model.domain, where.shape, zero, int(one.told["width"]))
    encoder.load_state_dict(one.tensors)
    codes = _codes(encoder.to(model.device).eval(), x)
    return codes if from_space == space else where.lift(codes, space)


def codes_of(
    model: Trained,
    x: Array,
    space: str | None = None,
    *,
    label: Labels = None,
    given: FieldValues = None,
) -> Codes:
    """Return the codes of items, as an encoder says that was taught, or the model's own.

    Args:
        model: whose codes.
        x: N items in data units.
        space: of the codes; None: as `default_space` says, if an encoder was taught for it, or else
            one that has an encoder.
        label: classes of the items, for models with classes: codes carry them.
        given: their other conditions, as for `Model.sample`.

    Raises:
        UsageError: there is no encoder, items have another shape, or a condition is missing.
    """
    model.domain.check(x)
    usual, taught = default_space(model), [one.told["space"] for one in _encoders(model)]
    name = space or (usual if usual in taught or not taught else taught[0])
    y = conditions_for(model, label, given, len(x))
    found = encoded(model, model.domain.encode(x).to(model.device), name)
    return Codes(name, found.cpu(), y, found={"method": "encoder"})


def _encoders(model: Trained) -> list[Kept]:
    return [] if model.folder is None else list(kept(model, ENCODERS))


def _codes(encoder: CodeEncoder, x: Tensor) -> Tensor:
    return torch.cat([encoder(part) for part in torch.split(x, 256)])


def _starts(space: Space, mean: Tensor, noises: list[Noise], restarts: int) -> Tensor:
    """Return where searches begin, (R, N, *shape): the middle of styles; of latents some draws."""
    if space.name != "z":
        return mean.to(space.device).expand(1, len(noises), *space.shape)
    drawn = [space.latents(restarts, noise.branch("starts")) for noise in noises]
    return torch.stack(drawn, dim=1)


def conditions_for(model: Trained, label: Labels, given: FieldValues, n: int) -> Given:
    """Return the conditions of n items that are searched for, on the CPU.

    Raises:
        UsageError: they are missing, or the model has others.
    """
    known = model.game.conditions
    if label is None and not given and known.classes:
        raise UsageError(f"items are found among samples of their class: {advice(known)}")
    return at(model.wanted(n, label, given), slice(None), "cpu")


def _middle(space: Space, seed: int, y: Given) -> tuple[Tensor, float]:
    """Return the middle of a space, among conditions that can be drawn, or else the items'."""
    drawn = space.game.conditions.uniform
    return space.middle(block_seed(seed, 0), y=None if drawn else y)


def _numbers(chunks: list[Tensor]) -> Array:
    return torch.cat([chunk.detach().float().cpu() for chunk in chunks]).numpy()
