"""Kinds of data for tests of networks."""

from ganvas.data.spec import DataSpec, Images, Points


def images(channels: int, height: int, width: int, classes: int = 0) -> DataSpec:
    domain = Images(channels=channels, height=height, width=width)
    return DataSpec(name="pictures", domain=domain, classes=classes)


def points(dim: int) -> DataSpec:
    return DataSpec(name="ring", domain=Points(dim=dim, shift=[0.0] * dim, scale=1.0))
