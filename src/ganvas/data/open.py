"""From settings to a source: the one door through which data enters training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ganvas.data.affine import AffineSource
from ganvas.data.arrays import collect
from ganvas.data.catalogue import AFFINE, STACKS, TAGGED, conformed, find_videos, read
from ganvas.data.clips import open_clips
from ganvas.data.domains.points import PointOptions
from ganvas.data.domains.words import WordOptions
from ganvas.data.graph_laws import GRAPH_NAMES, graph_law
from ganvas.data.graph_source import LINKS, GraphSource
from ganvas.data.image_options import ImageOptions
from ganvas.data.items import AnyArray, Collection, require_several
from ganvas.data.laws import LAW_NAMES, law
from ganvas.data.mapped import at_rows
from ganvas.data.pairs import PairSource
from ganvas.data.procedural import procedural
from ganvas.data.reader import own_reader
from ganvas.data.settings import AffineSettings, DataSettings
from ganvas.data.source import ArraySource, LawSource, Source, StackSource
from ganvas.data.splits import held_out_rows
from ganvas.data.tagged import Tagged, is_tagged, read_tagged, with_words
from ganvas.data.views import Dequantise, Derive, Mirror, View
from ganvas.errors import UsageError

__all__ = ["DataSettings", "open_data"]


def open_data(settings: DataSettings, content: Mapping[str, AnyArray] | None = None) -> Source:
    """Open the data that ``settings`` describe.

    Args:
        settings: where they are, and what is made of them.
        content: the arrays of the .npz file that ``settings.source`` names, if it is not there yet.

    Raises:
        UsageError: it is not there, is broken, or does not fit the settings.
    """
    name = settings.source
    if content is not None:
        found = conformed(collect(Path(Path(name).stem), content), settings)
        return _with_views(_of_collection(found, settings), settings)
    if settings.variant and name not in procedural():
        raise UsageError(f"data.variant is for sets made by code, not for {name}: leave it out.")
    if (reader := own_reader(name)) is not None:
        return reader.open(settings)
    source = _open_affine(name, settings) if name in AFFINE else _open_plain(name, settings)
    return _with_views(source, settings)


def _with_views(source: Source, settings: DataSettings) -> Source:
    source.views = views_of(settings.of(ImageOptions))
    if settings.derive:
        source.spec = source.spec.with_derived(settings.derive)
        derived = (Derive(name, how) for name, how in settings.derive.items())
        source.views = (*derived, *source.views)
    return source


def views_of(settings: ImageOptions) -> tuple[View, ...]:
    """Return what is done to every record that is trained on."""
    wanted = ((settings.dequantise, Dequantise), (settings.mirror, Mirror))
    return tuple(view() for asked, view in wanted if asked)


def _open_plain(name: str, settings: DataSettings) -> Source:
    if settings.affine is not None:
        raise UsageError(
            f"data.affine is for {' and '.join(AFFINE)}, not for {name}: leave it out."
        )
    if name in LAW_NAMES:
        settings.refuse_foreign("points")
        asked = settings.of(PointOptions).standardise
        rule = asked if isinstance(asked, str) else "together" if asked else None
        return LawSource(law(name), labels=settings.labels, standardise=rule)
    if name in STACKS:
        return _open_stack(name, settings)
    if name in TAGGED:
        return _open_pairs(with_words(TAGGED[name](), settings), settings)
    if is_tagged(name, settings.of(WordOptions)):
        return _open_pairs(read_tagged(settings), settings)
    if (found := find_videos(settings)) is not None:
        clips = open_clips(*found)
        require_several(clips.spec.name, len(clips.items("train")))
        return clips
    return _of_collection(read(settings), settings)


def _of_collection(collection: Collection, settings: DataSettings) -> Source:
    settings.refuse_foreign(collection.kind)
    if LINKS in collection.splits["train"]:
        name = settings.source
        return GraphSource(collection, settings, graph_law(name) if name in GRAPH_NAMES else None)
    return ArraySource(_with_labels(_with_split(collection, settings), settings), settings)


def _open_stack(name: str, settings: DataSettings) -> StackSource:
    settings.refuse_foreign("images")
    stack = STACKS[name]
    digits = conformed(stack.read_digits(settings), settings)
    if digits.splits["train"].x.shape[-1] != 1:
        raise UsageError(f"{name} stacks grey digits: leave data.channels at auto.")
    return StackSource(name, digits, labels=settings.labels, fixed=stack.triples)


def _open_pairs(tagged: Tagged, settings: DataSettings) -> PairSource:
    settings.refuse_foreign("words")
    return PairSource(tagged, settings)


def _open_affine(name: str, settings: DataSettings) -> AffineSource:
    settings.refuse_foreign("images")
    digits = _with_labels(conformed(AFFINE[name](settings), settings), settings)
    return AffineSource(name, digits, settings.affine or AffineSettings())


def _with_labels(collection: Collection, settings: DataSettings) -> Collection:
    """Return the set as it is, or its main field alone if the others are not wanted."""
    if settings.labels:
        return collection
    splits = {split: items.only() for split, items in collection.splits.items()}
    return replace(collection, splits=splits, class_names=(), domains={}, files={})


def _with_split(collection: Collection, settings: DataSettings) -> Collection:
    """Hold a random part out as "test", the same for every seed, unless there is one already."""
    train = collection.splits["train"]
    count = len(train)
    if settings.hold_out and "test" not in collection.splits:
        kept, held = held_out_rows(count, settings.hold_out)
        splits = {
            split: train.like(
                {k: v if k in train.loose else at_rows(v, rows) for k, v in train.fields.items()}
            )
            for split, rows in (("train", kept), ("test", held))
        }
        collection = collection.with_splits(splits)
    require_several(collection.name, len(collection.splits["train"]))
    return collection
