"""The contract of one kind of data: its units, files and pictures, and its part among other fields.

Data units are what the user has: points as they were measured, images as uint8 (N, H, W, C).
Network units are what networks see: standardised points (N, D) and images (N, C, H, W) in
[−1, 1], both float32. Torch is imported only where a tensor is made: `ganvas data` needs none.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from ganvas.config import Settings
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError
from ganvas.files import replacing

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganvas.data.items import Collection
    from ganvas.data.report import DataReport

AnyArray = npt.NDArray[Any]
Shares = Mapping[str, float] | Mapping[int, float]
"""Shares of classes by name or index."""
Size = tuple[int, ...]

PLANE = 2
"""Dimensions of space of a picture."""

EACH = "{}"
"""Stands for the number of an item in the name of a file."""


class Draws(Protocol):
    """A stream of random numbers, such as `ganvas.play.Noise`."""

    def integers(self, n: int, high: int) -> Tensor:
        """Return (n,) int64 numbers uniform on {0, …, high - 1}."""
        ...


class Preview(NamedTuple):
    """What shows some items to people: a file's content and its suffix, such as ``.png``."""

    content: bytes
    suffix: str


class Domain(Settings):
    """One kind of data, with what is known of it in one data set; stored with the model.

    A subclass has a ``kind`` of its own and is found by it: built-in ones in the file of that name
    in `ganvas.data.domains`, others once they are imported.

    Attributes:
        plural: its items in words.
        named: what an array of them is called in a .npz file.
        array: type and shape of such an array of 16, in words.
        loose: the field has no row for each record: it belongs to all of them together.
        condition: the field can be given to networks beside latents.
        several: whether a record may have more than one of its names at once, as tags.
        grid: how many dimensions of space and time an item has: 2 of images.
        Options: its own settings under ``data``.
    """

    plural: ClassVar[str] = "items"
    named: ClassVar[str] = "items"
    array: ClassVar[str] = "an array (16, ...)"
    loose: ClassVar[bool] = False
    condition: ClassVar[bool] = False
    several: ClassVar[bool] = False
    grid: ClassVar[int] = 0
    Options: ClassVar[type[DataOptions] | None] = None

    kind: Any

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of a training array in data units, as the settings want it."""
        raise NotImplementedError(f"{cls.__name__} must define of(array, settings)")

    @classmethod
    def conformed(cls, collection: Collection, settings: Settings) -> Collection:
        """Return a set whose main field is of this kind in the form that the settings ask for."""
        return collection

    @classmethod
    def describe(cls, collection: Collection, report: DataReport) -> None:
        """Enter in a report of ``ganvas data`` what a set whose main field is of this kind holds.

        And warnings of what may spoil training, each with what to do.
        """
        x = collection.splits["train"].x
        report.dim = x.shape[1] if x.ndim > 1 else None

    def described(self) -> str:
        """Return what items are, in words: ``points with 2 coordinates``."""
        return f"{self.plural} of shape {self.array_shape}"

    # ---- shape and units ------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """Shape of one item in network units."""
        raise NotImplementedError(f"{type(self).__name__} must define shape")

    @property
    def array_shape(self) -> Size:
        """Shape of one item in data units."""
        return self.shape

    @property
    def moments(self) -> int:
        """How many frames an item has, one after the other along axis 2 for networks; 0: none."""
        return 0

    @property
    def unit(self) -> float:
        """How many data units a network unit is long."""
        return 1.0

    @property
    def ruler(self) -> str:
        """By what `standardised` items are divided, in words; empty: they are as they were."""
        return ""

    @property
    def classes(self) -> int:
        """How many classes there are, where an item is one of several; else 0."""
        return 0

    @property
    def names(self) -> Sequence[str]:
        """What the classes or columns are called, if they have names."""
        return ()

    @property
    def numbers(self) -> int:
        """Of how many numbers an item consists as a condition; 0 if it is no vector."""
        return 0

    @property
    def reading(self) -> Mapping[str, Any]:
        """Settings of ``data`` with which a file is read as items of this kind and shape."""
        return {}

    def reading_of(self, path: Path) -> Mapping[str, Any]:
        """Return `reading` for one path, of which the kind may know how long its items are."""
        return self.reading

    @property
    def lasting(self) -> bool:
        """Whether items may be of any length in time (`of_any_length`)."""
        return False

    def check(self, array: AnyArray) -> None:
        """Refuse an array of a user's that holds no items of this kind and shape.

        Raises:
            UsageError: it does not.
        """
        try:
            np.asarray(array)
        except (ValueError, TypeError, RuntimeError) as error:  # such as tensors with gradients
            raise UsageError(f"expected data as an array: {str(error).splitlines()[0]}") from None
        found: object = getattr(array, "shape", None) or f"a {type(array).__name__}"
        if not isinstance(found, tuple) or found[1:] != self.array_shape or not len(array):
            shape = ", ".join(map(str, self.array_shape))
            raise UsageError(f"expected data of shape (n, {shape}), got {found}")

    def of_any_length(self) -> Self:
        """Return the domain of items that may be longer or shorter in time, where they have one."""
        return self

    def laid_out(self, array: AnyArray) -> AnyArray:
        """Return an array in data units in the order of memory of which `stage` is no copy."""
        return array

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps of an array in data units."""
        import torch

        return torch.from_numpy(np.require(array, requirements=["C", "W"]))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged items in network units."""
        return staged

    def encode(self, array: AnyArray) -> Tensor:
        """Return an array in network units."""
        return self.normalise(self.stage(array))

    def standardised(self, array: AnyArray) -> AnyArray:
        """Return an array as measures compare it: in network units, in float64."""
        return self.encode(array).double().numpy()

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return items in data units."""
        return tensor.detach().cpu().numpy()

    # ---- its part among the fields of a record --------------------------------------------------

    def mirrored(self, x: Tensor) -> Tensor:
        """Return items (N, …) as they are after their record was flipped left to right."""
        return x

    def resized(self, x: Tensor, size: Size) -> Tensor:
        """Return items (N, …) as they are after their record was brought to a size in space."""
        return x

    def at_size(self, size: Size) -> Self:
        """Return the domain of `resized` items."""
        return self

    @property
    def pace(self) -> float:
        """How many frames people see in a second; 1 of what does not move."""
        return 1.0

    def at_pace(self, pace: float) -> Self:
        """Return the domain of the same items, shown at so many frames a second."""
        return self

    def packed(self, count: int) -> Self:
        """Return the domain of so many items joined along their first dimension.

        Raises:
            UsageError: items of this kind do not come alone.
        """
        raise UsageError(f"game.packing joins items that come alone; {self.plural} do not")

    # ---- as a condition -------------------------------------------------------------------------

    @property
    def planes(self) -> int:
        """Of how many planes a condition that lies in space consists; 0 if it is a vector."""
        return 0

    def laid(self, y: Tensor) -> Tensor:
        """Return conditions that lie in space as planes (N, planes, …); as they are by default."""
        return y

    def kept(self, x: Tensor, y: Tensor) -> Tensor:
        """Return items in network units with what conditions show of them put back."""
        return x

    def vector(self, y: Tensor) -> Tensor:
        """Return conditions as vectors, (N, numbers), or all numbers of those that lie in space."""
        raise UsageError(f"{self.plural} are no vector that a network could be given beside z")

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return −log p(y), the mean over items, where a network's outputs (N, numbers) tell p.

        Raises:
            UsageError: items are no vector that could be guessed.
        """
        raise UsageError(
            f"no network guesses {self.plural}, as game.discriminator.labels=auxiliary asks for: "
            "choose concat or projection"
        )

    def draw(self, n: int, noise: Draws) -> Tensor | None:
        """Return n conditions drawn uniformly, or None where that has no meaning."""
        return None

    def parse(self, text: str) -> AnyArray:
        """Return one item in data units, without its first dimension, from a word or a file's path.

        Raises:
            UsageError: the word means none; the message says what does.
        """
        raise UsageError(f"{self.plural} cannot be given by a word: '{text}'")

    def label(self, told: str | int | Shares) -> AnyArray:
        """Return the class of a name or index, or weights (classes,) of a mixture.

        Raises:
            UsageError: there is no such class, or there are none.
        """
        raise UsageError(f"{self.plural} are no classes: '{told}' names none")

    def weights(self, told: str | int | Shares) -> AnyArray:
        """Return what `label` does as weights (classes,) float32 of sum 1.

        Raises:
            UsageError: as of `label`.
        """
        found = self.label(told)
        return found if found.ndim else np.eye(self.classes, dtype=np.float32)[int(found)]

    @property
    def as_read(self) -> Domain:
        """What files of such items hold, from which `taken` makes them."""
        return self

    def taken(self, array: AnyArray) -> AnyArray:
        """Return items in data units from what files of them hold."""
        return array

    def words(self, item: AnyArray) -> str:
        """Return one item in a word or two, as a caption."""
        return str(item)

    def table(self, array: AnyArray) -> dict[str, AnyArray]:
        """Return items as the columns (N,) of a table that holds nothing else; nothing: no rows."""
        return {}

    def columns(self, name: str, array: AnyArray) -> dict[str, AnyArray]:
        """Return items as columns (N,) of a table, by their headers.

        Nothing of what is no row of numbers or words: such items are files of their own.

        Args:
            name: of the field.
            array: items in data units.
        """
        return {}

    # ---- files and pictures ---------------------------------------------------------------------

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return some items in data units in one picture, so many in a row where they have rows."""
        raise UsageError(f"there is no picture of {self.plural}")

    def pictures(self, array: AnyArray) -> AnyArray:
        """Return what people see of items that follow each other, uint8 (N, H, W, C)."""
        shown = (self.picture(item[None]).convert("RGB") for item in array)
        return np.stack([np.asarray(picture) for picture in shown])

    @property
    def drawn(self) -> bool:
        """Whether there is a preview of such items."""
        kind = type(self)
        return kind.picture is not Domain.picture or kind.preview is not Domain.preview

    def preview(self, array: AnyArray, columns: int | None = None) -> Preview:
        """Return what shows some items in data units to people."""
        content = io.BytesIO()
        self.picture(array, columns).save(content, "png")
        return Preview(content.getvalue(), ".png")

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return rows and columns of items that fill a picture; with classes a row is one of them.

        Rows are 0 where items are no tiles: then columns says how many fit into a picture.
        """
        return 0, 64

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save items in data units as .npy, as .npz, or drawn as .png.

        Raises:
            UsageError: the suffix is none of these.
        """
        self._save(array, path, columns, (".png",))

    def _save(
        self, array: AnyArray, path: Path, columns: int | None, pictures: tuple[str, ...]
    ) -> None:
        known = (".npy", ".npz", *pictures)
        if path.suffix.lower() not in known:
            raise UsageError(
                f"Cannot save {self.named} as '{path.name}': expected {', '.join(known)}."
            )
        with replacing(path) as file:
            if path.suffix.lower() == ".npy":
                np.save(file, array)
            elif path.suffix.lower() == ".npz":
                np.savez_compressed(file, allow_pickle=False, **{self.named: array})
            else:
                self._draw(array, columns, file, path.suffix.lower())

    def _draw(self, array: AnyArray, columns: int | None, file: BinaryIO, suffix: str) -> None:
        from PIL import Image

        shown = self.picture(array, columns)
        form = Image.registered_extensions()[suffix]
        (shown.convert("RGB") if form == "JPEG" else shown).save(file, form)
