"""Attributes of any data, as scorers learn them: tags, classes, and numbers with a border."""

from __future__ import annotations

import numpy as np
import pytest

from ganvas.api.labelled import labelled_of
from ganvas.data.cartoon import stills
from ganvas.data.cartoon.factors import Faces
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.metrics.attributes import degrees_of


@pytest.fixture(scope="module")
def faces() -> Source:
    with pytest.MonkeyPatch.context() as few:
        few.setitem(stills.SIZES, "train", 30)
        few.setitem(stills.SIZES, "test", 10)
        return open_data(DataSettings(source="faces", size=16, cache="memory"))


def test_tags_are_attributes(faces: Source) -> None:
    told, held = labelled_of(faces)
    assert told.names == ("pose", "smile", "age", "glasses", "gender")
    assert held is not None
    assert (len(told), len(held)) == (30, 10)
    assert (told.targets == Faces.draw(30, 0).tags).all()
    assert (told.x == faces.known.x).all()
    assert told.clear.all()
    assert told.degrees is not None
    assert (told.degrees == told.targets).all()
    picked, _ = labelled_of(faces, ["glasses"])
    assert picked.names == ("glasses",)
    assert (picked.targets[:, 0] == told.targets[:, 3]).all()


def test_numbers_become_attributes_at_a_border(faces: Source) -> None:
    told, _ = labelled_of(faces, ["old=age>0.5~0.1", "yaw>0", "gender"])
    age = Faces.draw(30, 0)["age"]
    assert told.names == ("old", "yaw", "gender")
    assert (told.targets[:, 0] == (age > 0.5)).all()
    assert (told.clear[:, 0] == (np.abs(age - 0.5) >= 0.1)).all()
    assert told.clear[:, 1:].all()
    assert told.degrees is not None
    order = told.degrees[:, 0].argsort()
    assert (np.diff(age[order]) >= 0).all()
    assert ((told.degrees[:, 0] > 0.5) == (age > 0.5)).all()
    assert degrees_of(np.array([1.0, 3.0]), 3.0)[1] == 0.5


def test_classes_are_attributes_and_words_that_name_none_are_refused(faces: Source) -> None:
    x = np.zeros((6, 8, 8, 1), np.uint8)
    label = np.array([0, 1, 2, 0, 1, 2])
    three = Collection("three", {"train": Items({"x": x, "label": label})}, ("a", "b", "c"))
    told, held = labelled_of(three)
    assert (told.names, held) == (("a", "b", "c"), None)
    assert (told.targets == np.eye(3)[label]).all()
    two = Collection("two", {"train": Items({"x": x, "label": label % 2})}, ("no", "yes"))
    assert labelled_of(two)[0].names == ("yes",)
    with pytest.raises(UsageError, match="have no tags and no classes"):
        labelled_of(Collection("none", {"train": Items({"x": x})}))
    for word, message in (
        ("glases", r"no such tag or class. Did you mean 'glasses'\?"),
        ("old=ages>0.5", r"'ages' is no field of one number. Did you mean 'age'\?"),
        ("old=age>x", "expected NAME=FIELD>VALUE~ROOM"),
    ):
        with pytest.raises(UsageError, match=message):
            labelled_of(faces, [word])
