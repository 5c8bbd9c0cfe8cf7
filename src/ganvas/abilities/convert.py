"""``ganvas convert``: a trained model with other up-samplers in the places of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ganvas.cli.options import Game, Run
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError, did_you_mean, flag, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from ganvas import play


def convert(
    run: Run,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder to make.")],
    upsample: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="nn_resize, bilinear_resize, deconv or deconv_even: for all levels.",
        ),
    ] = "nn_resize",
    game: Game = None,
) -> None:
    """Replace a model's up-samplers and keep all other weights: a run to go on from.

    The new layers are as near to the old ones as they come; some training makes up for the rest.

    Example: ganvas convert runs/dcgan --upsample nn_resize --out runs/resized
    """
    done = convert_run(run, out, upsample, game)
    say(table(done.rows, ("layer", "was", "is", "off")))
    say(f"{done.kept} other tensors as they were: {out}")
    own = flag(game or "")
    say(
        f"train on: ganvas train {quoted(out / 'config.yaml')}{own} --from {quoted(out)} "
        "--out DIR train.rounds=N"
    )


@dataclass(frozen=True)
class Converted:
    """What a conversion did.

    Attributes:
        rows: layer, what it was, what it is, and the share of its kernel that is lost.
        kept: how many tensors are as they were.
    """

    rows: list[tuple[str, str, str, str]]
    kept: int


def convert_run(run: Path, out: Path, upsample: str, own: str | None = None) -> Converted:
    """Write a run folder with the model of another, its up-samplers replaced.

    Raises:
        UsageError: there is no run, its networks have no such switch, or ``out`` is not free.
    """
    from typing import get_args

    from ganvas.diagnosis.overlaps import settings_with_upsamplers
    from ganvas.model import load, save_model
    from ganvas.nn import Upsample
    from ganvas.play import build
    from ganvas.recipes import load_recipe
    from ganvas.training.folder import CONFIG, RunFolder

    known = get_args(Upsample)
    if upsample not in known:
        raise UsageError(
            f"--upsample {upsample}: unknown.{did_you_mean(upsample, known)} "
            f"Known: {', '.join(known)}"
        )
    folder = RunFolder.open(run)
    RunFolder(out).refuse_unless_free()
    before = load_recipe(folder.path / CONFIG, game=own)
    names = list(settings_with_upsamplers(before.game_config))
    if not names:
        raise UsageError(f"{run}: the networks of {before.system} have no up-samplers to replace")
    model = load(folder.path, game=before.game_type, device="cpu")
    changes = [f"game.{name}.upsample={upsample}" for name in names]
    after = load_recipe(folder.path / CONFIG, changes, game=own)
    made = build(after.game_type, after.game_config, model.spec, after.seed)
    done = taken_over(model.game, made)
    RunFolder.create(out, after.to_yaml())
    told = model.provenance.model_copy(update={"scores": {}})
    save_model(out / "model", made, told)
    return done


def taken_over(old: play.Game, new: play.Game) -> Converted:
    """Copy what two games have in common, and convert the up-samplers in which they differ."""
    import torch

    from ganvas.nn.conversion import convert, enlarges

    theirs, rows = old.state_dict(), list[tuple[str, str, str, str]]()
    layers = dict(cast("Iterator[tuple[str, nn.Module]]", old.named_modules()))
    converted: set[str] = set()
    for name, layer in cast("Iterator[tuple[str, nn.Module]]", new.named_modules()):
        before = layers.get(name)
        if before is None or not enlarges(layer) or _same(before, layer):
            continue
        lost = convert(before, layer)
        rows.append((name, _about(before), _about(layer), f"{lost:.0%}"))
        converted |= {f"{name}.{key}" for key in layer.state_dict()}
    kept = 0
    with torch.no_grad():
        for key, tensor in new.state_dict().items():
            if key in converted:
                continue
            if key not in theirs or theirs[key].shape != tensor.shape:
                raise UsageError(f"{key} has no counterpart: this layer cannot be converted")
            tensor.copy_(theirs[key])
            kept += 1
    return Converted(rows, kept)


def _same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two layers are the same but for their weights."""
    return repr(a) == repr(b) and getattr(a, "way", None) == getattr(b, "way", None)


def _about(layer: nn.Module) -> str:
    from ganvas.nn.conversion import kind_of

    kernel = "×".join(map(str, cast("Any", layer).kernel_size))
    return f"{kind_of(layer)} {kernel}"
