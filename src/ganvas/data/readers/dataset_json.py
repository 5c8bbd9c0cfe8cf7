"""dataset.json: the labels of StyleGAN's data sets, ``{"labels": [["00000/img.png", 3], …]}``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganvas.errors import UsageError

JSON_FILE = "dataset.json"


def read_dataset_json(path: Path, content: bytes, files: Sequence[str]) -> dict[str, list[str]]:
    """Return the labels as `read_labels` does: column ``label``, or none where there are no labels.

    Labels that are lists of numbers become columns ``label0``, ``label1`` … of their own.

    Args:
        path: where the file lies, for messages.
        content: its bytes.
        files: all images, by their paths below the same folder.

    Raises:
        UsageError: it is no such file, or does not fit the images.
    """
    try:
        found: Any = json.loads(content)
        pairs: Any = found["labels"]
        labels: dict[str, Any] = dict(pairs or ())
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(
            f'{path} is not what StyleGAN calls so: expected {{"labels": [["file", class], …]}}, '
            'or "labels": null.'
        ) from None
    if not labels:
        return {}
    labels = {str(name).replace("\\", "/"): label for name, label in labels.items()}
    known = set(files)
    if stray := next((name for name in labels if name not in known), None):
        raise UsageError(f"{path} names {stray[:200]}, which is not an image in {path.parent}.")
    if missing := next((name for name in files if name not in labels), None):
        raise UsageError(f"{path} gives no label for {missing}; every image needs one.")
    values: list[Any] = [labels[name] for name in files]
    if all(type(value) is int for value in values):
        return {"label": [str(value) for value in values]}
    lengths = {len(value) if isinstance(value, list) else 0 for value in values}  # pyright: ignore[reportUnknownArgumentType]
    flat = [number for value in values if isinstance(value, list) for number in value]  # pyright: ignore[reportUnknownVariableType]
    if len(lengths) > 1 or not all(type(number) in (int, float) for number in flat):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise UsageError(
            f"{path}: labels are whole numbers, or lists of numbers of one length; found "
            f"{str(values[0])[:40]} for {files[0]}."
        )
    return {f"label{i}": [str(value[i]) for value in values] for i in range(next(iter(lengths)))}
