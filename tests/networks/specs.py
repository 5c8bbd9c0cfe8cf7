"""Kinds of data, and conditions, for tests of networks."""

from ganvas.data.domains.classes import Classes
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.networks import Conditions


def images(channels: int, height: int, width: int) -> Images:
    return Images(channels=channels, height=height, width=width)


def points(dim: int) -> Points:
    return Points(dim=dim, shift=[0.0] * dim, scale=1.0)


def labels(classes: int) -> Conditions:
    """Return one of so many classes as the only condition; none if there are 0."""
    return Conditions({"label": Classes(count=classes)} if classes else None)
