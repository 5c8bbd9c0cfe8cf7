"""Points in units of their columns: nothing is lost to 32 bits, nothing outweighs the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ganvas.data import columns
from ganvas.data.columns import summarise
from ganvas.data.domains.points import Points, Rule
from ganvas.data.domains.vector import Vector
from ganvas.data.fingerprint import fingerprint
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.metrics.neighbourhood import Neighbourhood
from ganvas.metrics.points import evaluate_point_set

RNG = np.random.default_rng(0)
SCALES = 10.0 ** np.linspace(-3, 3, 7)
BIG = st.floats(-1e9, 1e9)


def opened(tmp_path: Path, points: np.ndarray, **settings: object) -> Source:
    path = tmp_path / "mine.npy"
    np.save(path, points)
    return open_data(DataSettings.model_validate({"source": str(path), **settings}))


def domain_of(source: Source) -> Points:
    assert isinstance(source.spec.domain, Points)
    return source.spec.domain


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.floats(-1e9, 1e9)
    ),
    st.integers(1, 50),
)
def test_parts_are_summed_up_as_a_whole_is(array: np.ndarray, part: int) -> None:
    whole = summarise(array)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PART", part)
        parted = summarise(array)
    np.testing.assert_allclose(parted.mean, array.mean(0), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(parted.variance, array.var(0), rtol=1e-9, atol=1e-2)
    assert (parted.least == array.min(0)).all()
    assert (whole.greatest == array.max(0)).all()


def test_the_seconds_of_a_day_stay_apart(tmp_path: Path) -> None:
    times = 1.7e9 + np.arange(1000) * 86.4
    source = opened(tmp_path, np.stack([times, RNG.normal(size=1000)], 1))
    x = source.items("train").x
    assert (x[:, 0] == times).all()
    domain = domain_of(source)
    seen = domain.encode(x)
    np.testing.assert_allclose(seen[:, 0].numpy(), (times - times.mean()) / times.std(), atol=1e-6)
    back = domain.decode(seen)
    assert back.dtype == np.float64
    assert np.abs(back[:, 0] - times).max() < 0.01  # of a day, 24 bits are 5 ms; float32: 64 s


@pytest.mark.parametrize("rule", ["columns", "together", True, None])
def test_small_noise_on_a_large_offset(tmp_path: Path, rule: object) -> None:
    noise = RNG.normal(size=(1000, 2))
    source = opened(tmp_path, 1e8 + noise, standardise=rule)
    seen = domain_of(source).encode(source.items("train").x).numpy()
    np.testing.assert_allclose(seen, (noise - noise.mean(0)) / noise.std(0), atol=0.1)
    assert np.unique(seen[:, 0]).size > 990


def test_every_column_has_its_own_unit(tmp_path: Path) -> None:
    source = opened(tmp_path, RNG.normal(3, 1, (500, 7)) * SCALES)
    seen = domain_of(source).encode(source.items("train").x).double()
    assert seen.mean(0).numpy() == pytest.approx(np.zeros(7), abs=1e-6)
    assert seen.std(0, correction=0).numpy() == pytest.approx(np.ones(7), abs=1e-6)


def test_a_constant_column_comes_back_as_its_constant(tmp_path: Path) -> None:
    points = np.stack([np.full(1000, 0.1), RNG.normal(size=1000)], 1)
    domain = domain_of(opened(tmp_path, points))
    assert not domain.encode(points)[:, 0].any()
    assert (domain.decode(torch.randn(50, 2))[:, 0] == 0.1).all()
    assert Vector.around(points).scale[0] == 1.0  # its deviation, by rounding, is 1e-17


@pytest.mark.parametrize("size", [1e-200, 1e30])
def test_columns_of_any_size(size: float) -> None:
    points = RNG.normal(size=(100, 2)) * size
    for rule in ("columns", "together"):
        seen = Points.around(points, rule).encode(points)
        assert seen.isfinite().all()
        assert 0.1 < float(seen.std()) < 2


def test_equal_points_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="All training points are equal"):
        opened(tmp_path, np.full((10, 2), 1e8 + 0.1))


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_])
def test_whole_numbers_come_back_whole(tmp_path: Path, kind: type) -> None:
    points = RNG.integers(0, 2, (200, 2)).astype(kind)
    domain = domain_of(opened(tmp_path, points))
    back = domain.decode(domain.encode(points) + 0.3)
    assert back.dtype == np.int64
    assert (back == points).all()


def test_no_whole_number_is_minus_zero() -> None:
    points = np.stack([np.arange(-2.0, 3), np.arange(5) / 3], 1)
    domain = Points.around(points, "columns").model_copy(update={"whole": [True, False]})
    assert not np.signbit(domain.decode(torch.tensor([[-0.1, 0.0]]))[0, 0])


def test_what_is_not_finite_is_not_made_a_whole_number() -> None:
    domain = Points.around(np.arange(10)[:, None], "columns")
    back = domain.decode(torch.tensor([[float("nan")], [0.0], [1e30]]))
    assert np.isnan(back[0, 0])
    assert back[1, 0] == 4  # 4.5, the mean, to even


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_samples_have_the_type_of_the_data(tmp_path: Path, kind: type) -> None:
    points = RNG.normal(size=(20, 2)).astype(kind)
    wanted = np.float64 if kind is np.float64 else np.float32
    assert domain_of(opened(tmp_path, points)).decode(torch.zeros(1, 2)).dtype == wanted


@pytest.mark.parametrize("rule", ["columns", "together", None])
def test_a_domain_survives_json_and_joining(rule: Rule | None) -> None:
    points = RNG.normal(size=(20, 3)) * SCALES[:3]
    domain = Points.around(points, rule)
    assert Points.model_validate_json(domain.model_dump_json()) == domain
    pairs = np.concatenate([points[:10], points[10:]], axis=1)
    joined = domain.packed(2).encode(pairs)
    assert (joined[:, 3:] == domain.encode(points[10:])).all()


def test_wrong_numbers_of_scales() -> None:
    with pytest.raises(ValueError, match="scale has 1 numbers for 2 coordinates"):
        Points(dim=2, shift=[0, 0], scale=[1])


def test_the_fingerprint_sees_all_64_bits(tmp_path: Path) -> None:
    points = RNG.normal(size=(10, 2))
    before = fingerprint(opened(tmp_path, points))
    points[3, 1] = np.nextafter(points[3, 1], 9)
    assert fingerprint(opened(tmp_path, points)) != before


def test_a_spread_too_wide_in_narrow_columns_is_seen(tmp_path: Path) -> None:
    """All columns but the widest have thirty times the real spread."""
    scales = np.array([1e-3, 1e-2, 1e-1, 1, 1, 1, 1e3])
    real = RNG.normal(size=(2000, 7)) * scales
    source = opened(tmp_path, real[:1000])
    domain = domain_of(source)
    wrong = real[1000:].copy()
    wrong[:, :6] *= 30
    measure = Neighbourhood(real[:1000], domain)
    good, bad = (measure(domain.encode(x)) for x in (real[1000:], wrong))
    assert good["precision"] > 0.8
    assert good["ratio"] > 0.8
    assert bad["precision"] < 0.05
    assert bad["ratio"] < 0.05
    scores = {
        name: evaluate_point_set(x, real[:1000], vectors=domain.standardised)
        for name, x in (("good", real[1000:]), ("bad", wrong))
    }
    assert scores["good"]["precision"].value > 0.8
    assert scores["bad"]["precision"].value < 0.05
    # With the columns as they are, the widest one says all there is.
    plain = evaluate_point_set(wrong, real[:1000])
    assert plain["w1"].value < 100  # of 1,000
    together = Points.around(real[:1000], "together")
    assert Neighbourhood(real[:1000], together)(together.encode(wrong))[
        "diversity"
    ] == pytest.approx(1, abs=0.1)


def test_scores_are_in_units_of_the_columns(tmp_path: Path) -> None:
    real = RNG.normal(size=(300, 3))
    domains = [domain_of(opened(tmp_path, real * s)) for s in (np.ones(3), [1e-3, 1, 1e5])]
    samples = real[::-1] + 1
    plain, scaled = (
        evaluate_point_set(samples * s, real * s, vectors=domain.standardised, units=domain.ruler)
        for s, domain in zip((np.ones(3), np.array([1e-3, 1, 1e5])), domains, strict=True)
    )
    for name in plain:
        assert scaled[name].value == pytest.approx(plain[name].value, abs=1e-9), name
        assert ("units", "standard deviations of the columns") in plain[name].protocol.settings


def test_of_many_reference_points_ten_thousand_are_looked_at() -> None:
    reference = np.arange(20_000.0)[:, None]  # sorted: the first would stand for half of them
    scores = evaluate_point_set(reference[::40], reference)
    assert scores["precision"].protocol.reference_samples == 10_000
    assert scores["coverage"].value == pytest.approx(1 - 0.5**0.5, abs=0.03)
    assert scores["precision"].value > 0.99
    assert scores["recall"].value > 0.95
