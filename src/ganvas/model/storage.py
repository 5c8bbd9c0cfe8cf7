"""Model folders: ``model.safetensors``, which describes itself, ``config.json`` and a card.

The weight file's metadata alone decides how a model is built; the other two are for people. No
pickle is read, and no code is imported by a name that a file gives.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from ganvas.data.spec import DataSpec
from ganvas.errors import GanvasError, UsageError, flag, quoted, wanted
from ganvas.files import alone, disk_errors, misspelt, write_whole
from ganvas.games import address, find_game, is_own, own_game, systems
from ganvas.given import path_of
from ganvas.model.card import Provenance, card
from ganvas.model.fitting import rebuild, refuse_odd
from ganvas.model.model import Model
from ganvas.model.sealed import DIGEST, DamageError, read_sealed, write_sealed
from ganvas.play import Game, digests, expect
from ganvas.play.abilities import verbs_of
from ganvas.processor import Precision

FORMAT = "ganvas-model-2"
MODEL = "model.safetensors"
CARD = "README.md"
HASHES = TypeAdapter(dict[str, str])


def save_model(folder: str | Path, game: Game, provenance: Provenance | None = None) -> None:
    """Write what inference needs of ``game``, with the weights it has now, into ``folder``.

    Each file is replaced whole, the weights last, so that a kill leaves a model that loads.

    Raises:
        GanvasError: a file cannot be written, or there is nothing that the folder could lie in.
    """
    folder = path_of(folder, "folder")
    config = _config(game, provenance or Provenance())
    text = json.dumps(config, indent=2)
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
        with alone(folder):
            write_whole(folder / "config.json", f"{text}\n".encode(), deep=False)
            write_whole(folder / CARD, card(config, _count(game)).encode(), deep=False)
            write_sealed(folder / MODEL, _inference_state(game), {"ganvas": text}, deep=False)


def digest_of(folder: Path) -> str | None:
    """Return the hash of the weights in a model folder, None if they are damaged or gone."""
    try:
        return read_sealed(folder / MODEL)[0].get(DIGEST)
    except (DamageError, GanvasError):
        return None


def note_scores(folder: Path, model: Model, scores: dict[str, float]) -> None:
    """Write the card of a model anew, with its scores, unless other weights are there by now."""
    made = model.provenance.model_copy(update={"scores": scores})
    with disk_errors(folder), alone(folder):
        if digest_of(folder) == model.digest:
            text = card(_config(model.game, made), _count(model.game))
            write_whole(folder / CARD, text.encode())


def load(
    folder: str | Path,
    game: str | type[Game] | None = None,
    device: str | torch.device = "auto",
    precision: Precision | Literal["auto"] = "auto",
) -> Model:
    """Return the trained model in ``folder``, ready to sample.

    Args:
        folder: a run folder or its ``model`` folder.
        game: the system's class or its address ``module:Class``, if it is one of your own; others
            are known by name.
        device: where it computes; ``auto`` takes an accelerator if there is one.
        precision: in which; ``auto`` is bfloat16 where training would choose it.

    Raises:
        UsageError: there is no model in ``folder``.
        GanvasError: the weight file is damaged, foreign, or does not fit its settings; it
            is raised later if samples need a frozen network that is none of its training.
    """
    path = find(path_of(folder, "folder"))
    config, tensors = read(path)
    kind = _game_type(config, game, path)
    try:
        settings = kind.Config.model_validate(config["game"])
        spec = DataSpec.model_validate(config["data"])
        made = Provenance.model_validate(config.get("provenance", {}))
        frozen = HASHES.validate_python(config.get("frozen", {}))
    except (ValidationError, KeyError) as error:
        raise GanvasError(
            f"{path} has settings that this version of ganvas does not understand "
            f"({_first(error)}); it was written by ganvas {config.get('ganvas', 'unknown')}, here "
            f"is {version('ganvas')}. Write it again from the run's last checkpoint with: "
            f"ganvas resume {_run_of(path)}"
        ) from error
    built = rebuild(kind, settings, spec, tensors, path)
    expect(built, frozen, f"the model in {path}")
    _take_up(built, tensors, path)
    model = Model(built, made, device, config.get(DIGEST, ""), precision)
    model.folder = path.parent
    return model


def find(folder: Path) -> Path:
    """Return the weight file of a run folder or model folder.

    Raises:
        UsageError: there is none.
    """
    for path in (folder / "model" / MODEL, folder / MODEL):
        if path.is_file():
            return path
    if (folder / "config.yaml").is_file():
        raise UsageError(
            f"the run {folder} has no model yet: it stopped before its first checkpoint; "
            f"go on with: ganvas resume {quoted(folder)}, or see what is wrong: "
            f"ganvas diagnose {quoted(folder)}"
        )
    what = (
        "has no model in it" if folder.is_dir()
        else "is a file" if folder.exists()
        else "does not exist"
    )  # fmt: skip
    raise UsageError(
        f"{folder} {what}; give a folder that ganvas train wrote (its --out)"
        f"{'' if folder.exists() else misspelt(folder)}"
    )


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the settings and tensors of a weight file; among the settings is its hash.

    Raises:
        GanvasError: it is damaged, or not one of ours.
    """
    try:
        metadata, tensors = read_sealed(path)
        text = metadata.get("ganvas")
        told: Any = {} if text is None else json.loads(text)
        if not isinstance(told, dict):
            raise DamageError("its settings are no mapping")
        config = cast(dict[str, Any], told)
        kind, digest = config.get("format"), metadata.get(DIGEST)
        if kind == FORMAT and digest is None:
            raise DamageError("its checksum is gone")
    except (ValueError, RecursionError) as error:
        raise GanvasError(
            f"{path} is damaged or cut short ({error}); copy it anew, or write it again from the "
            f"run's last checkpoint with: ganvas resume {_run_of(path)}"
        ) from error
    if text is None:
        raise GanvasError(
            f"{path} is not a model that ganvas wrote: it is a safetensors file without ganvas "
            "settings"
        )
    if kind != FORMAT:
        raise GanvasError(f"{path} has format {kind!r}; expected '{FORMAT}'")
    return {**config, DIGEST: digest}, tensors


def _run_of(path: Path) -> str:
    """Return the run folder that a weight file lies in, or a word for it."""
    run = path.parent.parent
    return quoted(run) if (run / "config.yaml").is_file() else "RUN"


def _config(game: Game, provenance: Provenance) -> dict[str, Any]:
    """Return what the weight file says of itself, and the card to people."""
    return {
        "format": FORMAT,
        "system": game.system,
        "code": address(type(game)) if is_own(type(game)) else "",
        "game": game.config.model_dump(mode="json"),
        "data": game.spec.model_dump(mode="json"),
        "frozen": digests(game),
        "provenance": provenance.model_dump(mode="json"),
        "capabilities": list(verbs_of(game)),
        "ganvas": version("ganvas"),
        "torch": torch.__version__.partition("+")[0],
    }


def code_of(config: dict[str, Any]) -> str:
    """Return the address ``module:Class`` of a model's game, if it is one of the user's own."""
    return str(config.get("code", ""))


def _game_type(config: dict[str, Any], own: str | type[Game] | None, path: Path) -> type[Game]:
    system, code = str(config.get("system", "")), code_of(config)
    if own is not None:
        game = own_game(own)
        if game.system != system:
            raise UsageError(f"{path} is a model of {system}, and {game.__name__} is {game.system}")
        return game
    if code or system not in systems():
        raise UsageError(
            f"{path} is a model of '{system}', which is none of ganvas' own systems; code is never "
            "loaded by a name in a file, so name its class: ganvas.load(folder, game=MyGame), or "
            f"on the command line{flag(code) or ' --game module:MyGame'}"
        )
    return find_game(system)


def _first(error: ValidationError | KeyError) -> str:
    """Return the first thing that is wrong with settings, in a few words."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {wanted(detail['msg'])}"


def _inference_state(game: Game) -> dict[str, Tensor]:
    """Return the tensors of `Game.model` and the game's own buffers, named as in its state."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in _inference_tensors(game).items()
    }


def _inference_tensors(game: Game) -> dict[str, Tensor]:
    parts = {
        f"{name}.{key}": tensor
        for name, module in game.model().items()
        for key, tensor in module.state_dict().items()
    }
    return dict(game.named_buffers(recurse=False)) | parts


def _take_up(game: Game, tensors: dict[str, Tensor], path: Path) -> None:
    refuse_odd(_inference_state(game), tensors, path)
    with torch.no_grad():
        for name, tensor in _inference_tensors(game).items():
            tensor.copy_(tensors[name])


def _count(game: Game) -> int:
    """Return the number of parameters of the networks that inference needs."""
    modules = game.model().values()
    return sum({id(p): p.numel() for m in modules for p in m.parameters()}.values())
