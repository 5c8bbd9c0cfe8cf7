"""Directions as ``ganvas directions`` finds them, with its tables and sheets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganvas.cli.exemplars import rows
from ganvas.cli.scoring import Column, chosen, read_scores, read_table, say_withheld
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError
from ganvas.given import require_folder, require_place

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from ganvas.latent.boundaries import Boundary
    from ganvas.latent.directions import Direction
    from ganvas.latent.spaces import Space
    from ganvas.model import Model
    from ganvas.model.attributes import Drawn
    from ganvas.model.exemplars import Place
    from ganvas.model.trained import Array
    from ganvas.networks.conditions import Given

    Floats = npt.NDArray[np.float64]

MANY = 6_000
"""Samples that are scored."""
SHOWN = 5
"""Samples of each kind in a row of a sheet."""
STEPS = 7
"""Pictures of a way along a direction."""
TABLE = "directions.json"


@dataclass(frozen=True)
class Asked:
    """Which samples are looked at.

    Attributes:
        count, seed: samples 0, 1, … of the seed, so many; None: 6,000, or as many as
            a table has.
        label: one class for all, if the model has classes.
        given: other conditions by field.
        options: of samples.
    """

    count: int | None
    seed: int
    label: str | None
    given: Mapping[str, Any]
    options: Mapping[str, Any]

    def drawn(self, model: Model, which: int | Sequence[Place]) -> Drawn:
        """Return samples 0, 1, …, so many, or those named.

        Raises:
            UsageError: an option or a condition makes no sense for the model.
        """
        from ganvas.model.attributes import drawn

        return drawn(model, which, self.seed, self.label, self.given, **self.options)


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was found in one space.

    Attributes:
        space: in which.
        directions: by name.
        codes: those that it was found among, (N, *shape).
        y: their conditions.
        boundaries: how well each direction parts; of nothing none was learnt.
        scores: (N, m) of its attributes, if there are any.
        shares: of what each direction accounts for, if none was learnt.
        options: of samples.
    """

    space: Space
    directions: Mapping[str, Direction]
    codes: Tensor
    y: Given
    boundaries: Mapping[str, Boundary]
    scores: Floats | None = None
    shares: Sequence[float] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def spread(self, name: str) -> float:
        """Return the standard deviation of codes along a direction."""
        return float(self.directions[name].distances(self.codes).std())


def learnt_of_scores(
    model: Model,
    word: str,
    spaces: Sequence[str],
    attributes: Sequence[str] | None,
    asked: Asked,
    *,
    share: float,
    threshold: float | None,
) -> list[Learnt]:
    """Return the planes of each attribute in each space, of samples that are scored once.

    Raises:
        UsageError: scores or options make no sense.
    """
    from ganvas.model.attributes import scores_of

    found = read_scores(word, model)
    say_withheld(found.withheld)
    if found.ready is not None:
        if asked.count not in (None, len(found.ready.values)):
            raise UsageError(
                f"{word} has scores of {len(found.ready.values)} samples, and --count is "
                f"{asked.count}: leave it out, or score so many"
            )
        codes = _of_table(model, found.ready, asked)
        names, scores = found.ready.names, found.ready.values
    else:
        assert found.scoring is not None
        codes = asked.drawn(model, asked.count or MANY)
        names = tuple(found.scoring.names)
        scores = scores_of(
            *(model, found.scoring, codes.spaces["z"], codes.z, codes.y), **codes.options
        )
    columns = chosen(names, attributes)
    picked = [names[i] for i in columns]
    how = {"share": share, "threshold": threshold}
    return [_learnt(codes, space, picked, scores[:, columns], how) for space in spaces]


def learnt_of_labels(
    model: Model,
    path: Path,
    spaces: Sequence[str],
    attributes: Sequence[str] | None,
    asked: Asked,
) -> list[Learnt]:
    """Return the planes of attributes of samples that somebody looked at.

    Raises:
        UsageError: the table, or an option, makes no sense; or a label has one side only.
    """
    from ganvas.latent.boundaries import boundary_of_labels

    told = read_table(path, labels=True)
    codes = _of_table(model, told, asked)
    found: list[Learnt] = []
    for space in spaces:
        of = codes.of(space)
        planes: dict[str, Boundary] = {}
        for column in chosen(told.names, attributes):
            name = told.names[column]
            try:
                planes[name] = boundary_of_labels(of, told.values[:, column])
            except UsageError as error:
                raise UsageError(f"{path}, {name}: {error}") from None
        ways = {name: plane.direction for name, plane in planes.items()}
        found.append(Learnt(codes.spaces[space], ways, of, codes.y, planes, options=codes.options))
    return found


def found_without_labels(
    model: Model,
    space: str,
    number: int,
    asked: Asked,
    *,
    components: bool,
    slots: Sequence[int] | None,
) -> Learnt:
    """Return directions of the weights, or principal components of codes.

    Raises:
        UsageError: there are fewer, or slots or a space make no sense.
        CannotError: slots are asked for, and the generator has none.
    """
    from ganvas.latent.factorised import closed_form
    from ganvas.latent.factorised import components as principal
    from ganvas.model.maps import first_map, first_outputs, style_maps

    codes = asked.drawn(model, asked.count or MANY)
    of = codes.of(space)
    if components:
        seen = first_outputs(model, codes.z, codes.y) if space == "z" else None
        found = principal(of, number, seen)
    else:
        if space not in ("z", "w"):
            raise UsageError(f"--closed-form is for the spaces z and w, not for {space}")
        maps = [first_map(model, codes.y)] if space == "z" else style_maps(model, slots, codes.y)
        found = closed_form(maps, number, of.double().mean(0).flatten())
    stem = "component" if components else "direction"
    ways = {f"{stem}_{i:02d}": way for i, way in enumerate(found.directions)}
    shares = list(map(float, found.weights))
    return Learnt(codes.spaces[space], ways, of, codes.y, {}, None, shares, codes.options)


def _of_table(model: Model, told: Column, asked: Asked) -> Drawn:
    return asked.drawn(model, len(told.values) if told.samples is None else told.samples)


def _learnt(
    codes: Drawn, space: str, names: Sequence[str], scores: Floats, how: Mapping[str, Any]
) -> Learnt:
    from ganvas.model.attributes import boundaries

    of = codes.of(space)
    found = boundaries(of, scores, names, **how)
    ways = {name: plane.direction for name, plane in found.items()}
    return Learnt(codes.spaces[space], ways, of, codes.y, found, scores, (), codes.options)


# ---- what is said and written ------------------------------------------------------------------


def say_tables(learnt: Learnt) -> None:
    """Say how well each direction parts, and how far directions and scores are entangled."""
    from ganvas.latent.boundaries import correlations, cosines, entanglement, separability

    names = list(learnt.directions)
    if not learnt.boundaries:
        lines = [
            (name, f"{share:.1%}", f"{learnt.spread(name):.3g}")
            for name, share in zip(names, learnt.shares, strict=True)
        ]
        say(table(lines, (f"in {learnt.space.name}", "share", "spread of codes")))
        return
    lines = [
        (
            name,
            f"{plane.validation:.1%} of {plane.validated}",
            "–" if plane.remaining is None else f"{plane.remaining:.1%} of {plane.others}",
            f"{learnt.spread(name):.3g}",
        )
        for name, plane in learnt.boundaries.items()
    ]
    header = (f"in {learnt.space.name}", "validation", "remaining codes", "spread of codes")
    say(table(lines, header))
    if learnt.scores is not None:
        found = separability(learnt.codes, learnt.scores)
        say(f"linear separability in {learnt.space.name}: {found:.2f}, 1 if planes tell everything")
    if len(names) < 2:
        return
    matrix = cosines(list(learnt.directions.values()))
    say(f"\ncosines of normals in {learnt.space.name}, mean {entanglement(matrix):.2f}:")
    say(_square(names, matrix))
    if learnt.scores is not None:
        say("\ncorrelations of scores:")
        say(_square(names, correlations(learnt.scores)))


def _square(names: Sequence[str], matrix: Floats) -> str:
    lines = [(name, *(f"{x:.2f}" for x in row)) for name, row in zip(names, matrix, strict=True)]
    return table(lines, ("", *names))


def check_place(out: Path, *, several: bool) -> None:
    """Refuse a place where directions cannot go, before any work is done.

    Raises:
        UsageError: ``out`` is a file and there are several directions, or the folder is in use.
    """
    from ganvas.files import require_free
    from ganvas.model.directions import SUFFIX

    if out.suffix and (several or out.suffix.lower() != SUFFIX):
        raise UsageError(
            f"--out {out}: several directions go into a folder; give one without a suffix, or "
            "choose one with --attribute"
        )
    if out.suffix:
        require_place(out)
    else:
        require_folder(out)
        require_free(out)


def write_directions(
    out: Path, learnt: Sequence[Learnt], model: Model, found: Mapping[str, Any]
) -> None:
    """Write the direction of one attribute as a file, or those of several into a folder.

    With several spaces each has a folder inside. A folder also holds `TABLE`, all numbers.

    Raises:
        UsageError: ``out`` is a file and there are several directions, or the folder is in use.
    """
    from ganvas.files import disk_errors, write_whole
    from ganvas.model.directions import SUFFIX, save_direction

    check_place(out, several=sum(len(one.directions) for one in learnt) > 1)
    if not out.suffix:
        with disk_errors(out):
            out.mkdir(parents=True, exist_ok=True)
    for one in learnt:
        folder = out / one.space.name if len(learnt) > 1 else out
        if not out.suffix:
            with disk_errors(folder):
                folder.mkdir(exist_ok=True)
        for name, direction in one.directions.items():
            path = out if out.suffix else folder / f"{name}{SUFFIX}"
            told = {**found, "attribute": name, **_numbers(one, name)}
            save_direction(path, direction, model, told, one.space.name)
    if not out.suffix:
        write_whole(out / TABLE, json.dumps([_summary(one) for one in learnt], indent=1).encode())
    say(f"{sum(len(one.directions) for one in learnt)} directions: {out}")


def _numbers(learnt: Learnt, name: str) -> dict[str, Any]:
    numbers: dict[str, Any] = {"spread": learnt.spread(name)}
    if plane := learnt.boundaries.get(name):
        numbers |= {
            "validation": plane.validation,
            "remaining": plane.remaining,
            "threshold": plane.threshold,
            "codes": [plane.train, plane.validated, plane.others],
        }
    elif learnt.shares:
        numbers["share"] = learnt.shares[list(learnt.directions).index(name)]
    return numbers


def _summary(learnt: Learnt) -> dict[str, Any]:
    from ganvas.latent.boundaries import correlations, cosines

    names = list(learnt.directions)
    several = len(names) > 1
    return {
        "space": learnt.space.name,
        "directions": {name: _numbers(learnt, name) for name in names},
        "cosines": cosines(list(learnt.directions.values())).tolist() if several else [],
        "correlations": correlations(learnt.scores).tolist()
        if several and learnt.scores is not None
        else [],
    }


def sheet(model: Model, learnt: Learnt) -> tuple[Array, int]:
    """Return pictures and how many are in a row.

    Of a learnt direction: a row of the codes that are farthest on its negative side, nearest to its
    plane and farthest on its positive side; below, the code nearest to the plane on its way from
    −3 to 3 deviations. Of others, the way of three codes.
    """
    import numpy as np
    import torch

    from ganvas.model.attributes import made
    from ganvas.networks.conditions import chosen_rows

    def shown(codes: Tensor, at: Tensor) -> Array:
        y = chosen_rows(learnt.y, at)
        return np.concatenate(list(made(model, learnt.space, codes, y, **learnt.options)))

    columns = 3 * SHOWN + 2
    groups: list[list[Array | None]] = []
    for name, direction in learnt.directions.items():
        distances = direction.distances(learnt.codes)
        order, spread = distances.argsort(), learnt.spread(name)
        near = distances.abs().argsort()
        amounts = np.linspace(-3 * spread, 3 * spread, STEPS).tolist()
        if learnt.boundaries:
            parts = [
                shown(learnt.codes[at], at) for at in (order[:SHOWN], near[:SHOWN], order[-SHOWN:])
            ]
            groups.append([parts[0], None, parts[1], None, parts[2]])
            starts = near[:1]
        else:
            starts = torch.arange(2)
        ways: list[Array | None] = []
        for start in starts:
            codes = learnt.codes[start][None]
            steps = torch.cat([direction.moved(codes, amount) for amount in amounts])
            ways += [shown(steps, start.expand(STEPS)), None]
        groups.append(ways[:-1])
    return rows(groups, columns), columns
