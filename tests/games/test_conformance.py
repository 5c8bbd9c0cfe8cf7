"""The conformance suite over every system of the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganvas import testing
from ganvas.games import systems
from ganvas.testing import Case, Pair
from tests.games.cases import CASES

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def test_every_system_is_here() -> None:
    assert {case.game.system for case in CASES.values()} == set(systems())


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


@pytest.mark.parametrize("name", ["r3gan dcgan", "dcgan digits"])
def test_two_processes_in_single_precision(name: str, pair: Pair) -> None:
    case = replace(CASES[name], rounds=8, tolerance=1e-5)
    testing.check_two_processes(case, pair, double=False)


def test_two_processes_with_a_critic_of_kinks_in_single_precision(pair: Pair) -> None:
    # Five critic steps: on a longer way a kink would be met (docs/decisions/0001-contract.md).
    case = CASES["wgan-gp resnet"]
    calm = {"kind": "adam", "lr": 1e-4, "beta2": 0.9, "eps": 1e-4}  # rounding makes no whole steps
    changes = {"generator_optimiser": calm, "discriminator_optimiser": calm}
    config = case.config.model_validate(case.config.model_dump() | changes)
    case = replace(case, config=config, rounds=1, tolerance=1e-5)
    testing.check_two_processes(case, pair, double=False)


@every_case
def test_two_processes(case: Case, pair: Pair) -> None:
    testing.check_two_processes(case, pair)
