"""``ganvas words``: vectors of words, from text or from the tags of data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.options import Seed
from ganvas.cli.speech import say
from ganvas.errors import UsageError
from ganvas.given import require_place


def words(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .txt file with words in company on each line, a .csv table with a column "
            "'tags', features with tags, or the set themes.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Words and vectors: .npz.")],
    dim: Annotated[int, typer.Option(help="Numbers of a vector.", min=1)] = 200,
    min_count: Annotated[int, typer.Option(help="Drop words that are met less often.", min=1)] = 5,
    window: Annotated[int, typer.Option(help="Neighbours up to so many words away.", min=1)] = 5,
    negatives: Annotated[int, typer.Option(help="Noise words for each neighbour.", min=1)] = 5,
    epochs: Annotated[int, typer.Option(help="Passes over all neighbours.", min=1)] = 5,
    seed: Seed = 0,
) -> None:
    """Learn vectors of words by skip-gram with negative sampling.

    Words that stand in the same company come to point the same way. The tags of an item, or the
    words of a line, are in company.

    Example: ganvas words photos/tags.csv --out words.npz --min-count 200
    """
    from ganvas.data.skip_gram import SkipGram
    from ganvas.data.words import save_words

    require_place(out)
    learner = SkipGram(
        dim=dim,
        min_count=min_count,
        window=window,
        negatives=negatives,
        epochs=epochs,
        seed=seed,
    )
    known = learner.learn(_lists(source), source)
    save_words(out, known)
    say(f"{len(known):,} words as vectors of {dim} numbers: {out}")


def _lists(source: str) -> list[Sequence[str]]:
    """Return the words that are in company.

    Raises:
        UsageError: the source is nothing that has such words.
    """
    from ganvas.data.catalogue import TAGGED, find_path
    from ganvas.data.domains.words import WordOptions
    from ganvas.data.skip_gram import words_of_lines
    from ganvas.data.tagged import features_and_tags, is_tagged, read_tags

    path = Path(source).expanduser()
    if source in TAGGED:
        return list(TAGGED[source]().lists())
    if path.suffix == ".txt" and path.is_file():
        return list(words_of_lines(path))
    if path.suffix == ".csv" and path.is_file():
        return [tags for _, tags in read_tags(path)]
    if is_tagged(source):
        return [tags for _, tags in features_and_tags(path, WordOptions())[1]]
    found = find_path(source)
    raise UsageError(
        f"{found} has no words: expected a .txt file, a .csv table with a column 'tags', or "
        "features with tags"
    )
