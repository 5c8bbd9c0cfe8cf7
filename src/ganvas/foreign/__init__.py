"""Checkpoints of other programs, read as models of ganvas: one file of `formats` for each kind.

A format says whether a file is one of its kind, and what networks, settings and tensors of ours it
holds. No code of the file is run or imported (`ganvas.foreign.pickles`).
"""

from __future__ import annotations

from pathlib import Path

from ganvas.foreign import formats
from ganvas.foreign.formats import Imported
from ganvas.foreign.torch_files import read_file

__all__ = ["Imported", "read_foreign"]


def read_foreign(path: Path) -> Imported:
    """Return what a checkpoint of another program holds, as a model of ours.

    Raises:
        UsageError: it cannot be read, carries what is refused, or is of no known kind.
    """
    content = read_file(path)
    return formats.find(content).read(content, path)
