"""Cartoon faces: the same for every number of them, and all that is told of them is exact."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest

from ganvas.data.cartoon import stills
from ganvas.data.cartoon.factors import (
    ATTRIBUTES,
    ENTANGLED,
    FRAME,
    INDEPENDENT,
    PERSON,
    SMILES,
    Faces,
)
from ganvas.data.cartoon.painting import pictures
from ganvas.data.cartoon.raster import coverage, ribbon
from ganvas.data.cartoon.template import EYES, FLIP, JAW, LIPS, landmarks
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError

SIZE = 32


@pytest.fixture(scope="module")
def faces() -> Faces:
    return Faces.draw(40, 7)


@pytest.fixture(scope="module")
def painted(faces: Faces) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return pictures(faces, SIZE)


def test_a_share_of_a_pixel_is_its_area() -> None:
    triangle = np.array([[[1.0, 1.0], [6.0, 1.0], [1.0, 7.0]]])
    for corners in (triangle, triangle[:, ::-1]):  # either way round
        share = coverage(corners, 8, 9)[0]
        assert share.shape == (8, 9)
        assert share.sum() == pytest.approx(15, abs=0.05)
        assert share[2, 2] == 1
        assert share[0, 0] == share[7, 8] == 0
    box = np.array([[[1.25, 2.0], [1.25, 4.0], [3.5, 4.0], [3.5, 2.0]]])
    assert coverage(box, 5, 5)[0, 2].tolist() == [0, 0.75, 1, 0.5, 0]
    outside = box + np.array([2.5, 0])  # half of it is cut off by the edge
    assert coverage(outside, 5, 5)[0, 3].tolist() == [0, 0, 0, 0.25, 1]
    line = ribbon(np.array([[[1.0, 2.5], [4.0, 2.5]]]), np.ones(1))
    assert coverage(line, 5, 5)[0, 2].tolist() == [0, 1, 1, 1, 0]


def test_a_face_depends_on_its_seed_and_number_alone(faces: Faces) -> None:
    few = Faces.draw(8, 7)
    whole = pictures(few, 16)
    assert (whole == pictures(faces, 16)[:8]).all()
    assert (whole[3:4] == pictures(few.rows(slice(3, 4)), 16)).all()
    assert (pictures(Faces.draw(8, 8), 16) != whole).any(axis=(1, 2, 3)).all()
    digest = hashlib.sha256(whole.tobytes()).hexdigest()
    assert digest[:16] == "4fcb7e9f13d7c001"


def test_factors_stay_in_their_ranges_and_attributes_have_their_shares() -> None:
    n = 10_000
    for sampler in (ENTANGLED, INDEPENDENT):
        many = Faces.draw(n, 1, sampler)
        for name, (low, high) in {**PERSON, **FRAME, "smile": SMILES}.items():
            span = 0.01 * (high - low)
            assert low <= many[name].min() < low + span
            assert high - span < many[name].max() <= high
        assert (many["mouth_open"] > 0).mean() == pytest.approx(0.6, abs=0.015)
        assert (many["blink"] > 0).mean() == pytest.approx(0.3, abs=0.015)
        exponents = many.jaw_exponent
        coded = many["gender"] > 0
        assert 0.55 <= exponents[coded].min() <= exponents[coded].max() <= 0.75
        assert exponents[~coded].min() >= 0.75
        assert set(many.hair[coded]) == {0, 1, 2}
        assert set(many.hair[~coded]) == {0, 1, 2, 3}
        assert not many.bearded[~coded].any()
        old, smiling = many["age"] > 0.5, many["smile"] > 0.3
        told = (many["yaw"] > 0, smiling, old, many["glasses"] == 1, many["gender"] == 1)
        assert (many.tags == np.stack(told, axis=1)).all()
        for values, given, shares in (
            (many["glasses"], old, sampler.glasses),
            (many["gender"], old, sampler.gender),
            (smiling, coded, sampler.smiling),
        ):
            for share, where in zip(shares, (~given, given), strict=True):
                error = 3 * (share * (1 - share) / where.sum()) ** 0.5
                assert abs(values[where].mean() - share) < error
    between = np.corrcoef(Faces.draw(n, 1, INDEPENDENT).tags.T.astype(float))
    assert np.abs(between - np.eye(5)).max() < 0.04
    assert np.corrcoef(Faces.draw(n, 1).tags.T.astype(float))[2, 3] > 0.45


@pytest.mark.parametrize(
    ("factor", "values"), [("glasses", (0, 1)), ("mouth_open", (0, 0.9)), ("smile", (-0.6, 1))]
)
def test_a_factor_changes_its_own_place_and_nothing_else(
    faces: Faces, factor: str, values: tuple[float, float]
) -> None:
    without, having = (faces.having(**{factor: value}) for value in values)
    changed = (pictures(without, SIZE) != pictures(having, SIZE)).any(axis=3)
    assert changed.any(axis=(1, 2)).all()
    marks = landmarks(having, SIZE)
    if factor == "glasses":
        places = np.concatenate([marks[:, eye] for eye in EYES], axis=1)
        room = 0.3 * SIZE / 2.5
    else:
        places = np.concatenate([marks[:, LIPS], marks[:, JAW]], axis=1)
        room = (0.3 if factor == "smile" else 0.1) * SIZE / 2.5  # cheeks are as high as the ears
    low, high = places.min(axis=1) - room, places.max(axis=1) + room
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    inside = (
        (columns >= low[:, 0, None, None]) & (columns <= high[:, 0, None, None])
        & (rows >= low[:, 1, None, None]) & (rows <= high[:, 1, None, None])
    )  # fmt: skip
    assert not (changed & ~inside).any()
    others = [column for column, name in enumerate(ATTRIBUTES) if name != factor]
    assert (without.tags == having.tags)[:, others].all()


@pytest.mark.parametrize(
    ("factor", "values"),
    [
        *(("yaw", (-0.1, 0.1)), ("smile", (0.2, 0.4)), ("age", (0.4, 0.6))),
        *(("glasses", (0, 1)), ("gender", (0, 1))),
    ],
)
def test_every_attribute_shows_on_every_face_as_soon_as_it_is_clear(
    faces: Faces, factor: str, values: tuple[float, float]
) -> None:
    """A scorer of small faces has something to see on either side of a border."""
    before, after = (
        pictures(faces.having(**{factor: value}), SIZE).astype(float) for value in values
    )
    assert (((after - before) / 255) ** 2).sum(axis=(1, 2, 3)).min() > 0.2**2


def test_a_smile_lifts_the_corners_of_the_mouth_by_pixels(faces: Faces) -> None:
    straight = faces.having(yaw=0, pitch=0, roll=0)
    lifts = []
    for smile in (-0.6, 1):
        outer = landmarks(straight.having(smile=smile), SIZE)[:, LIPS]
        corners = outer[:, [0, 6], 1].mean(axis=1)
        lifts.append(outer[:, [3, 9], 1].mean(axis=1) - corners)
    assert (lifts[0] < 0).all()
    assert (lifts[1] - lifts[0]).min() > 3


def test_what_is_not_shown_changes_no_pixel(
    faces: Faces, painted: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    some = faces.having(beard=0, gender=0)
    assert (pictures(some, SIZE) == pictures(some.having(beard=1), SIZE)).all()
    young = faces["age"] < 0.4
    younger = faces.having(age=np.where(young, 0.1, faces["age"]))
    assert (pictures(younger, SIZE)[young] == painted[young]).all()


def test_mirrored_faces_are_the_mirror_images(faces: Faces) -> None:
    mirrored = faces.mirrored()
    expected = landmarks(faces, SIZE)[:, FLIP]
    expected[..., 0] = SIZE - expected[..., 0]
    assert np.abs(landmarks(mirrored, SIZE) - expected).max() < 1e-9
    assert sorted(FLIP) == list(range(68))
    difference = pictures(faces, SIZE)[:, :, ::-1].astype(int) - pictures(mirrored, SIZE)
    assert np.abs(difference).max() <= 1  # where halves of a level are rounded


def test_landmarks_lie_where_things_are_painted(faces: Faces) -> None:
    """Eyes open wide: between the lids is the white, and the darkest skin has a blue below 50."""
    some = faces.rows(slice(0, 20))
    seen = some.having(blink=0, skin=1, glasses=0, iris=0.3, yaw=0, eye_h=0.085, eye_w=0.15)
    big = pictures(seen, 64).astype(float)
    marks = landmarks(seen, 64)
    for eye in EYES:
        for outer in (eye.start, eye.start + 3):
            inner = marks[:, eye].mean(axis=1) * 0.45 + marks[:, outer] * 0.55
            column, row = np.floor(inner).astype(int).T
            assert (big[np.arange(len(big)), row, column].min(axis=1) > 100).mean() > 0.9
    assert np.abs(landmarks(seen, 128) - 2 * marks).max() < 1e-9


def test_people_and_their_frames_are_drawn_apart(faces: Faces) -> None:
    others = Faces.draw(40, 9)
    same = faces.in_frames_of(others)
    assert (same["yaw"] == others["yaw"]).all()
    assert (same["face_w"] == faces["face_w"]).all()
    assert (same["glasses"] == faces["glasses"]).all()


def test_raw_pixels_do_not_tell_people_across_poses(faces: Faces) -> None:
    """A nearest neighbour on pixels must not know whom it sees: clothes and grounds are new."""
    clothes = {f"shirt_{level}": Faces.draw(40, 11)[f"shirt_{level}"] for level in "rgb"}
    again = faces.in_frames_of(Faces.draw(40, 10)).having(**clothes)
    flat = [pictures(some, SIZE).reshape(40, -1).astype(float) for some in (faces, again)]
    distances = ((flat[0][:, None] - flat[1][None]) ** 2).sum(axis=2)
    right = (distances.argmin(axis=1) == np.arange(40)).mean()
    assert right <= 0.6


def test_a_tiny_set_is_painted_in_less_than_a_second() -> None:
    """Of the processor's time: .04 s here, so that a slip of an order of magnitude is seen."""
    some, start = Faces.draw(64, 3), time.process_time()
    pictures(some, 16)
    assert time.process_time() - start < 1


def test_the_sets_are_painted_once_and_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stills.SIZES, "train", 30)
    monkeypatch.setitem(stills.SIZES, "test", 10)
    asked = {"size": 16, "cache": str(tmp_path)}
    source = open_data(DataSettings.model_validate({"source": "faces", **asked}))
    expected = Faces.draw(10, 2)
    assert source.spec.shape == (3, 16, 16)
    assert list(source.spec.conditions) == ["tags", "yaw", "smile", "age"]
    assert source.spec.fields["tags"].names == ["pose", "smile", "age", "glasses", "gender"]
    items = source.items("test")
    assert (items.x == pictures(expected, 16)).all()
    assert (items["tags"] == expected.tags).all()
    assert (items["age"][:, 0] == expected["age"]).all()

    def never(*_: object) -> None:
        raise AssertionError("painted again")

    monkeypatch.setattr(stills, "pictures", never)
    again = open_data(DataSettings.model_validate({"source": "faces", **asked}))
    assert (again.items("test").x == items.x).all()
    monkeypatch.undo()
    monkeypatch.setitem(stills.SIZES, "train", 30)
    monkeypatch.setitem(stills.SIZES, "test", 10)
    other = open_data(DataSettings.model_validate({"source": "faces_independent", **asked}))
    assert (other.items("test")["tags"] == Faces.draw(10, 2, INDEPENDENT).tags).all()
    grey = open_data(DataSettings.model_validate({"source": "faces", **asked, "channels": "grey"}))
    assert grey.spec.shape == (1, 16, 16)


def test_sizes_that_are_refused() -> None:
    for wrong in ({"size": 8}, {"size": (32, 64)}, {"size": 1024}):
        with pytest.raises(UsageError, match=r"expected a square, data.size=16 to 512"):
            open_data(DataSettings.model_validate({"source": "faces", **wrong}))
