"""``ganvas recipes`` and ``ganvas data``: what there is to train, and on what."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import Game, Settings
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError, quoted
from ganvas.given import require_folder

if TYPE_CHECKING:
    from ganvas.data.report import DataReport


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A recipe to show in full.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of its settings.")
    ] = False,
    game: Game = None,
) -> None:
    """List the recipes, or show one with all its settings.

    Example: ganvas recipes r3gan/ring8
    """
    from ganvas.recipes import catalogue

    if name is not None:
        from ganvas.recipes.loader import load_recipe

        recipe = load_recipe(name, game=game)
        text = json.dumps(type(recipe).model_json_schema(), indent=2)
        say(text if schema else recipe.to_yaml().rstrip())
        return
    if schema:
        raise UsageError("--schema needs a recipe: ganvas recipes NAME --schema")
    say(table([(summary.name, summary.about) for summary in catalogue.summaries()]))
    say("\nAll settings of one: ganvas recipes NAME. Train it: ganvas train NAME --out DIR")


def data(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="A folder, an archive, shards, an array, a table, a text, or a set's name.",
        ),
    ] = None,
    settings: Settings = None,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Also find images with equal pixels.")
    ] = False,
    near_duplicates: Annotated[
        bool,
        typer.Option(
            "--near-duplicates", help="Also find images that are nearly equal; takes a minute."
        ),
    ] = False,
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .csv of all near duplicates: group, file, kept."),
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            "--shards", metavar="OUT", help="Write its images as tar shards into this folder."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", help="Of each shard, about: 500MB. Default: 1GiB.")
    ] = None,
    stabilise: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write camera-stabilised copies of its videos into this folder."
        ),
    ] = None,
    clear_cache: Annotated[
        bool,
        typer.Option(
            "--clear-cache",
            help="Remove decoded images kept on disk (PATH: those of data.cache=PATH).",
        ),
    ] = False,
) -> None:
    """Say what a data set holds, and which recipes fit.

    Of videos, settings such as data.frames=32 data.stride=2 say how many clips there are.

    Example: ganvas data my_images
    """
    _refuse_together(
        {"--clear-cache": clear_cache, "--shards": shards, "--stabilise": stabilise},
        {"--duplicates": duplicates, "--near-duplicates": near_duplicates, "--groups": groups},
    )
    if settings and (clear_cache or shards is not None):
        raise UsageError(
            f"{settings[0]}: --shards and --clear-cache take files as they are; leave it out"
        )
    if clear_cache:
        say(_cleared(path))
        return
    if path is None:
        raise UsageError("data needs to know which: ganvas data PATH")
    from ganvas.data.check import check_data

    if not path.strip():
        raise UsageError("PATH is empty: give a file, a folder or the name of a data set")
    if shards is not None:
        say(_sharded(path, shards, size or "1GiB"))
        return
    if size is not None:
        raise UsageError(f"--size is that of shards: ganvas data {quoted(path)} --shards OUT")
    if groups is not None and not near_duplicates:
        raise UsageError("--groups is the table of --near-duplicates: give both")
    check_file(groups, ".csv", name="--groups")
    known = _data_settings(settings or [])
    if stabilise is not None:
        say(_stabilised(path, known, stabilise))
        return
    report = check_data(path, duplicates=duplicates, told=known)
    if near_duplicates and not report.sizes:
        raise UsageError(f"{path} holds no images: near duplicates are looked for among images")
    say(report.text())
    if near_duplicates:
        say(_near(path, groups))
    fitting = fitting_recipes(report)
    say("  recipes that fit:" if fitting else "  no recipe fits")
    for line in fitting:
        say(f"    {line}")
    if not report.usable:
        raise typer.Exit(1)


def _refuse_together(works: Mapping[str, object], looks: Mapping[str, object]) -> None:
    """Refuse more than one work at once, and looks beside it, which nobody would see.

    Raises:
        UsageError: there is such a pair.
    """
    asked = [[name for name, given in some.items() if given] for some in (works, looks)]
    if len(both := [*asked[0], *asked[1]]) > 1 and asked[0]:
        raise UsageError(f"{both[0]} and {both[1]} do not go together: give one at a time")


def _data_settings(words: list[str]) -> dict[str, Any]:
    """Return settings of data from words such as ``data.frames=32``.

    Raises:
        UsageError: a word is of something else.
    """
    from ganvas.recipes.overrides import parse_overrides, told_of_data

    if others := [key for key in parse_overrides(words).tree if key != "data"]:
        raise UsageError(f"{others[0]} is no setting of data: expected one such as data.frames=32")
    return told_of_data(words)


def _stabilised(source: str, told: dict[str, Any], out: Path) -> str:
    """Write stabilised copies of videos and say what became of them."""
    from ganvas.data.catalogue import find_videos
    from ganvas.data.check import data_settings
    from ganvas.data.readers.place import printable
    from ganvas.data.readers.videos import reels
    from ganvas.data.stabilise import stabilise

    require_folder(out, "--stabilise")
    if (videos := find_videos(data_settings(source, told))) is None:
        raise UsageError(
            f"{source} holds no video files: --stabilise is of videos (data.videos=true takes "
            "animated pictures, folders of frames and strips for such)"
        )
    found = reels(*videos)
    written, dropped = stabilise(found, out)
    lines = [f"{out}: clips stabilised: {len(written):,}, of {len(found.seen):,} videos"]
    for one in [*found.broken, *dropped]:
        lines.append(f"  dropped: {printable(one.name)}: {one.reason}")
    return "\n".join(lines)


def _near(source: str, out: Path | None) -> str:
    """Find near duplicates, write them where asked, and say what they are."""
    from ganvas.data.near_duplicates import near_duplicates
    from ganvas.data.readers.place import printable
    from ganvas.data.report import SHOWN
    from ganvas.files import write_whole

    found = near_duplicates(source)
    rest = sum(len(names) - 1 for names in found)
    lines = [f"  near duplicates: {len(found):,} groups, {rest:,} images beside the kept ones"]
    for kept, *others in found[:SHOWN]:
        lines.append(f"    {printable(kept)} is kept: {', '.join(map(printable, others))}")
    if len(found) > SHOWN:
        lines.append(f"    … and {len(found) - SHOWN:,} more groups")
    if out is not None:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(("group", "file", "kept"))
        for group, names in enumerate(found):
            table.writerows((group, name, int(name == names[0])) for name in names)
        write_whole(out, text.getvalue().encode())
        lines.append(f"  all of them: {out}")
    return "\n".join(lines)


def _sharded(source: str, folder: str, size: str) -> str:
    """Write the images of a data set as shards and say how they are trained on."""
    from ganvas.data.check import find_images
    from ganvas.data.memory import amount, bytes_of
    from ganvas.data.readers.braces import is_address
    from ganvas.data.readers.images import without_broken
    from ganvas.data.readers.place import listing
    from ganvas.data.sharding import write_shards

    most, out = bytes_of(size), Path(folder).expanduser()
    if is_address(folder):
        raise UsageError(f"--shards {folder}: shards are written into a folder here; copy them on")
    require_folder(out, "--shards")
    if (found := find_images(source)) is None:
        raise UsageError(f"{source} has no image files; shards are made of folders and archives")
    found, broken = without_broken(found)
    pattern = write_shards(found, out, most)
    written = [path.stat().st_size for path in out.glob("*.tar")]
    other = [name for name in found.columns.get("train", ()) if name != "label"]
    lines = [
        f"{out}: {len(found.files):,} images in {len(written)} shards, {amount(sum(written))}",
        *([f"  left out: {len(broken):,} broken\n{listing(broken, 4)}"] if broken else []),
        *([f"  not written: the columns {', '.join(other)} of labels.csv"] if other else []),
        f"  look at them:  ganvas data {quoted(pattern)}",
        f"  train on them: ganvas train RECIPE --out DIR --data {quoted(pattern)}",
    ]
    return "\n".join(lines)


def _cleared(path: str | None) -> str:
    """Clear a cache of decoded images and say what became of it."""
    from ganvas.data.cache import Cache, user_cache
    from ganvas.data.memory import amount

    root = user_cache() if path is None else Path(path).expanduser()
    removed, kept = Cache(root).clear()
    used = f"; {kept} in use stay" if kept else ""
    return f"{root}: {amount(removed)} removed{used}"


def fitting_recipes(report: DataReport) -> list[str]:
    """Return the commands that train on a data set, those made for it first.

    Images of several sizes and broken files need a rule, which the commands bring.
    """
    from ganvas.recipes import catalogue

    found = [s for s in catalogue.summaries() if report.classes or not s.conditional]
    general = [s.name for s in found if s.name.endswith(f"/{report.kind}")]
    made_for = [s.name for s in found if s.source == report.source and s.name not in general]
    rules = shlex.join(_rules(report))
    end = f"--out DIR {rules}".rstrip()
    return [
        *(f"ganvas train {name} {end}" for name in made_for),
        *(f"ganvas train {name} --data {quoted(report.source)} {end}" for name in general),
    ]


def _rules(report: DataReport) -> list[str]:
    """Return the settings without which training refuses these data."""
    from ganvas.data.pixels import suggested_edge

    rules: list[str] = []
    if len(report.sizes) > 1:
        edge = suggested_edge([_edges(size) for size in report.sizes])
        rules += [f"data.size={edge}", "data.resize=fit-crop"]
    return [*rules, "data.skip_broken=true"] if report.broken else rules


def _edges(size: str) -> tuple[int, int]:
    height, width = size.split("x")
    return int(height), int(width)
