"""Standard files: read from small files of the same formats, and from the real ones if here."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.standard import data_root, read_idx
from ganvas.errors import UsageError

RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_set(root: Path, name: str, *, packed: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    (root / name).mkdir(parents=True)
    made: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for split, prefix, count in (("train", "train", 7), ("test", "t10k", 3)):
        images = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = RNG.integers(0, 10, count, dtype=np.uint8)
        for stem, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = root / name / f"{prefix}-{stem}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
        made[split] = images, labels
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANVAS_DATA", str(tmp_path))
    return tmp_path


def load(name: str, **keys: object):
    return open_data(DataSettings.model_validate({"source": name, **keys}))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_plain_and_packed(root: Path, name: str, packed: bool) -> None:
    made = idx_set(root, name, packed=packed)
    source = load(name)
    assert source.spec.classes == 10
    for split, (images, labels) in made.items():
        assert (source.items(split).x[..., 0] == images).all()
        assert (source.items(split)["label"] == labels).all()


def test_damaged_idx_files(tmp_path: Path) -> None:
    whole = idx(np.zeros((2, 3, 3), np.uint8))
    path = tmp_path / "file"
    for content, message in (
        (whole[:-4], r"cut short: \(2, 3, 3\) needs 18 bytes, 14 are there"),
        (b"GIF89a", "not an IDX file"),
        (b"", "not an IDX file"),
    ):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=message):
            read_idx(path)
    (tmp_path / "file.gz").write_bytes(gzip.compress(whole)[:-6])
    with pytest.raises(UsageError, match="cannot be unpacked"):
        read_idx(tmp_path / "file.gz")


def cifar_batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return {
        name: (
            RNG.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8),
            RNG.integers(0, 10, 4, dtype=np.uint8),
        )
        for name in names
    }


def binary(images: np.ndarray, labels: np.ndarray) -> bytes:
    return np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1).tobytes()


def python_pickle(images: np.ndarray, labels: np.ndarray) -> bytes:
    table = {b"data": images.reshape(len(images), -1), b"labels": labels.tolist()}
    return pickle.dumps(table, protocol=2)


@pytest.mark.parametrize("style", ["binary", "python"])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar_in_each_of_its_forms(root: Path, style: str, packed: bool) -> None:
    batches = cifar_batches()
    suffix, write = (".bin", binary) if style == "binary" else ("", python_pickle)
    folder = root / "cifar10" / f"cifar-10-batches-{style}"
    folder.mkdir(parents=True)
    for name, batch in batches.items():
        (folder / f"{name}{suffix}").write_bytes(write(*batch))
    if packed:
        with tarfile.open(root / "cifar10" / f"cifar-10-{style}.tar.gz", "w:gz") as archive:
            archive.add(folder, arcname=folder.name)
        for path in folder.iterdir():
            path.unlink()
    source = load("cifar10")
    first, labels = batches["data_batch_1"]
    assert source.spec.shape == (3, 32, 32)
    assert (source.items("train").x[:4] == first.transpose(0, 2, 3, 1)).all()
    train_labels = source.items("train")["label"]
    assert train_labels is not None
    assert (train_labels[:4] == labels).all()
    assert len(source.items("train")) == 20
    assert (source.items("test").x == batches["test_batch"][0].transpose(0, 2, 3, 1)).all()


class Touch:
    """A pickle of this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_a_hostile_pickle_does_nothing(root: Path) -> None:
    (root / "cifar10").mkdir()
    content = io.BytesIO()
    pickle.dump({b"data": Touch(root / "hacked"), b"labels": []}, content, protocol=2)
    (root / "cifar10" / "data_batch_1").write_bytes(content.getvalue())
    with pytest.raises(UsageError, match=r"names .*open, which is not an array"):
        load("cifar10")
    assert not (root / "hacked").exists()


def test_damaged_cifar(root: Path) -> None:
    (root / "cifar10").mkdir()
    (root / "cifar10" / "data_batch_1.bin").write_bytes(b"12345")
    with pytest.raises(UsageError, match="5 bytes, not a multiple of 3,073"):
        load("cifar10")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "emoji_google", "emoji_twitter"])
def test_absent_sets_say_how_to_bring_them(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}' is not here: .*`make data`.*GANVAS_DATA"):
        load(name)


def test_an_absent_large_set_says_how_to_bring_it(root: Path) -> None:
    with pytest.raises(UsageError, match=r"'clipart' is not here: .*`make data SETS=clipart`"):
        load("clipart")


def test_absent_cifar_says_where_its_files_go(root: Path) -> None:
    with pytest.raises(UsageError, match=r"put cifar-10-binary\.tar\.gz"):
        load("cifar10")


def test_emoji_are_composited_on_white_unless_told(root: Path) -> None:
    for category in ("flags", "food"):
        (root / "emoji_google" / category).mkdir(parents=True)
        Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(root / "emoji_google" / category / "a.png")
    assert (load("emoji_google").items("train").x == 255).all()
    assert load("emoji_google").spec.class_names == ["flags", "food"]
    assert (load("emoji_google", background="black").items("train").x == 0).all()
    assert load("emoji_google", channels="rgba").spec.shape == (4, 64, 64)


def test_the_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANVAS_DATA", raising=False)
    assert data_root() == Path("data")
    monkeypatch.setenv("GANVAS_DATA", "/elsewhere")
    assert data_root() == Path("/elsewhere")


@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion_mnist", 0.2860)])
def test_real_files(name: str, mean: float) -> None:
    if not (data_root() / name).is_dir():
        pytest.skip(f"{name} is not here; `make data` brings it")
    source = load(name)
    train, test = source.items("train"), source.items("test")
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.x.mean() / 255 == pytest.approx(mean, abs=5e-4)
    assert source.spec.size == 60_000


def test_real_emoji_are_paired() -> None:
    if not all((data_root() / f"emoji_{style}").is_dir() for style in ("google", "twitter")):
        pytest.skip("the emoji sets are not here; `make data` brings them")
    names = [
        sorted(path.relative_to(folder) for path in folder.glob("*/*.png"))
        for folder in (data_root() / "emoji_google", data_root() / "emoji_twitter")
    ]
    assert names[0] == names[1]
    assert len(names[0]) == 3786
