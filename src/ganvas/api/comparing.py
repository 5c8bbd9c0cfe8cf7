"""Runs beside one another: the settings in which they differ, and the scores that they share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ganvas.api.measuring import AGAINST, EVALUATION
from ganvas.errors import UsageError, quoted
from ganvas.files import write_whole
from ganvas.games import permitted
from ganvas.given import path_of
from ganvas.metrics.protocol import Score, require_comparable
from ganvas.play import Game
from ganvas.recipes import load_recipe
from ganvas.recipes.layers import leaves
from ganvas.recipes.loader import named_system
from ganvas.recipes.text import show
from ganvas.report.compared import page
from ganvas.report.run import read_json
from ganvas.training.folder import CONFIG, RunFolder

LACKING = "–"


@dataclass(frozen=True)
class Comparison:
    """What two or more runs have in common, and what not.

    Attributes:
        runs: their folders.
        settings: each setting in which they differ, with the value of each run in words.
        scores: each score that all of them have, of each run, under one protocol.
        against: the data that they were measured against, if these are not their own.
    """

    runs: tuple[Path, ...]
    settings: dict[str, list[str]]
    scores: dict[str, list[Score]]
    against: str = ""

    def write(self, path: str | Path) -> Path:
        """Write it as a self-contained HTML page, with the curves of all runs, and return its path.

        Raises:
            UsageError: the path is that of no page.
        """
        path = path_of(path, "path")
        if path.suffix.lower() != ".html":
            raise UsageError(f"--out {path}: expected an .html page")
        numbers = {n: [f"{s.value:.4g}" for s in scores] for n, scores in self.scores.items()}
        text = page([str(run) for run in self.runs], self.settings, numbers, self.against)
        write_whole(path, text.encode())
        return path


def compare(
    *runs: str | Path,
    against: str | Path | None = None,
    games: Sequence[str | type[Game]] = (),
) -> Comparison:
    """Compare two or more evaluated runs.

    Args:
        runs: the run folders.
        against: other data than their own, which all of them were evaluated against.
        games: those of the runs that are of the user's own, ``module:Class`` or the classes.

    Raises:
        UsageError: fewer than two runs, one has not been measured so, or their protocols differ.
    """
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs or more")
    folders = tuple(RunFolder.open(run).path for run in runs)
    trees: list[dict[str, Any]] = []
    sources: list[str] = []
    for folder in folders:
        game = permitted(named_system(folder / CONFIG), games)
        recipe = load_recipe(folder / CONFIG, game=game)
        trees.append({".".join(path): value for path, value in leaves(recipe.tree())})
        if against is not None:
            sources.append(load_recipe(folder / CONFIG, data=against, game=game).data.source)
    found = [_scores(folder, sources[i] if sources else "") for i, folder in enumerate(folders)]
    shared = [name for name in found[0] if all(name in others for others in found[1:])]
    if not shared:
        raise UsageError(f"{_together(folders)} have no score in common")
    scores = {name: [one[name] for one in found] for name in shared}
    for one in scores.values():
        require_comparable(one)
    return Comparison(folders, _differing(trees), scores, sources[0] if sources else "")


def _differing(trees: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    keys = dict.fromkeys(key for tree in trees for key in tree)
    words = {key: [show(t[key]) if key in t else LACKING for t in trees] for key in keys}
    return {key: values for key, values in words.items() if len(set(values)) > 1}


def _together(folders: Sequence[Path]) -> str:
    *others, last = map(str, folders)
    return f"{', '.join(others)} and {last}"


def _scores(run: Path, source: str) -> dict[str, Score]:
    """Return the scores of a run, against its own data or against those of a source."""
    evaluation: dict[str, Any] = read_json(run, EVALUATION)
    option = f" --against {quoted(source)}" if source else ""
    measure = f"ganvas evaluate {quoted(run)}{option}"
    try:
        others = cast(dict[str, Any], evaluation.get(AGAINST) or {})
        told = cast(dict[str, Any], others.get(source) or {}) if source else evaluation
        scores = cast(dict[str, Any], told.get("scores"))
        if not scores:
            what = f" against {source}" if source else ""
            raise UsageError(f"{run} has not been measured{what} yet: {measure}")
        return {name: Score.from_json(json.dumps(score)) for name, score in scores.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        problem = f"the scores in {run / EVALUATION} are damaged; measure again: {measure}"
        raise UsageError(problem) from None
