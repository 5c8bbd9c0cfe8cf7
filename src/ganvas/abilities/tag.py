"""``ganvas tag``: the words that a model finds for items, by the vectors that it draws of each."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.data.words import Float32, Vocabulary
    from ganvas.model import Model
    from ganvas.model.trained import Array

ITEMS = 64
"""Items whose words are drawn at a time."""


class Tag(NamedTuple):
    """A word, and in how many draws it was among the nearest."""

    word: str
    draws: int


def tag(
    run: ModelFolder,
    features: Annotated[
        Path,
        typer.Argument(
            metavar="FEATURES", help="A .npy array (N, F), or features with tags as trained on."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .csv table of tags.")],
    draws: Annotated[int, typer.Option(help="Vectors drawn for each item.", min=1)] = 100,
    nearest: Annotated[int, typer.Option(help="Words counted for each vector.", min=1)] = 20,
    top: Annotated[int, typer.Option(help="Tags for each item.", min=1)] = 10,
    words: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Words other than those of the run's data: .npz."),
    ] = None,
    raw: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the vectors drawn, (N, draws, dim): .npy."),
    ] = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Tag items: the words that stand nearest to the vectors drawn for each, most frequent first.

    Row i of the table is item i: its tags with ; between, and how many draws had each nearby.

    Example: ganvas tag runs/tags features.npy --out tags.csv
    """
    import numpy as np

    from ganvas.files import replacing, write_whole

    check_file(out, ".csv")
    check_file(raw, ".npy", name="--raw")
    model = load_model(run, game)
    known = _vocabulary(run, words, game)
    x = read_features(features, model)
    vectors = draw_words(model, x, draws, seed)
    found = [top_tags(some, known, nearest, top) for some in vectors]
    write_whole(out, _table(found).encode())
    say(f"tags of {len(x):,} items: {out}")
    if raw is not None:
        with replacing(raw) as file:
            np.save(file, vectors)
        say(f"vectors drawn: {raw}")


def draw_words(model: Model, features: Array, draws: int = 100, seed: int = 0) -> Float32:
    """Return the vectors that a model draws for features (N, F): (N, draws, dim).

    Raises:
        UsageError: the model draws something else, or of something else.
    """
    import numpy as np

    from ganvas.data.tagged import FEATURES

    if FEATURES not in model.game.conditions:
        raise UsageError(
            f"this model draws {model.domain.described()}; tags are drawn by a model that was "
            "trained on features with tags: ganvas train cgan/tags"
        )
    parts = [
        model.sample(len(some) * draws, seed=seed + at, given={FEATURES: some.repeat(draws, 0)}).x
        for at, some in enumerate(np.split(features, range(ITEMS, len(features), ITEMS)))
    ]
    return np.concatenate(parts).reshape(len(features), draws, -1)


def top_tags(vectors: Float32, known: Vocabulary, nearest: int = 20, top: int = 10) -> list[Tag]:
    """Return the words that are most often among the nearest of vectors (draws, dim).

    Words of equal counts are in the order of their summed cosines, then of the alphabet.

    Args:
        vectors: drawn for one item.
        known: where words are looked for.
        nearest: how many words are counted for each vector.
        top: how many are returned, at most.
    """
    import numpy as np

    index, cosines = known.nearest(vectors, nearest)
    counts = np.bincount(index.ravel(), minlength=len(known))
    near = np.bincount(index.ravel(), cosines.ravel().astype(np.float64), minlength=len(known))
    met = np.flatnonzero(counts).tolist()
    met.sort(key=lambda at: (-counts[at], -near[at], known.words[at]))
    return [Tag(known.words[at], int(counts[at])) for at in met[:top]]


def read_features(path: Path, model: Model) -> Array:
    """Return features (N, F) as the model was trained on, from an array or from tagged data.

    Raises:
        UsageError: nothing is there, or it does not fit the model.
    """
    import numpy as np

    from ganvas.data.arrays import load_arrays
    from ganvas.data.tagged import FEATURE_FILE, FEATURES

    file = path / FEATURE_FILE if path.is_dir() else path
    if not file.is_file() or file.suffix not in (".npy", ".npz"):
        raise UsageError(
            f"{path}: expected features as a .npy array (N, F), an .npz file with '{FEATURES}', "
            f"or a folder with {FEATURE_FILE}"
        )
    arrays = load_arrays(file)
    found = arrays.get(FEATURES, next(iter(arrays.values())))
    domain = model.spec.fields.get(FEATURES)
    if domain is not None and found.shape[1:] != domain.array_shape:
        raise UsageError(
            f"{file} has features of shape {found.shape}, and the model was trained on "
            f"(N, {domain.array_shape[0]})"
        )
    if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise UsageError(f"{file}: expected finite numbers (N, F), found {found.dtype}")
    return found


def _vocabulary(run: Path, words: Path | None, game: str | None) -> Vocabulary:
    """Return the words of a file, or those of the data that a run was trained on."""
    from ganvas.api.run_data import run_data
    from ganvas.data.words import read_words

    if words is not None:
        return read_words(words)
    source = run_data(run, game=game).source
    if source.vocabulary is None:
        raise UsageError(
            f"{run} was trained on {source.spec.domain.plural}, not on words: give those among "
            "which tags are looked for with --words FILE"
        )
    return source.vocabulary


def _table(found: Sequence[Sequence[Tag]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("item", "tags", "counts"))
    for item, tags in enumerate(found):
        words = ";".join(one.word for one in tags)
        table.writerow((item, words, ";".join(str(one.draws) for one in tags)))
    return text.getvalue()
