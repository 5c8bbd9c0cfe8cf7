"""What is kept beside a model: encoders of its codes, and what it was tuned to.

They lie in folders of the model folder, safetensors that belong to the model's very weights and are
known by their own hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ganvas.errors import GanvasError, UsageError
from ganvas.given import require_place
from ganvas.latent.tuning import Delta, tuned
from ganvas.model.sealed import read_told, write_told
from ganvas.model.trained import Trained

TUNINGS, ENCODERS = "tunings", "encoders"
FORMATS = {TUNINGS: "ganvas-tuning-1", ENCODERS: "ganvas-encoder-1"}
SUFFIX = ".safetensors"


class Kept(NamedTuple):
    """A file beside a model.

    Attributes:
        path: where it lies.
        told: what it says of itself.
        tensors: what is in it.
        digest: its hash.
    """

    path: Path
    told: dict[str, Any]
    tensors: dict[str, Tensor]
    digest: str


def place_beside(model: Trained, kind: str, name: str) -> Path:
    """Return where something will be kept beside a model, before any work is done for it.

    Args:
        model: of which it is.
        kind: its folder.
        name: of the file.

    Raises:
        UsageError: the model lies in no folder, or the name is none of a file.
        GanvasError: the folder may not be written.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise UsageError(f"--name {name}: expected the name of a file, such as faces")
    path = _folder(model, kind) / f"{name}{SUFFIX}"
    require_place(path, "beside the model")
    return path


def keep(
    model: Trained, path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, Any]
) -> Kept:
    """Write something beside a model.

    Args:
        model: of which it is.
        path: as `place_beside` says.
        tensors: what is written.
        told: what it says of itself, in plain values.

    Raises:
        GanvasError: the file cannot be written.
    """
    about = {"format": FORMATS[path.parent.name], "model": model.digest, **told}
    path.parent.mkdir(exist_ok=True)
    return Kept(path, *write_told(path, tensors, about))


def kept(model: Trained, kind: str) -> Iterator[Kept]:
    """Give what is kept of a kind beside a model that was made with its very weights.

    Raises:
        UsageError: the model lies in no folder.
        GanvasError: a file is damaged.
    """
    for path in sorted(_folder(model, kind).glob(f"*{SUFFIX}")):
        try:
            found = read_told(path)
        except GanvasError as error:
            raise GanvasError(f"{error}: remove it, and make it anew") from error
        if found.told.get("format") == FORMATS[kind] and found.told.get("model") == model.digest:
            yield Kept(path, *found)


def tuned_by(model: Trained, digest: str) -> AbstractContextManager[None]:
    """Return a block in which a model is tuned as a file beside it says.

    Raises:
        UsageError: there is no file of this hash.
    """
    for one in kept(model, TUNINGS):
        if one.digest == digest:
            delta: Delta = one.tensors
            return tuned(model.game, delta)
    raise UsageError(
        f"these codes are pivots of a tuning (sha256 {digest[:12]}…) that is not beside the model "
        f"any more: make it anew with: ganvas tune"
    )


def _folder(model: Trained, kind: str) -> Path:
    """Return the folder of a kind beside a model.

    Raises:
        UsageError: the model lies in no folder.
    """
    if model.folder is None:
        raise UsageError(
            "this model lies in no folder beside which anything could be kept: load it"
        )
    return model.folder / kind
