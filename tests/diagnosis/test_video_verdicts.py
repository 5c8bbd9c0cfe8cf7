"""Clips that do not move, and clips that show one thing only, have verdicts of their own."""

from __future__ import annotations

from typing import Any

import pytest

from ganvas.data.domains.videos import Videos
from ganvas.data.spec import spec_of
from ganvas.diagnosis.verdicts import diagnose
from ganvas.games import find_game
from ganvas.recipes import load_recipe

CLIPS = spec_of("mine", Videos(channels=3, frames=16, height=32, width=32), size=500)
FINE = {
    "coverage/ratio": 0.9,
    "coverage/precision": 0.9,
    "coverage/diversity": 0.9,
    "coverage/content_diversity": 0.9,
    "coverage/motion_diversity": 0.9,
    "coverage/motion": 0.95,
}


def judged(recipe: str = "vgan/shapes", **changes: float) -> Any:
    loaded = load_recipe(recipe)
    numbers = FINE | {f"coverage/{name}": value for name, value in changes.items()}
    rows = [{"round": loaded.train.rounds, "kimg": 32.0, "stage": "main"}]
    return diagnose(rows, numbers, loaded.tree(), CLIPS, find_game(loaded.system))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "healthy"),
        ({"motion": 0.05, "motion_diversity": 0.02}, "frozen motion"),
        ({"motion": 0.9, "motion_diversity": 0.1}, "frozen motion"),
        ({"content_diversity": 0.1}, "one content"),
        ({"content_diversity": 0.1, "motion_diversity": 0.1, "diversity": 0.1}, "collapsed"),
        ({"content_diversity": 0.1, "motion": 0.05, "diversity": 0.1}, "collapsed"),
        ({"content_diversity": 0.65, "motion_diversity": 0.65, "motion": 0.5}, "healthy"),
    ],
)
def test_each_has_its_own(changes: dict[str, float], verdict: str) -> None:
    found = judged(**changes)
    assert found.verdict == verdict, found.evidence
    assert bool(found.remedies) == (verdict != "healthy")


def test_a_system_says_what_lets_its_clips_move() -> None:
    assert judged("vgan/videos", motion=0.05).remedies[0].settings == ("game.mask=0.01",)
    risen = judged("vgan/shapes", motion=0.05).remedies[0].settings
    assert risen == ("game.mask={start: 0.005, end: 0.05, shape: linear}",)
    still = judged("tganv2/shapes", motion=0.05)
    assert "game.subsampling.stride=1" in still.remedies[0].settings
