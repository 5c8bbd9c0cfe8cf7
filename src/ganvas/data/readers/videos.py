"""Folders of videos: what is in them, and how it becomes clips.

A video is a video file, an animated picture, a folder of pictures, or a picture that is a strip of
frames. What folders and ``labels.csv`` say of images they say of videos.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ganvas.data import pixels
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import encode_labels
from ganvas.data.pixels import Form
from ganvas.data.readers.decode import READ_ERRORS, head_of, mapped, opened
from ganvas.data.readers.decode import reason as why_broken
from ganvas.data.readers.fields import read_field
from ganvas.data.readers.films import Film, Seen
from ganvas.data.readers.films.animations import Animation
from ganvas.data.readers.films.containers import SUFFIXES, Container, require
from ganvas.data.readers.films.stills import FrameFolder, Strip, strip_size
from ganvas.data.readers.folder import Folder
from ganvas.data.readers.footage import Footage, OnDemand, footage
from ganvas.data.readers.images import Survey, laid_out
from ganvas.data.readers.looking import look
from ganvas.data.readers.place import File, LeftOut, Place, Wanted, grouped, listing, nothing_in
from ganvas.data.readers.place import suffixes as pictures
from ganvas.data.records import LABEL
from ganvas.data.settings import DataSettings
from ganvas.data.splits import held_out_rows
from ganvas.data.video_options import FRAMES, VideoOptions
from ganvas.data.windows import Pace, Part, Windows, needed, split_in_time
from ganvas.errors import DataError, UsageError

ALONE = "single picture, which is no video"

log = logging.getLogger("ganvas")


@dataclass(frozen=True)
class Reels:
    """The videos of a place, looked through.

    Attributes:
        survey: which of them are in which split, and what is told of each.
        films: all of them by name.
        seen: what is known of those that are sound.
        broken: the others, with the reason.
    """

    survey: Survey
    films: Mapping[str, Film]
    seen: Mapping[str, Seen]
    broken: list[LeftOut]

    @property
    def place(self) -> Place:
        """Where they are."""
        return self.survey.place


def is_videos(path: Path, settings: VideoOptions) -> bool:
    """Tell whether a path is a video, or a folder of some, by the names in it or as it is said.

    Who asks for so many frames of a clip takes a folder, or a picture, for one of videos.
    """
    said = settings.videos or settings.frames is not None
    if not path.is_dir():
        suffix = path.suffix.lower()
        named = suffix in (*SUFFIXES, ".gif") or (said and suffix in pictures())
        return named and path.is_file()
    return said or any(
        name.lower().endswith(SUFFIXES)
        for _, _, names in os.walk(path, followlinks=True)
        for name in names
    )


def reels(path: Path, settings: DataSettings) -> Reels:
    """Find and look through the videos of a folder, or one alone.

    Raises:
        UsageError: there are none; labels do not fit them.
    """
    place = _Single(path) if path.is_file() else Folder(path, _wanted())
    films, broken, others = _films(place, settings.of(VideoOptions))
    if not films and not broken and not place.broken:
        raise UsageError(nothing_in(place, [*place.others, *others], "video"))
    if any(isinstance(film, Container) for film in films.values()):
        require()
    found = laid_out(
        *(path if path.is_dir() else path.parent, place),
        [film.file for film in films.values()],
        labels=settings.labels,
    )
    found = replace(found, left_out=[*found.left_out, *others])
    asked = [films[file.name] for file in found.files]
    seen, damaged = look(place, asked)
    known = {f.name: one for f, one in zip(asked, seen, strict=True) if one is not None}
    return Reels(found, films, known, [*place.broken, *broken, *damaged])


def whole_videos(path: Path, settings: DataSettings) -> Iterator[tuple[str, AnyArray]]:
    """Yield the name and all frames (T, H, W, C) of each video of a place, as long as it is.

    Args:
        path: of a video, or of a folder of some.
        settings: the form of frames; paces and lengths of clips are not asked.

    Raises:
        UsageError: there are none, or broken ones (unless ``skip_broken``).
        GanvasError: a video is not what it was.
    """
    found = reels(path, settings)
    if found.broken:
        _refuse_or_say(found, settings)
    names = [file.name for file in found.survey.files if file.name in found.seen]
    films = [found.films[name] for name in names]
    seen = [found.seen[name] for name in names]
    _, forms = _forms(films, seen, settings)
    frames = OnDemand(forms, films, seen, found.place.where)
    for row, name in enumerate(names):
        planes = frames.take(row, np.arange(len(seen[row].times)))
        yield name, np.ascontiguousarray(np.moveaxis(planes, 1, -1))


@dataclass(frozen=True)
class Cut:
    """Videos cut into clips.

    Attributes:
        frames: of every video that is used, by number.
        windows: of each part of a video, by split.
        films: which videos those are.
        seen: what is known of them.
        fields: by split, what is told of each of its parts, in words.
        form: of a frame of a clip.
        dropped: videos that are too short, with the reason.
    """

    frames: Footage
    windows: dict[str, list[Windows]]
    films: Sequence[Film]
    seen: Sequence[Seen]
    fields: dict[str, dict[str, list[str]]]
    form: Form
    dropped: list[LeftOut]


def cut(found: Reels, settings: DataSettings) -> Cut:
    """Return the clips of videos as the settings want them.

    Raises:
        UsageError: broken videos (unless ``skip_broken``); some are too short; mixed sizes without
            a rule; too little room.
    """
    if found.broken:
        _refuse_or_say(found, settings)
    windows, dropped, names = windowed(found, settings)
    films = [found.films[name] for name in names]
    seen = [found.seen[name] for name in names]
    form, forms = _forms(films, seen, settings)
    for line in grouped(found.survey.left_out):
        log.warning("%s: left out %s", found.place.where, line)
    frames = footage(found.place, films, seen, forms, settings.cache)
    columns = _words(found, windows, names)
    return Cut(frames, windows, films, seen, columns, form, dropped)


def windowed(
    found: Reels, settings: DataSettings
) -> tuple[dict[str, list[Windows]], list[LeftOut], list[str]]:
    """Return the clips of each part of each sound video, by split; what is too short; and names.

    Raises:
        UsageError: videos are too short, and no rule says what becomes of them.
    """
    asked = settings.of(VideoOptions)
    pace = Pace(asked.frames or FRAMES, asked.stride, asked.fps, asked.short)
    names = [file.name for file in found.survey.files if file.name in found.seen]
    number = {name: i for i, name in enumerate(names)}
    windows: dict[str, list[Windows]] = {}
    short: list[LeftOut] = []
    for split, parts in _parts(found, settings, number).items():
        for part in parts:
            seen = found.seen[names[part.video]]
            one = Windows(part, seen.times if seen.timed else None, seen.end, pace)
            if one.starts:
                windows.setdefault(split, []).append(one)
            if one.short:
                count = part.last - part.first
                frames = f"{count} frame{'s' * (count != 1)}"
                short.append(LeftOut(names[part.video], frames))
    if short and asked.short == "refuse":
        raise DataError(
            f"{len(short)} of {len(names)} videos in {found.place.where} are shorter than a clip, "
            f"which needs {needed(pace)}: {short[0].name} has {short[0].reason}.",
            "Take fewer with data.frames or data.stride, or say what becomes of them: "
            "data.short=drop, repeat or pingpong.",
        )
    if "train" not in windows:
        raise UsageError(
            f"No video in {found.place.where} is long enough for a clip, which needs "
            f"{needed(pace)}: take fewer with data.frames or data.stride."
        )
    return windows, short, names


@dataclass(frozen=True)
class Told:
    """What is told of the parts of videos.

    Attributes:
        fields: arrays with a row for each part, by split.
        domains: of those that are no classes called ``label``.
        names: of these classes.
    """

    fields: dict[str, dict[str, AnyArray]]
    domains: dict[str, Domain]
    names: tuple[str, ...]


def told(cut: Cut, where: str) -> Told:
    """Return what folders or a table tell of the parts of videos."""
    arrays: dict[str, dict[str, AnyArray]] = {split: {} for split in cut.windows}
    domains: dict[str, Domain] = {}
    names: tuple[str, ...] = ()
    films = {
        split: [cut.films[one.part.video].name for one in some]
        for split, some in cut.windows.items()
    }
    for column in dict.fromkeys(name for words in cut.fields.values() for name in words):
        words = {split: known[column] for split, known in cut.fields.items() if column in known}
        if "train" not in words:
            continue
        found: Mapping[str, AnyArray]
        if column == LABEL:
            found, names = encode_labels(words)
        else:
            found, domains[column] = read_field(column, words, films, where)
        for split, array in found.items():
            arrays[split][column] = array
    return Told(arrays, domains, names)


def _parts(
    found: Reels, settings: DataSettings, number: Mapping[str, int]
) -> dict[str, list[Part]]:
    """Return which frames of which videos are in which split."""
    asked = settings.of(VideoOptions)
    splits = {
        split: [number[file.name] for file in files if file.name in number]
        for split, files in found.survey.splits.items()
    }
    counts = {number[name]: len(found.seen[name].times) for name in number}
    whole = {split: [Part(v, 0, counts[v]) for v in some] for split, some in splits.items()}
    train = whole["train"]
    if not settings.hold_out or "test" in whole or not train:
        return whole
    by_time = asked.hold_by == "time" or (asked.hold_by == "auto" and len(train) == 1)
    if not by_time:
        kept, held = held_out_rows(len(train), settings.hold_out)
        rows = {"train": kept.tolist(), "test": held.tolist()}
        return {split: [train[i] for i in some] for split, some in rows.items()}
    first: list[Part] = []
    last: list[Part] = []
    for part in train:
        end, more = split_in_time(part.last, settings.hold_out)
        first.append(Part(part.video, 0, end))
        last.append(Part(part.video, end, end + more))
    return {"train": first, "test": last}


def _words(
    found: Reels, windows: Mapping[str, Sequence[Windows]], names: Sequence[str]
) -> dict[str, dict[str, list[str]]]:
    """Return what is told of each part, by split and column, in words."""
    known: dict[str, dict[str, list[str]]] = {}
    for split, parts in windows.items():
        source = split if split in found.survey.splits else "train"  # held out of it
        row = {file.name: i for i, file in enumerate(found.survey.splits[source])}
        rows = [row[names[one.part.video]] for one in parts]
        columns = found.survey.columns.get(source, {})
        known[split] = {column: [words[i] for i in rows] for column, words in columns.items()}
    return known


def _forms(
    films: Sequence[Film], seen: Sequence[Seen], settings: DataSettings
) -> tuple[Form, list[Form]]:
    """Return the form of frames of clips, and that in which frames of each film are kept.

    Raises:
        UsageError: sizes differ and no rule says how they become one.
    """
    heads = [one.head for one in seen]
    pairs = ((film.name, head.size) for film, head in zip(films, heads, strict=True))
    size = pixels.choose_size(settings, pairs)
    grey, alpha = all(head.grey for head in heads), all(head.alpha for head in heads)
    channels = pixels.choose_channels(settings, grey, alpha)
    form = Form(size, settings.resize, channels, settings.colour)
    if settings.crop != "random":
        return form, [form] * len(films)
    return form, [
        replace(form, size=_covering(head.size, size, settings.short_edge), resize="stretch")
        for head in heads
    ]


def _covering(size: tuple[int, int], wanted: tuple[int, int], edge: int | None) -> tuple[int, int]:
    """Return the smallest size of this shape that covers another and has a shorter edge so long."""
    scale = max(wanted[0] / size[0], wanted[1] / size[1], (edge or 0) / min(size))
    return max(round(size[0] * scale), wanted[0]), max(round(size[1] * scale), wanted[1])


def _films(
    place: Place, settings: VideoOptions
) -> tuple[dict[str, Film], list[LeftOut], list[LeftOut]]:
    """Return the films among the files of a place by name, those broken, and what is no film."""
    containers = [file for file in place.files if file.name.lower().endswith(SUFFIXES)]
    films: dict[str, Film] = {file.name: Container(place.path, file) for file in containers}
    others = [file for file in place.files if file.name not in films]

    def attempt(file: File) -> tuple[int, pixels.Size] | LeftOut:
        try:
            with opened(place, file) as picture:
                return getattr(picture, "n_frames", 1), head_of(picture).size
        except READ_ERRORS as error:
            return LeftOut(file.name, why_broken(place, file, error))

    broken: list[LeftOut] = []
    folders: dict[str, list[File]] = {}
    asked = settings.strips if isinstance(settings.strips, tuple) else None
    found = mapped(attempt, others, f"reading the heads of {place.name}")
    for file, told in zip(others, found, strict=True):
        if isinstance(told, LeftOut):
            broken.append(told)
            continue
        count, size = told
        frame = strip_size(size, asked) if settings.strips else None
        if count > 1:
            films[file.name] = Animation(place, file)
        elif frame is not None:
            films[file.name] = Strip(place, file, frame)
        else:
            folders.setdefault(file.name.rpartition("/")[0], []).append(file)
    left_out: list[LeftOut] = []
    for folder, files in folders.items():
        if len(files) > 1:
            name = folder or "."
            films[name] = FrameFolder(place, name, files)
        else:
            left_out.append(LeftOut(files[0].name, ALONE))
    return dict(sorted(films.items())), broken, left_out


class _Single(Place):
    """One video file alone."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path.parent, path.stem
        self.wanted = _wanted()
        found = path.stat()
        self.files = [File(path.name, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))]
        self.broken, self.others = [], []
        self._file = path

    @property
    def where(self) -> str:
        """Where it is, for messages."""
        return str(self._file)

    def open(self, name: str) -> BinaryIO:
        """Return the file's content."""
        return (self.path / name).open("rb")

    def stamp(self) -> tuple[object, ...]:
        """Return the file's own path."""
        return (str(self._file.resolve()),)


def _wanted() -> Wanted:
    return Wanted((*SUFFIXES, *pictures()), None, "a video")


def _refuse_or_say(found: Reels, settings: DataSettings) -> None:
    where = found.place.where
    total = len({*found.films, *(one.name for one in found.broken)})
    if not settings.skip_broken:
        raise DataError(
            f"{len(found.broken)} of {total} videos in {where} are broken:\n"
            f"{listing(found.broken)}\n"
            "Repair or delete them.",
            "Or leave them out with data.skip_broken=true.",
        )
    log.warning(
        "Left out %d broken videos in %s:\n%s", len(found.broken), where, listing(found.broken)
    )
