"""The field's standard image sets, read from their standard files below the data root."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from ganvas.data.image_options import ImageOptions
from ganvas.data.items import Collection, Items
from ganvas.data.packaged import DIGITS
from ganvas.data.pixels import Array8
from ganvas.data.readers.images import read_images
from ganvas.data.settings import DataSettings
from ganvas.data.video_options import VideoOptions
from ganvas.errors import UsageError

ROOT_VARIABLE = "GANVAS_DATA"
FASHION = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CLIPART_SIZE = 64
CIFAR_BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


VGG: Final = "vgg16_shift_tolerant"
"""A feature network (`ganvas.networks.perceptual`), whose weights lie among the standard sets."""
VGG_WEIGHTS: Final = "vgg_shift_tolerant.pth"


def data_root() -> Path:
    """Return the folder of standard sets: ``$GANVAS_DATA``, or ``data`` in the current folder."""
    return Path(os.environ.get(ROOT_VARIABLE) or "data")


def mnist(settings: DataSettings) -> Collection:
    """Return MNIST (LeCun et al. 1998): 60,000 + 10,000 grey 28×28 digits, from its IDX files."""
    del settings
    return _idx_collection("mnist", DIGITS)


def fashion_mnist(settings: DataSettings) -> Collection:
    """Return Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 grey 28×28 pieces of clothing."""
    del settings
    return _idx_collection("fashion_mnist", FASHION)


def cifar10(settings: DataSettings) -> Collection:
    """Return CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images 32×32.

    Read from ``cifar-10-binary.tar.gz`` or ``cifar-10-python.tar.gz``, packed or unpacked, in
    ``cifar10`` below the data root. The Python files are pickles: a restricted reader lets
    nothing in but arrays and strings.
    """
    del settings
    folder = data_root() / "cifar10"
    members = dict(_cifar_members(folder))
    splits: dict[str, Items] = {}
    for split, names in CIFAR_BATCHES.items():
        parts: list[tuple[Array8, Array8]] = []
        for name in names:
            if f"{name}.bin" in members:
                parts.append(_cifar_binary(members[f"{name}.bin"]))
            elif name in members:
                parts.append(_cifar_python(members[name]))
            else:
                raise UsageError(
                    f"CIFAR-10 is not complete in {folder}: {name} is missing. `make data` cannot "
                    "bring it: put cifar-10-binary.tar.gz or cifar-10-python.tar.gz there, packed "
                    f"or unpacked, or set {ROOT_VARIABLE} to the folder that holds cifar10/."
                )
        planes = np.concatenate([images for images, _ in parts]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
        splits[split] = Items(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)
    return Collection("cifar10", splits, CIFAR)


def emoji_google(settings: DataSettings) -> Collection:
    """Return Google's Noto emoji, 64×64, labelled by category, composited on white."""
    return _emoji("emoji_google", settings)


def emoji_twitter(settings: DataSettings) -> Collection:
    """Return Twitter's emoji, 64×64; image i shows the same emoji as image i of emoji_google."""
    return _emoji("emoji_twitter", settings)


def clipart(settings: DataSettings) -> Collection:
    """Return Open Clip Art, labelled by category, on white; 64×64 unless settings say else.

    Pictures have any size: they are scaled down to fit and centred. ``data.skip_broken`` is on.
    """
    asked = settings.of(ImageOptions)
    told: dict[str, object] = {"skip_broken": True}
    if asked.size is None:
        told |= {"size": CLIPART_SIZE, "resize": "pad"}
    return read_images(_folder("clipart"), _on_white(settings.model_copy(update=told)))


STANDARD: dict[str, Callable[[DataSettings], Collection]] = {
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "emoji_google": emoji_google,
    "emoji_twitter": emoji_twitter,
    "clipart": clipart,
}
"""Sets that lie below the data root once they have been brought there."""

VIDEO: Final = ("heroes", "mocap", "street", "emoji_moving")
"""Sets of clips; all are brought by `make data SETS=video`."""
STREET_HOLD_OUT: Final = 0.2

ON_REQUEST = frozenset({"clipart", *VIDEO})
"""Those that are large, and brought when somebody names them."""


def street(settings: DataSettings) -> tuple[Path, DataSettings]:
    """Return a street seen by a camera at rest: one video, the last fifth of its time held out.

    Clips are 64×64, cut out at random, as 192 lines are high, unless settings say else.
    """
    asked = settings.of(VideoOptions)
    told: dict[str, object] = {}
    if asked.size is None:
        told |= {"size": 64, "resize": "fit-crop", "crop": "random", "short_edge": 192}
    if not settings.hold_out:
        told |= {"hold_out": STREET_HOLD_OUT, "hold_by": "time"}
    return fetched("street") / "vtest.avi", settings.model_copy(update=told)


def emoji_moving(settings: DataSettings) -> tuple[Path, DataSettings]:
    """Return Microsoft's emoji that move, 64×64 on white unless settings say else."""
    asked = settings.of(VideoOptions)
    told: dict[str, object] = {"videos": True}
    if asked.size is None:
        told |= {"size": 64, "resize": "fit-crop"}
    if asked.background is None and asked.channels != "rgba":
        told["background"] = "white"
    if asked.short == "refuse":
        told["short"] = "pingpong"
    return fetched("emoji_moving"), settings.model_copy(update=told)


FILMED: dict[str, Callable[[DataSettings], tuple[Path, DataSettings]]] = {
    "street": street,
    "emoji_moving": emoji_moving,
}
"""Sets of videos: where they lie, and how they are read."""


def fetched(name: str) -> Path:
    """Return the folder of a set below the data root.

    Raises:
        UsageError: it has not been brought there.
    """
    return _folder(name)


def read_idx(path: Path) -> Array8:
    """Read an IDX file of unsigned bytes, plain or with suffix .gz.

    Raises:
        UsageError: the file is damaged or holds another type.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be unpacked: {error}.") from None
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise UsageError(f"{path} is not an IDX file of unsigned bytes.")
    start = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist())
    if len(content) - start != np.prod(shape, dtype=np.int64):
        raise UsageError(
            f"{path} is cut short: {shape} needs {np.prod(shape, dtype=np.int64)} bytes, "
            f"{len(content) - start} are there."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()


def _idx_collection(name: str, class_names: tuple[str, ...]) -> Collection:
    folder = data_root() / name
    splits: dict[str, Items] = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = read_idx(_present(name, folder, f"{prefix}-images-idx3-ubyte"))
        labels = read_idx(_present(name, folder, f"{prefix}-labels-idx1-ubyte"))
        splits[split] = Items(images[..., None], labels.astype(np.int64))
    return Collection(name, splits, class_names)


def _present(name: str, folder: Path, stem: str) -> Path:
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.is_file():
            return path
    raise UsageError(_absent(name, folder / stem))


def _absent(name: str, path: Path) -> str:
    bring = f"make data{f' SETS={name}' if name in ON_REQUEST else ''}"
    return (
        f"The data set '{name}' is not here: {path} is missing. Bring it with `{bring}`, "
        f"or set {ROOT_VARIABLE} to the folder that holds {name}/."
    )


def _emoji(name: str, settings: DataSettings) -> Collection:
    return read_images(_folder(name), _on_white(settings))


def _folder(name: str) -> Path:
    folder = data_root() / name
    if not folder.is_dir():
        raise UsageError(_absent(name, folder))
    return folder


def _on_white(settings: DataSettings) -> DataSettings:
    """Return settings by which transparent pictures lie on white, unless they say else."""
    asked = settings.of(ImageOptions)
    if asked.background is not None or asked.channels == "rgba":
        return settings
    return settings.model_copy(update={"background": "white"})


def _cifar_members(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file in the folder and in the archives in it."""
    wanted = {name for names in CIFAR_BATCHES.values() for name in names}
    for path in sorted(folder.rglob("*")):
        if path.name.removesuffix(".bin") in wanted:
            yield path.name, path.read_bytes()
        elif path.name.endswith((".tar.gz", ".tgz", ".tar")):
            with tarfile.open(path) as archive:
                for member in archive:
                    name = Path(member.name).name
                    stream = archive.extractfile(member)
                    if stream is not None and name.removesuffix(".bin") in wanted:
                        yield name, stream.read()


def _cifar_binary(content: bytes) -> tuple[Array8, Array8]:
    """Split records of one label byte and 3,072 pixel bytes (red, green, blue planes)."""
    if not content or len(content) % 3073:
        raise UsageError(f"A CIFAR-10 batch has {len(content)} bytes, not a multiple of 3,073.")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3073)
    return records[:, 1:], records[:, 0]


def _cifar_python(content: bytes) -> tuple[Array8, Array8]:
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        images = np.asarray(batch[b"data"], dtype=np.uint8)
        return images, np.asarray(batch[b"labels"], dtype=np.uint8)
    except (pickle.UnpicklingError, KeyError, TypeError, EOFError, ValueError) as error:
        raise UsageError(f"A CIFAR-10 Python batch cannot be read: {error}.") from None


class _ArrayUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists, bytes and arrays; anything else in the pickle is refused."""

    _allowed = frozenset(
        (f"numpy.{core}multiarray", "_reconstruct") for core in ("core.", "_core.")
    ) | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not an array")
        return super().find_class(module.replace("numpy.core.", "numpy._core."), name)
