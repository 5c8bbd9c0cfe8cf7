"""Each kind of data is measured by a file of its own, found by its name."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ganvas.data.domain import AnyArray
from ganvas.data.domains import kinds
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Source
from ganvas.errors import UsageError
from ganvas.metrics.kind import Measures
from ganvas.metrics.of import find_measures, measured_kinds, measures_of
from ganvas.metrics.of.images import ImageMeasures
from ganvas.metrics.of.points import PointMeasures
from ganvas.metrics.protocol import Protocol, Score, Scores


class Photos(Images):
    """Images under another name."""

    kind: Any = "photos"


class Loops(Points):
    """Points for which there are measures of one's own."""

    kind: Any = "loops"


class LoopMeasures(Measures):
    kind: ClassVar[str] = "loops"

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        protocol = Protocol(metric="loops", samples=len(x))
        return Scores([Score(value=float(len(x)), protocol=protocol)])


def source_of(kind: str, x: AnyArray) -> Source:
    return ArraySource(Collection("own", {"train": Items(x)}, kind=kind))


def test_every_file_measures_what_it_is_called() -> None:
    for name in measured_kinds():
        found = find_measures(name)
        assert found is not None
        assert found.kind == name
        assert found.__module__.endswith(f".{name}")
    assert {"points", "images"} <= set(measured_kinds()) & set(kinds())
    assert find_measures("nothing") is None
    assert find_measures("__init__") is None


def test_a_source_may_say_as_what_it_is_measured() -> None:
    for data, name in (("ring8", "law"), ("swiss_roll", "law"), ("digits_stack", "stacks")):
        found = measures_of(open_data(DataSettings(source=data)))
        assert (found.kind, name) == (name, found.source.measured)


def test_measures_of_ones_own_need_no_line_in_ganvas() -> None:
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    found = measures_of(source_of("loops", points))
    assert isinstance(found, LoopMeasures)
    assert found.scores(points[:7], None, 0)["loops"].value == 7


def test_a_kind_made_of_another_is_measured_like_it() -> None:
    pictures = np.zeros((4, 8, 8, 1), np.uint8)
    assert type(measures_of(source_of("photos", pictures))) is ImageMeasures
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    assert type(measures_of(source_of("points", points))) is PointMeasures


def test_a_kind_that_nobody_measures_is_compared_as_vectors_of_its_units() -> None:
    x = np.random.default_rng(0).normal(5, 3, size=(300, 4)).astype(np.float32)
    source = source_of("vector", x)
    found = measures_of(source)
    assert type(found) is Measures
    encoded = source.spec.domain.encode(x).numpy()
    assert np.array_equal(found.vectors(x), encoded.astype(np.float64))
    scores = found.scores(x, None, seed=0)
    assert scores["w1"].value == 0  # a copy of the data
    assert scores["recall"].value == scores["coverage"].value == 1
    numbers = found.probe(Items(x))(source.spec.domain.encode(x))
    assert numbers["diversity"] == pytest.approx(1)


def test_counting_modes_where_none_are_known_is_refused() -> None:
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    with pytest.raises(UsageError, match="own has no known modes"):
        measures_of(source_of("points", points)).histogram(points)
