"""A user's classes that a recipe does not use are spoken of when training begins."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

import ganvas

TINY = {
    "train.rounds": 1,
    "train.batch": 4,
    "train.log_every": 1,
    "train.sample_every": 0,
    "train.watch_every": 0,
    "train.tensorboard": False,
    "evaluate.at_end": False,
}


def test_classes_that_are_not_used_are_told_of(tmp_path: Path) -> None:
    for i in range(6):
        path = tmp_path / "set" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 40 * i).save(path)
    small = {"game.generator": {"kind": "mlp", "widths": [8]}, **TINY}
    small["game.discriminator"] = {"kind": "mlp", "widths": [8]}
    told: dict[str, list[str]] = {}
    for recipe, data in (("gan/images", "set"), ("cgan/images", "set"), ("gan/digits", None)):
        out = tmp_path / recipe.replace("/", "-")
        source = None if data is None else tmp_path / data
        networks = small if recipe == "gan/images" else TINY
        ganvas.train(recipe, out, source, quiet=True, **networks)
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        told[recipe] = [row["message"] for row in rows if "classes" in str(row.get("message"))]
    (message,) = told["gan/images"]
    assert message.startswith("the data have 2 classes, which this recipe does not use; these do: ")
    assert "cgan/images" in message
    assert told["cgan/images"] == told["gan/digits"] == []
