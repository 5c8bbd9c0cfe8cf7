"""cGAN's system B on made features with three themes: do the tags belong to the right ones?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from common import Row

from ganvas.abilities.tag import draw_words, top_tags
from ganvas.data.splits import held_out_rows
from ganvas.data.themes import THEMES, item_themes, themes
from ganvas.data.words import Vocabulary, read_words
from ganvas.model import load

MINUTES = 12
SEEDS = (0, 1)
HELD_OUT = 0.1
"""As in the recipe."""


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give a run for each source of the words' vectors and each seed, and a shuffled control."""
    for seed in SEEDS:
        yield f"vectors by formula {seed}", lambda seed=seed: trained(work, seed, learnt=False)
        yield f"skip-gram {seed}", lambda seed=seed: trained(work, seed, learnt=True)


def trained(work: Path, seed: int, *, learnt: bool) -> Row:
    """Train on themes and tag the items that were held out."""
    folder, words = work / f"tags-{seed}-{learnt}", work / f"words-{seed}.npz"
    told = ["--out", str(folder), "--overwrite", f"seed={seed}", "train.threads=1"]
    if learnt:
        asked = ["themes", "--out", str(words), "--min-count", "20", "--seed", str(seed)]
        _ganvas("words", *asked)
        told.append(f"data.words={words}")
    _ganvas("train", "cgan/themes", *told)
    known = read_words(words) if learnt else themes().vocabulary
    return tagged(folder, known)


def tagged(folder: Path, known: Vocabulary) -> Row:
    """Return how the ten tags of held-out items follow their themes.

    Attributes of the row: ``right``, the share of tags of a theme of the item; ``right_single``, of
    items with one theme alone; ``right_shuffled``, of the tags of another item; ``both``, the share
    of items with two themes whose tags have both.
    """
    _, held = held_out_rows(len(themes().features), HELD_OUT)
    about = item_themes()[held]
    drawn = draw_words(load(folder), themes().features[held])
    tags = [[tag.word for tag in top_tags(some, known)] for some in drawn]
    of = np.array(
        [[next(t for t, n in enumerate(THEMES) if w.startswith(n)) for w in ws] for ws in tags]
    )
    right = np.take_along_axis(about, of, axis=1)
    single = about.sum(axis=1) == 1
    others = np.random.default_rng(0).permutation(len(about))
    pairs = zip(of[~single], about[~single], strict=True)
    return {
        "items": len(held),
        "right": float(right.mean()),
        "right_single": float(right[single].mean()),
        "right_shuffled": float(np.take_along_axis(about[others], of, axis=1)[single].mean()),
        "both": float(np.mean([set(np.flatnonzero(a)) <= set(o.tolist()) for o, a in pairs])),
    }


def _ganvas(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "ganvas", *words], check=True, stdout=subprocess.DEVNULL)
