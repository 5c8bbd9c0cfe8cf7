"""Kinds of data for tests of networks."""

from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.spec import DataSpec, spec_of


def images(channels: int, height: int, width: int, classes: int = 0) -> DataSpec:
    domain = Images(channels=channels, height=height, width=width)
    return spec_of(name="pictures", domain=domain, classes=classes)


def points(dim: int) -> DataSpec:
    return spec_of(name="ring", domain=Points(dim=dim, shift=[0.0] * dim, scale=1.0))
