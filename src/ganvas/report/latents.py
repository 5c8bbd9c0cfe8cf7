"""Pictures of where data lie among latents: in the plane, on the circle, on the sphere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Dots, Line, Mark
from ganvas.report.svg import COLOURS, FAINT

Floats = NDArray[np.float64]


def latent_figure(
    codes: ArrayLike, labels: ArrayLike | None, names: Sequence[str] = (), sphere: bool = False
) -> str:
    """Return a figure of latents, coloured by class, as one ``<svg>``.

    A sphere in three dimensions is shown by the Hammer projection, which keeps areas; a circle as
    it is; a plane likewise. Of more dimensions the two principal axes are shown.

    Args:
        codes: (N, K).
        labels: classes (N,), or None.
        names: of the classes.
        sphere: the latents lie on the unit sphere.
    """
    x = np.asarray(codes, np.float64)
    if sphere and x.shape[1] == 3:
        places, frame, title = hammer(x), _outline(), "Latents, Hammer projection"
    elif x.shape[1] <= 2:
        places, frame, title = _flat(x), [_circle()] if sphere else [], "Latents"
    else:
        places, frame = principal(x), list[Mark]()
        title = f"Latents, two principal axes of {x.shape[1]}"
    marks: list[Mark] = [*frame, *_classes(places, labels, names)]
    return figure(title, [Panel(f"{len(x):,} items", marks, square=True, bare=sphere)])


def hammer(points: ArrayLike) -> Floats:
    """Return the Hammer projection (N, 2) of points (N, 3) of the unit sphere.

    With longitude λ and latitude φ: x = 2√2 cos φ sin(λ/2)/q, y = √2 sin φ/q, and
    q² = 1 + cos φ cos(λ/2). All lie in the ellipse (x/2√2)² + (y/√2)² <= 1.
    """
    x, y, z = np.asarray(points, np.float64).T
    longitude, latitude = np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))
    q = np.sqrt(1 + np.cos(latitude) * np.cos(longitude / 2))
    across = 2 * np.sqrt(2) * np.cos(latitude) * np.sin(longitude / 2) / q
    return np.stack([across, np.sqrt(2) * np.sin(latitude) / q], axis=1)


def principal(x: Floats) -> Floats:
    """Return the coordinates (N, 2) along the two axes of greatest variance."""
    centred = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return centred @ axes[:2].T


def _flat(x: Floats) -> Floats:
    return x if x.shape[1] == 2 else np.concatenate([x, np.zeros_like(x)], axis=1)


def _outline() -> list[Mark]:
    """The ellipse of the projection, its equator and the meridians of a quarter turn each."""
    turn = np.linspace(0, 2 * np.pi, 181)
    marks: list[Mark] = [
        Line(2 * np.sqrt(2) * np.cos(turn), np.sqrt(2) * np.sin(turn), colour=FAINT, width=1.0)
    ]
    latitude, longitude = np.linspace(-np.pi / 2, np.pi / 2, 91), np.linspace(-np.pi, np.pi, 181)
    lines = [(latitude, np.full(91, angle)) for angle in (-np.pi / 2, 0, np.pi / 2)]
    lines.append((np.zeros(181), 0.9999 * longitude))
    for phi, lam in lines:
        on_sphere = [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)]
        place = hammer(np.stack(on_sphere, axis=1))
        marks.append(Line(place[:, 0], place[:, 1], colour=FAINT, width=0.5))
    return marks


def _circle() -> Mark:
    turn = np.linspace(0, 2 * np.pi, 181)
    return Line(np.cos(turn), np.sin(turn), colour=FAINT, width=0.7)


def _classes(places: Floats, labels: ArrayLike | None, names: Sequence[str]) -> list[Mark]:
    if labels is None:
        return [Dots(places[:, 0], places[:, 1], size=2.4)]
    classes = np.asarray(labels)
    marks: list[Mark] = []
    for number in map(int, np.unique(classes)):
        mine = places[classes == number]
        name = names[number] if number < len(names) else str(number)
        colour = number % COLOURS
        marks.append(Dots(mine[:, 0], mine[:, 1], name=name, colour=colour, size=2.4))
    return marks
