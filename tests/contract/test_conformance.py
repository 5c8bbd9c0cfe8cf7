"""The conformance suite over the nine tiny games, and over games that break the contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganvas import testing
from ganvas.testing import Case, Pair
from tests.contract.broken import Coupled, Forgetful, Meddling
from tests.contract.cases import CASES
from tests.contract.games.unrolled import Unrolled

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@every_case
def test_shapes(case: Case) -> None:
    testing.check_shapes(case)


@every_case
def test_turns(case: Case) -> None:
    testing.check_turns(case)


@every_case
def test_determinism(case: Case) -> None:
    testing.check_determinism(case)


@every_case
def test_resume(case: Case, tmp_path: Path) -> None:
    testing.check_resume(case, tmp_path)


@every_case
def test_two_processes(case: Case, pair: Pair) -> None:
    testing.check_two_processes(testing.with_rounds(case, 6), pair)


def test_each_game_is_short() -> None:
    for path in (Path(__file__).parent / "games").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 60, path.name


# ---- games that break the contract must be caught -----------------------------------------------


def broken(game: type[Unrolled]) -> Case:
    return replace(CASES["unrolled-tiny"], game=game)


def test_meddling_is_caught() -> None:
    with pytest.raises(AssertionError, match="moved the weights of generator"):
        testing.check_turns(broken(Meddling))


def test_hidden_state_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="differs"):
        testing.check_resume(broken(Forgetful), tmp_path)


def test_batch_coupling_is_caught(pair: Pair) -> None:
    with pytest.raises(AssertionError, match="differs by"):
        testing.check_two_processes(testing.with_rounds(broken(Coupled), 6), pair)
