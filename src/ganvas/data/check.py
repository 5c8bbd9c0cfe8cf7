"""What ``ganvas data`` tells about a data set before anyone trains on it. Needs no torch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from ganvas.data import pixels
from ganvas.data.catalogue import AFFINE, DATA_NAMES, STACKS, TAGGED, find_path, find_videos, read
from ganvas.data.column_report import some_of
from ganvas.data.domains import find_domain
from ganvas.data.domains.words import WordOptions
from ganvas.data.film_report import film_facts
from ganvas.data.graph_files import is_graph
from ganvas.data.hub import PREFIX
from ganvas.data.items import Collection, class_order, require_several
from ganvas.data.laws import LAW_NAMES, law
from ganvas.data.pixels import ColourForm
from ganvas.data.readers.braces import is_shards
from ganvas.data.readers.decode import each, heads, verify
from ganvas.data.readers.fields import read_field
from ganvas.data.readers.images import Survey, is_images, survey
from ganvas.data.readers.labels_csv import LABEL, LABEL_FILE
from ganvas.data.readers.place import Head
from ganvas.data.readers.shards import find_shards, survey_shards
from ganvas.data.readers.videos import Reels, reels
from ganvas.data.report import DataReport
from ganvas.data.settings import AffineSettings, DataSettings
from ganvas.data.tagged import features_and_tags, is_tagged
from ganvas.errors import UsageError, did_you_mean, told_at, wanted

FEW = 1000
IMBALANCE = 10


def check_data(
    source: str, *, duplicates: bool = False, told: Mapping[str, Any] | None = None
) -> DataReport:
    """Look through a data set: every file of a folder is opened and decoded.

    Args:
        source: anything that `DataSettings.source` understands.
        duplicates: also find images with equal pixels.
        told: other settings of the data, such as how many frames clips have.

    Raises:
        UsageError: there is nothing of this name, or it is no data set at all.
    """
    if source in LAW_NAMES:
        known = law(source)
        return DataReport(source, "points", {"train": None}, dim=known.dim, modes=known.K or None)
    settings = data_settings(source, told or {})
    if source in STACKS:
        return _check_stack(source, STACKS[source].read_digits(settings))
    if source in AFFINE:
        return _check_affine(source, AFFINE[source](settings))
    if source in TAGGED or is_tagged(source):
        return _check_tagged(source, settings)
    if (videos := find_videos(settings)) is not None:
        return check_videos(source, reels(*videos), videos[1])
    if (found := find_images(source)) is not None:
        return _check_images(source, found, duplicates)
    found = read(settings)
    require_several(source, len(found.splits["train"]))
    return _check_collection(source, found, duplicates)


def data_settings(source: str, told: Mapping[str, Any]) -> DataSettings:
    """Return settings of a source from what was told of them.

    Raises:
        UsageError: one is none, or wrong.
    """
    if (other := told.get("source", source)) != source:
        raise UsageError(f"data.source={other}: {source} was named already; give one of both")
    try:
        return DataSettings.model_validate({"source": source, **told})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(told_at(first["loc"], told))
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(key, DataSettings.model_fields)
            raise UsageError(f"data.{key} is not a setting.{hint}") from None
        reasoned = first["type"] == "value_error" or not key
        what = f"data.{key or source}:" if reasoned else f"data.{key}={first['input']}: expected"
        raise UsageError(f"{what} {wanted(first['msg'])}.") from None


def find_images(source: str) -> Survey | None:
    """Return the image files of a folder, an archive or shards; None of all other data.

    Raises:
        UsageError: there is nothing of this name, or it is damaged.
    """
    if source in (*LAW_NAMES, *DATA_NAMES) or source.startswith(PREFIX):
        return None
    if is_shards(source):
        settings = DataSettings(source=source)
        return survey_shards(find_shards(source, settings), settings)
    path = find_path(source)
    return survey(path) if is_images(path) and not is_graph(path) else None


def _check_stack(source: str, digits: Collection) -> DataReport:
    _, height, width, _ = digits.splits["train"].x.shape
    triples = STACKS[source].triples
    return DataReport(
        source,
        "images",
        {"train": triples},
        sizes={pixels.show((height, width)): triples},
        channels={"rgb": triples},
        modes=1000,
    )


def _check_affine(source: str, digits: Collection) -> DataReport:
    canvas = AffineSettings().canvas
    report = _check_collection(source, digits, duplicates=False)
    report.counts["train"] = None
    report.sizes = {pixels.show((canvas, canvas)): None}
    report.channels = {pixels.FORMS[digits.splits["train"].x.shape[-1]]: None}
    report.warnings = []
    return report


def _check_tagged(source: str, settings: DataSettings) -> DataReport:
    if source in TAGGED:
        known = TAGGED[source]()
        features, lists = known.features, known.lists()
    else:
        features, told = features_and_tags(Path(source).expanduser(), settings.of(WordOptions))
        lists = [tags for _, tags in told]
    counts = Counter(tag for tags in lists for tag in dict.fromkeys(tags))
    report = DataReport(
        source,
        "words",
        {"train": len(features)},
        dim=features.shape[1],
        tags=dict(counts.most_common()),
    )
    if empty := sum(not tags for tags in lists):
        report.warnings.append(f"{empty:,} items have no tag and are not trained on")
    return report


def _check_images(source: str, found: Survey, duplicates: bool) -> DataReport:
    files = found.files
    known, broken = heads(found.place, files)
    by_name = {f.name: head for f, head in zip(files, known, strict=True) if head is not None}
    broken += verify(found.place, [file for file in files if file.name in by_name])
    lost = {one.name for one in broken}
    sound = [file for file in files if file.name not in lost]
    shapes = [by_name[file.name] for file in sound]
    labels = [
        label
        for split, column in found.columns.items()
        for file, label in zip(found.splits[split], column.get(LABEL, ()), strict=False)
        if file.name not in lost
    ]
    report = DataReport(
        source,
        "images",
        {
            split: sum(file.name not in lost for file in members)
            for split, members in found.splits.items()
        },
        sizes=pixels.size_counts(head.size for head in shapes),
        channels=dict(Counter(map(_form, shapes)).most_common()),
        classes=_class_counts(labels),
        columns=_columns(found),
        broken=[*found.place.broken, *broken],
        left_out=found.left_out,
    )
    if len(report.sizes) == 1 and shapes:
        height, width = shapes[0].size
        channels = max(pixels.CHANNELS[form] for form in map(_form, shapes))
        report.decoded = len(shapes) * height * width * channels
    if duplicates:
        hashes = each(found.place, sound, _pixel_hash, "comparing the pixels of")
        report.duplicates = _equal(list(zip((f.name for f in sound), hashes, strict=True)))
    report.warnings = _warnings(report)
    depths = {len(Path(file.name).parts) for file in found.splits["train"]}
    if len(depths) > 1 and not report.classes:
        report.warnings.append(
            "images lie at several depths, so folders give no classes: put each image in one "
            f"class folder, or write {LABEL_FILE} with the header file,label"
        )
    return report


def check_videos(source: str, found: Reels, settings: DataSettings) -> DataReport:
    """Say what the videos of a folder are, and how many clips the settings make of them."""
    survey = found.survey
    files = {
        split: [file for file in some if file.name in found.seen]
        for split, some in survey.splits.items()
    }
    seen = [found.seen[file.name] for some in files.values() for file in some]
    labels = [
        label
        for split, column in survey.columns.items()
        for file, label in zip(survey.splits[split], column.get(LABEL, ()), strict=False)
        if file.name in found.seen
    ]
    report = DataReport(
        source,
        "videos",
        {split: len(some) for split, some in files.items()},
        sizes=pixels.size_counts(one.head.size for one in seen),
        channels=dict(Counter(_form(one.head) for one in seen).most_common()),
        classes=_class_counts(labels),
        columns=_columns(survey),
        broken=found.broken,
        left_out=survey.left_out,
    )
    report.facts, report.warnings = film_facts(found, settings)
    report.warnings = [*_warnings(report), *report.warnings]
    return report


def _check_collection(source: str, collection: Collection, duplicates: bool) -> DataReport:
    train = collection.splits["train"]
    report = DataReport(
        source, collection.kind, {split: len(items) for split, items in collection.splits.items()}
    )
    find_domain(collection.kind).describe(collection, report)
    if LABEL in train:
        numbers = np.bincount(train[LABEL], minlength=len(collection.class_names)).tolist()
        report.classes = dict(zip(collection.class_names, numbers, strict=True))
    if duplicates:
        report.duplicates = _equal(
            [
                (f"{split} {row}", hashlib.sha256(item.tobytes()).hexdigest())
                for split, items in collection.splits.items()
                for row, item in enumerate(items.x)
            ]
        )
    report.warnings = [*_warnings(report), *report.warnings]
    return report


def _form(head: Head) -> ColourForm:
    return "rgba" if head.alpha else "grey" if head.grey else "rgb"


def _class_counts(labels: Sequence[str]) -> dict[str, int]:
    counts = Counter(labels)
    return {name: counts[name] for name in class_order(labels)}


def _columns(found: Survey) -> list[str]:
    """Return what training takes each further column of a table of labels for, a line each."""
    files = {split: [file.name for file in some] for split, some in found.splits.items()}
    lines: list[str] = []
    for name in found.columns.get("train", ()):
        if name == LABEL:
            continue
        words = {split: known[name] for split, known in found.columns.items() if name in known}
        try:
            arrays, domain = read_field(name, words, files, found.place.where)
        except UsageError as error:
            lines.append(f"{name}: not to be used: {error}")
            continue
        if domain.classes or domain.several:
            what = f"{len(domain.names)} {domain.plural}: {some_of(domain.names)}"
        else:
            numbers = np.concatenate([*arrays.values()])
            what = f"numbers from {numbers.min():.6g} to {numbers.max():.6g}"
        lines.append(f"{name}: {what}")
    return lines


def _pixel_hash(image: Image.Image) -> str:
    pixel = image.convert("RGBA")
    return hashlib.sha256(str(pixel.size).encode() + pixel.tobytes()).hexdigest()


def _equal(hashes: Sequence[tuple[str, str]]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, digest in hashes:
        groups.setdefault(digest, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _warnings(report: DataReport) -> list[str]:
    found: list[str] = []
    count = report.counts.get("train") or 0
    if report.broken:
        found.append("training refuses broken files unless data.skip_broken=true")
    if len(report.sizes) > 1:
        sizes = [tuple(map(int, size.split("x"))) for size in report.sizes]
        edge = pixels.suggested_edge([(height, width) for height, width in sizes])
        found.append(
            f"{len(report.sizes)} sizes: training needs a rule, for example data.size={edge} "
            "data.resize=fit-crop (or stretch, or pad)"
        )
    if len(report.channels) > 1:
        forms = ", ".join(report.channels)
        found.append(f"mixed colour forms ({forms}) become rgb on white; data.channels decides")
    if report.classes and max(report.classes.values()) > IMBALANCE * min(report.classes.values()):
        most, least = (
            pick(report.classes, key=lambda name: report.classes[name]) for pick in (max, min)
        )
        found.append(
            f"classes are uneven: {most} has {report.classes[most]:,} items, "
            f"{least} has {report.classes[least]:,}"
        )
    if count < FEW and report.links is None:
        found.append(f"only {count:,} training items: expect the generator to memorise them")
    return found
