"""What a user holds after training: a model that samples, scores and interpolates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.graphs import checked, tidy
from ganvas.data.spec import DataSpec, Domain
from ganvas.errors import GanvasError, UsageError
from ganvas.latent.interpolation import line, square
from ganvas.latent.inversion import invert
from ganvas.model.card import Provenance
from ganvas.model.labels import Label, Labels, advice, class_indices, morph
from ganvas.model.slots import Keyed, Slots
from ganvas.play import CAPABILITIES, Game, Noise

BLOCK = 64
"""Latents are drawn in blocks of this many, each from its own seed: the first samples of a seed are
the same however many are asked for, and in chunks of whatever size."""

Array = npt.NDArray[Any]


class CannotError(GanvasError, AttributeError):
    """A model was asked for something that its system cannot do."""


class Model:
    """A trained model; made by `ganvas.load`.

    Attributes:
        game: the networks, in evaluation mode.
        provenance: recipe, data, length of training, scores.
        device: where it computes.
    """

    def __init__(
        self, game: Game, provenance: Provenance, device: str | torch.device = "auto"
    ) -> None:
        self.device = choose_device(device)
        self.game = game.to(self.device).eval().requires_grad_(False)
        self.provenance = provenance

    @property
    def spec(self) -> DataSpec:
        """What the model was trained on: shape, classes, name."""
        return self.game.spec

    @property
    def domain(self) -> Domain:
        """The kind and units of its samples; shows and saves them."""
        return self.spec.domain

    @property
    def system(self) -> str:
        """The name of its system."""
        return self.game.system

    @staticmethod
    def capabilities_of(game: type[Game]) -> tuple[str, ...]:
        """Return the verbs that a model of ``game`` has."""
        own = game.capabilities()
        return (*own, "interpolate") if "sample" in own else own

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The verbs that this model has."""
        return self.capabilities_of(type(self.game))

    def __getattr__(self, name: str) -> Any:
        if name in CAPABILITIES:
            raise self._cannot(name)
        raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"Model({self.system}, {self.spec.name}, can {', '.join(self.capabilities)})"

    # ---- verbs ----------------------------------------------------------------------------------

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        label: Labels = None,
        truncation: float = 1.0,
        batch: int = 256,
    ) -> Array:
        """Return ``n`` samples in data units: points (n, dim) float32, images (n, H, W, C) uint8.

        Args:
            n: how many.
            seed: the same seed gives the same samples, whatever ``n`` and ``batch``, up to the last
                bits of floating-point sums.
            label: a class by index or name, or one for each sample; None draws classes uniformly.
            truncation: below 1, latents closer to the middle: cleaner samples, less variety.
            batch: how many go through the network at once.

        Raises:
            UsageError: ``n`` or ``label`` makes no sense for this model.
            CannotError: the system has no samples.
        """
        self._require("sample")
        if n < 1:
            raise UsageError(f"a sample needs at least 1 item, not {n}")
        labels = self._labels(label, n)
        z, drawn = self.latents(n, seed, truncation)
        return self.generate(z, labels if labels is not None else drawn, batch)

    @torch.inference_mode()
    def score(self, x: Array, *, label: Labels = None, batch: int = 256) -> Array:
        """Return the score of each of ``x``, (n,) float32: higher is more like real data.

        It is the discriminator's logit, or what the system's page says.

        Args:
            x: points (n, dim) or images (n, H, W, C) uint8, in data units.
            label: their classes, for a model that was trained with classes.
            batch: how many go through the network at once.

        Raises:
            UsageError: ``x`` has another shape than the model's data, or a label is needed.
            CannotError: the system has no scores.
        """
        self._require("score")
        self._check_shape(x)
        y = self._labels(label, len(x))
        if y is None and self.conditional:
            raise UsageError(f"this model scores samples with their class: {advice(self.spec)}")
        chunks: list[Tensor] = []
        for part in _parts(len(x), batch):
            inputs = self.domain.encode(x[part]).to(self.device)
            labels = None if y is None else y[part].to(self.device)
            chunks.append(self._call("score", inputs, labels).float().cpu())
        return torch.cat(chunks).numpy()

    @torch.inference_mode()
    def encode(
        self, x: Array, *, label: Labels = None, links: Array | None = None, batch: int = 256
    ) -> Array:
        """Return the latent of each of ``x``, (n, K) float32.

        Args:
            x: points (n, dim), images (n, H, W, C) uint8 or nodes (n, features), in data units.
            label: their classes, for a model that was trained with classes.
            links: of a graph, pairs of linked nodes (E, 2); its nodes go through all at once.
            batch: how many go through the network at once.

        Raises:
            UsageError: ``x`` has another shape than the model's data, or links are missing.
            CannotError: the system has no encoder.
        """
        if self.spec.kind == "graph":
            self._require("encode")
            return self._call("encode", *self._graph(x, links)).float().cpu().numpy()
        chunks = self._each("encode", x, label, batch)
        return torch.cat([chunk.float().cpu() for chunk in chunks]).numpy()

    @torch.inference_mode()
    def reconstruct(self, x: Array, *, label: Labels = None, batch: int = 256) -> Array:
        """Return what the model makes of the latent of each of ``x``, in data units.

        Arguments and errors are those of `encode`.
        """
        chunks = self._each("reconstruct", x, label, batch)
        return np.concatenate([self.domain.decode(chunk) for chunk in chunks])

    @torch.inference_mode()
    def decode(self, z: Array, *, label: Labels = None, batch: int = 256) -> Array:
        """Return the samples of latents ``z`` (n, …), as `latents` gives them, in data units.

        Args:
            z: the latents.
            label: as for `sample`; a model with classes needs it.
            batch: how many go through the network at once.

        Raises:
            UsageError: the latents have another shape than the model's, or a label is needed.
            CannotError: the system has no samples.
        """
        self._require("sample")
        wanted = self.latents(1)[0].shape[1:]
        given = torch.as_tensor(np.asarray(z), dtype=torch.float32)
        if given.shape[1:] != wanted or not len(given):
            raise UsageError(f"expected latents of shape (n, {', '.join(map(str, wanted))})")
        y = self._labels(label, len(given))
        if y is None and self.conditional:
            raise UsageError(f"this model's samples have a class: {advice(self.spec)}")
        return self.generate(given, y, batch)

    @torch.inference_mode()
    def predict(
        self,
        x: Array,
        *,
        links: Array | None = None,
        pairs: Array | None = None,
        batch: int = 256,
    ) -> Array:
        """Return probabilities, float32: of the classes of each of ``x`` (n, K), or of links (M,).

        Args:
            x: points (n, dim), images (n, H, W, C) uint8 or nodes (n, features), in data units.
            links: of a graph, pairs of linked nodes (E, 2).
            pairs: of a graph, the pairs in question (M, 2).
            batch: how many go through the network at once.

        Raises:
            UsageError: ``x`` has another shape than the model's data, or there is no such node.
            CannotError: the system predicts nothing.
        """
        if self.spec.kind != "graph":
            chunks = self._each("predict", x, None, batch)
            return torch.cat([chunk.float().cpu() for chunk in chunks]).numpy()
        self._require("predict")
        if pairs is None:
            raise UsageError("links are predicted for pairs of nodes: give pairs, (M, 2) rows of x")
        wanted = torch.from_numpy(checked(pairs, len(x))).to(self.device)
        return self._call("predict", *self._graph(x, links), wanted).float().cpu().numpy()

    @torch.inference_mode()
    def posterior(self, x: Array, *, label: Labels = None, batch: int = 256) -> Array:
        """Return how probably each of ``x`` belongs to each component, (n, C) float32.

        Arguments and errors are those of `encode`; rows sum to 1.
        """
        chunks = self._each("posterior", x, label, batch)
        return torch.cat([chunk.float().cpu() for chunk in chunks]).numpy()

    @property
    def slots(self) -> Slots:
        """The slots of the model's memory: what they hold, and samples of each.

        Raises:
            CannotError: the system has no memory.
            GanvasError: this model of it was trained without one.
        """
        self._require("slots")
        return Slots(self, cast(Keyed, self.game))

    def project(
        self, x: Array, *, restarts: int = 3, steps: int = 500, seed: int = 0, batch: int = 64
    ) -> tuple[Array, Array]:
        """Search the latents whose samples come nearest to ``x`` (inference via optimisation).

        Args:
            x: points (n, dim) or images (n, H, W, C) uint8, in data units.
            restarts: searches for each item; the best counts.
            steps: of Adam, in each search.
            seed: of the starts.
            batch: items searched for at once.

        Returns:
            The nearest samples in data units, and the mean squared error of each item in network
            units, (n,): pixels in [-1, 1], four times the error in [0, 1].

        Raises:
            UsageError: ``x`` has another shape than the model's data, or the model is conditional.
            CannotError: the system has no samples.
        """
        self._require("sample")
        self._check_shape(x)
        if self.conditional:
            raise UsageError(
                "the search is for models without classes; train one with game.conditional=false"
            )
        noise = Noise(_block_seed(seed, 0))
        found: list[Array] = []
        errors: list[Tensor] = []
        for part in _parts(len(x), batch):
            target = self.domain.encode(x[part]).to(self.device)
            starts = [self._call("prior", len(target), noise) for _ in range(restarts)]
            z, error = invert(
                lambda z: self._call("sample", z, None), target, torch.stack(starts), steps=steps
            )
            with torch.no_grad():
                found.append(self.domain.decode(self._call("sample", z, None)))
            errors.append(error.float().cpu())
        return np.concatenate(found), torch.cat(errors).numpy()

    @torch.inference_mode()
    def interpolate(
        self,
        a: int | Array,
        b: int | Array,
        steps: int = 8,
        how: str = "slerp",
        *,
        label: Labels = None,
        to_label: Label | None = None,
        truncation: float = 1.0,
        batch: int = 256,
    ) -> Array:
        """Return ``steps`` samples on the way from ``a`` to ``b``, both ends among them.

        Args:
            a: a seed, whose first sample is meant, or one latent as `latents` gives them.
            b: likewise, the other end.
            steps: how many samples, at least 2.
            how: the way between the latents: "slerp" along the sphere, or "lerp" straight.
            label: as for `sample`; by default one class for the whole way, that of seed ``a``.
            to_label: the class at the other end; in between, the two classes are mixed (category
                morphing, Miyato & Koyama 2018). ``label`` is then the one class at this end.
            truncation: as for `sample`.
            batch: as for `sample`.

        Raises:
            UsageError: an end is no seed and no latent of this model, or its class is missing.
            CannotError: the system has no samples.
        """
        self._require("interpolate")
        (start, drawn), (end, _) = (self._end(e, truncation) for e in (a, b))
        z = line(torch.stack([start, end]), steps, how)
        if to_label is None:
            return self._settled(z, drawn, label, batch)
        self._labels(to_label, 1)  # complains of a model without classes
        y = morph(label, to_label, steps, self.spec)
        return self.generate(self.game.settle(z.to(self.device)), y, batch)

    @torch.inference_mode()
    def square(
        self,
        corners: Sequence[int | Array],
        side: int = 8,
        how: str = "lerp",
        *,
        label: Labels = None,
        truncation: float = 1.0,
        batch: int = 256,
    ) -> Array:
        """Return side × side samples between four, row by row (memoryGAN, Fig. 1).

        Args:
            corners: top left, top right, bottom left, bottom right, each as for `interpolate`.
            side: samples along an edge, at least 2.
            how: the way between latents; "lerp" makes it bilinear.
            label: as for `sample`; by default one class for all, that of the first corner.
            truncation: as for `sample`.
            batch: as for `sample`.

        Raises:
            UsageError: there are not four corners, or one is no seed and no latent of this model.
            CannotError: the system has no samples.
        """
        self._require("interpolate")
        ends = [self._end(corner, truncation) for corner in corners]
        z = square(torch.stack([z for z, _ in ends]), side, how)
        return self._settled(z, ends[0][1], label, batch)

    @torch.inference_mode()
    def between(self, x: Array, steps: int = 8, how: str = "lerp") -> Array:
        """Return the way from one item to another through their latents, in data units.

        Args:
            x: two items: points (2, dim) or images (2, H, W, C) uint8, in data units.
            steps: how many samples, at least 2; the first and last are the items' reconstructions.
            how: the way between the latents: "lerp" straight, or "slerp" along the sphere.

        Raises:
            UsageError: these are not two items of the model's shape.
            CannotError: the system has no encoder.
        """
        self._require("reconstruct")
        self._check_shape(x)
        if len(x) != 2 or steps < 2:
            raise UsageError(
                f"a way needs two items and at least 2 steps, not {len(x)} and {steps}"
            )
        ends = self._call("encode", self.domain.encode(x).to(self.device), None)
        return self.domain.decode(self._call("decode", line(ends, steps, how)))

    # ---- latents and labels ---------------------------------------------------------------------

    @property
    def conditional(self) -> bool:
        """Whether samples have a class that can be chosen."""
        return bool(getattr(self.game, "classes", 0))

    @torch.inference_mode()
    def latents(
        self, n: int, seed: int = 0, truncation: float = 1.0
    ) -> tuple[Tensor, Tensor | None]:
        """Return the latents (n, …) and classes (n,) or None of ``n`` samples, on the CPU."""
        z: list[Tensor] = []
        y: list[Tensor] = []
        for block in range(-(-n // BLOCK)):
            noise = Noise(_block_seed(seed, block))
            z.append(self._call("prior", BLOCK, noise, truncation).cpu())
            if self.conditional:
                y.append(noise.integers(BLOCK, self.spec.classes))
        return torch.cat(z)[:n], torch.cat(y)[:n] if y else None

    @torch.inference_mode()
    def generate(self, z: Tensor, y: Tensor | None = None, batch: int = 256) -> Array:
        """Return the samples of latents (n, …) and classes (n,), in data units."""
        chunks: list[Array] = []
        for part in _parts(len(z), batch):
            labels = None if y is None else y[part].to(self.device)
            chunks.append(self.domain.decode(self._call("sample", z[part].to(self.device), labels)))
        return np.concatenate(chunks)

    def _settled(self, z: Tensor, drawn: Tensor | None, label: Labels, batch: int) -> Array:
        """Return the samples of latents between others, of one class throughout."""
        y = self._labels(label, len(z))
        if y is None and drawn is not None:
            y = drawn.expand(len(z))
        return self.generate(self.game.settle(z.to(self.device)), y, batch)

    def _end(self, end: int | Array, truncation: float) -> tuple[Tensor, Tensor | None]:
        if isinstance(end, int | np.integer):
            z, y = self.latents(1, int(end), truncation)
            return z[0], None if y is None else y[0]
        z, y = self.latents(1, 0, truncation)
        latent = torch.as_tensor(np.asarray(end), dtype=z.dtype)
        if latent.shape != z.shape[1:]:
            raise UsageError(
                f"expected a seed or a latent of shape {tuple(z.shape[1:])}, got one of shape "
                f"{tuple(latent.shape)}"
            )
        return latent, None if y is None else y[0]

    def _labels(self, label: Labels, n: int) -> Tensor | None:
        if label is None:
            return None
        if not self.conditional:
            raise UsageError("this model was trained without classes; leave the label out")
        return class_indices(label, n, self.spec)

    # ---- calls into the game --------------------------------------------------------------------

    def _each(self, verb: str, x: Array, label: Labels, batch: int) -> Iterator[Tensor]:
        """Give what the game says of ``x``, a batch at a time."""
        self._require(verb)
        self._check_shape(x)
        y = self._labels(label, len(x))
        for part in _parts(len(x), batch):
            inputs = self.domain.encode(x[part]).to(self.device)
            yield self._call(verb, inputs, None if y is None else y[part].to(self.device))

    def _graph(self, x: Array, links: Array | None) -> tuple[Tensor, Tensor]:
        """Return features and links of a graph as networks see them."""
        self._check_shape(x)
        if links is None:
            raise UsageError("nodes are encoded with their links: give links, pairs of rows of x")
        pairs = torch.from_numpy(tidy(links, len(x)))
        return self.domain.encode(x).to(self.device), pairs.to(self.device)

    def _call(self, verb: str, *arguments: Any) -> Tensor:
        return getattr(self.game, verb)(*arguments)

    def _require(self, verb: str) -> None:
        if verb not in self.capabilities:
            raise self._cannot(verb)

    def _cannot(self, verb: str) -> CannotError:
        can = ", ".join(self.capabilities) or "nothing"
        return CannotError(f"a model of {self.system} cannot {verb}; it can: {can}")

    def _check_shape(self, x: Array) -> None:
        wanted = self.spec.shape
        if self.spec.kind == "images":  # (C, H, W) in network units
            wanted = (*wanted[1:], wanted[0])
        if x.shape[1:] != wanted or not len(x):
            shape = ", ".join(map(str, wanted))
            raise UsageError(f"expected data of shape (n, {shape}), got {x.shape}")


def _block_seed(seed: int, block: int) -> int:
    """Return the 32-bit seed of one block: torch's CPU generator hears no more bits than that."""
    if seed < 0:
        raise UsageError(f"a seed is a whole number from 0 on, not {seed}")
    return int(np.random.SeedSequence(seed, spawn_key=(block,)).generate_state(1)[0])


def _parts(n: int, batch: int) -> Iterator[slice]:
    for start in range(0, n, max(batch, 1)):
        yield slice(start, min(start + batch, n))


def choose_device(device: str | torch.device) -> torch.device:
    """Return the device of this name; ``auto`` is an accelerator if there is one."""
    if device != "auto":
        return torch.device(device)
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")
