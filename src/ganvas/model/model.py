"""What a user holds after training: a model that samples, scores and interpolates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganvas.data.graphs import checked
from ganvas.data.items import Items
from ganvas.errors import UsageError
from ganvas.given import batches, shown, whole
from ganvas.latent.interpolation import line, square
from ganvas.latent.inversion import invert
from ganvas.model.labels import Label, Labels, advice, between_four, class_field, morph
from ganvas.model.slots import Slots
from ganvas.model.trained import BLOCK, Array, FieldValues, Trained, block_seed, require_memory
from ganvas.networks.conditions import Given, at
from ganvas.play import Noise, has
from ganvas.play.abilities import (
    CanAssign,
    CanDecode,
    CanEncode,
    CanEncodeNodes,
    CanPredict,
    CanPredictLinks,
    CanReconstruct,
    CanSample,
    CanScore,
    HasSlots,
)


class Model(Trained):
    """A trained model; made by `ganvas.load`."""

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        label: Labels = None,
        given: FieldValues = None,
        batch: int = 256,
        **options: Any,
    ) -> Items:
        """Return ``n`` samples, each with the class and other conditions that it was drawn for.

        ``.x`` are the samples in data units: points (n, dim), images (n, H, W, C) uint8. Fields
        beside it have their names, such as ``["label"]``; so have the parts of games that make
        several things at once. To numpy the records are ``.x``.

        Args:
            n: how many.
            seed: the same seed gives the same samples, whatever ``n`` and ``batch``, up to the last
                bits of floating-point sums.
            label: a class by index or name, a mixture such as ``{3: 0.5, 8: 0.5}``, or one for each
                sample; None draws classes uniformly.
            given: conditions by field, each one for all samples or one for each: words as on the
                command line, or arrays in data units.
            batch: how many go through the network at once.
            options: of the game's `Sampling`, such as ``truncation=0.7``.

        Raises:
            UsageError: ``n``, a condition or an option makes no sense for this model.
            CannotError: the system has no samples.
        """
        self.asked(CanSample)
        n, seed = whole(n, "n", 1), whole(seed, "seed", 0)
        require_memory(n, math.prod(self.domain.shape), "samples")  # a byte for each number
        labels = self.labels(label, n)
        if self.sampling(**options).get("statistics") == "batch":
            told = None if labels is None and not given else self._given(labels, given, n)
            return self._by_blocks(n, seed, told, options)
        z, drawn = self.latents(n, seed, **options)
        y = drawn if labels is None and not given else labels
        with self.posed(**options):
            return self.answer(z, self._given(y, given, n), batch, seed)

    def _by_blocks(self, n: int, seed: int, given: Items | None, options: dict[str, Any]) -> Items:
        """Return samples normalised by their blocks, which are whole whatever ``n``.

        What they were asked to be fills the last block over and over.
        """
        whole = -(-n // BLOCK) * BLOCK
        z, drawn = self.latents(whole, seed, **options)
        if given is not None:
            given = given.rows(np.resize(np.arange(n), whole))
        else:
            given = self._given(drawn, None, whole)
        with self.posed(True, **options):
            return self.answer(z, given, BLOCK, seed).rows(np.arange(n))

    @torch.inference_mode()
    def score(
        self,
        x: Array | Items,
        *,
        label: Labels = None,
        given: FieldValues = None,
        batch: int = 256,
    ) -> Array:
        """Return the score of each of ``x``, (n,) float32: higher is more like real data.

        It is the discriminator's logit, or what the system's page says.

        Args:
            x: points (n, dim) or images (n, H, W, C) uint8, in data units; or items of the field
                that the game reads for it (`Game.reads`); or samples as `sample` gives them, which
                are judged under the conditions that they were drawn for.
            label: their classes, for a model that was trained with classes.
            given: their conditions by field, as for `sample`.
            batch: how many go through the network at once.

        Raises:
            UsageError: ``x`` has another shape than the model's data, or a label is needed.
            CannotError: the system has no scores.
        """
        say = self.asked(CanScore).score
        if isinstance(x, Items):
            return numbers(self._judged(say, x, batch))
        if label is None and not given and self.game.scored_with:
            self.read_by("score").check(x)
            known = self.game.scored_with
            raise UsageError(f"this model scores samples with their class: {advice(known)}")
        return numbers(self._each("score", say, x, label, batch, given))

    def _judged(
        self, say: Callable[[Tensor, Given], Tensor], samples: Items, batch: int
    ) -> Iterator[Tensor]:
        """Give what the game says of samples under their own conditions, by batches."""
        domain, y = self.read_by("score"), self.conditions_of(samples)
        domain.check(samples.x)
        for part in batches(len(samples), batch):
            yield say(domain.encode(samples.x[part]).to(self.device), at(y, part, self.device))

    @torch.inference_mode()
    def encode(
        self,
        x: Array,
        *,
        label: Labels = None,
        given: FieldValues = None,
        links: Array | None = None,
        batch: int = 256,
    ) -> Array:
        """Return the latent of each of ``x``, (n, K) float32.

        Args:
            x: points (n, dim), images (n, H, W, C) uint8 or nodes (n, features), in data units.
            label: their classes, for a model that was trained with classes.
            given: their conditions by field, as for `sample`.
            links: of a graph, pairs of linked nodes (E, 2); its nodes go through all at once.
            batch: how many go through the network at once.

        Raises:
            UsageError: ``x`` has another shape than the model's data, or links are missing.
            CannotError: the system has no encoder.
        """
        if has(self.game, CanEncodeNodes):
            return numbers([self.game.encode_nodes(*self._graph(x, links))])
        return numbers(self._each("encode", self.asked(CanEncode).encode, x, label, batch, given))

    @torch.inference_mode()
    def reconstruct(
        self, x: Array, *, label: Labels = None, given: FieldValues = None, batch: int = 256
    ) -> Array:
        """Return what the model makes of the latent of each of ``x``, in data units.

        Arguments and errors are those of `encode`.
        """
        say = self.asked(CanReconstruct).reconstruct
        chunks = self._each("reconstruct", say, x, label, batch, given)
        return np.concatenate([self.domain.decode(chunk) for chunk in chunks])

    @torch.inference_mode()
    def decode(
        self, z: Array, *, label: Labels = None, given: FieldValues = None, batch: int = 256
    ) -> Items:
        """Return the samples of latents ``z`` (n, …), as `latents` gives them and `sample` does.

        Args:
            z: the latents.
            label: as for `sample`; a model with classes needs it.
            given: as for `sample`.
            batch: how many go through the network at once.

        Raises:
            UsageError: the latents have another shape than the model's, or a label is needed.
            CannotError: the system has no samples.
        """
        wanted = self.latents(1)[0].shape[1:]
        given_z = np.asarray(z)
        if given_z.dtype.kind not in "fiu" or given_z.shape[1:] != wanted or not len(given_z):
            raise UsageError(f"expected latents of shape (n, {', '.join(map(str, wanted))})")
        latents = torch.as_tensor(given_z, dtype=torch.float32)
        y = self.labels(label, len(latents))
        if y is None and not given and self.conditional:
            raise UsageError(f"this model's samples have a class: {advice(self.game.conditions)}")
        return self.answer(latents, self._given(y, given, len(latents)), batch)

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
        if not has(self.game, CanPredictLinks):
            return numbers(self._each("predict", self.asked(CanPredict).predict, x, None, batch))
        if pairs is None:
            raise UsageError("links are predicted for pairs of nodes: give pairs, (M, 2) rows of x")
        wanted = torch.from_numpy(checked(pairs, len(x))).to(self.device)
        return numbers([self.game.predict_links(*self._graph(x, links), wanted)])

    @torch.inference_mode()
    def posterior(self, x: Array, *, label: Labels = None, batch: int = 256) -> Array:
        """Return how probably each of ``x`` belongs to each component, (n, C) float32.

        Arguments and errors are those of `encode`; rows sum to 1.
        """
        return numbers(self._each("posterior", self.asked(CanAssign).posterior, x, label, batch))

    @property
    def slots(self) -> Slots:
        """The slots of the model's memory: what they hold, and samples of each.

        Raises:
            CannotError: the system has no memory, or this model of it was trained without one.
        """
        return Slots(self, self.asked(HasSlots))

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
        game = self.asked(CanSample)
        restarts, steps = whole(restarts, "restarts", 1), whole(steps, "steps", 0)
        self._check_shape(x)
        if self.conditional:
            raise UsageError(
                "this search is for models without conditions: ganvas project --label or --given "
                "finds items under theirs"
            )
        noise = Noise(block_seed(seed, 0))
        found: list[Array] = []
        errors: list[Tensor] = []
        for part in batches(len(x), batch):
            target = self.domain.encode(x[part]).to(self.device)
            starts = [game.prior(len(target), noise) for _ in range(restarts)]
            z, error = invert(
                lambda z: game.sample(z, None), target, torch.stack(starts), steps=steps
            )
            with torch.no_grad():
                found.append(self.domain.decode(game.sample(z, None)))
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
        given: FieldValues = None,
        batch: int = 256,
        **options: Any,
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
            given: as for `sample`: conditions of the whole way.
            batch: as for `sample`.
            options: of samples, as for `sample`.

        Raises:
            UsageError: an end is no seed and no latent of this model, or its class is missing.
            CannotError: the system has no samples.
        """
        (start, drawn), (end, _) = (self._end(e, options) for e in (a, b))
        z = line(torch.stack([start, end]), steps, how)
        with self.posed(**options):
            if to_label is None:
                return self.in_one_class(z, drawn, label, given, batch)
            self.labels(to_label, 1)  # complains of a model without classes
            y = self._mixed(morph(label, to_label, steps, self.game.conditions), given)
            return self.generate(self.game.settle(z.to(self.device)), y, batch)

    @torch.inference_mode()
    def square(
        self,
        corners: Sequence[int | Array],
        side: int = 8,
        how: str = "lerp",
        *,
        label: Labels = None,
        corner_labels: Sequence[Label] | None = None,
        given: FieldValues = None,
        batch: int = 256,
        **options: Any,
    ) -> Array:
        """Return side × side samples between four, row by row (memoryGAN, Fig. 1).

        Args:
            corners: top left, top right, bottom left, bottom right, each as for `interpolate`.
            side: samples along an edge, at least 2.
            how: the way between latents; "lerp" makes it bilinear.
            label: as for `sample`; by default one class for all, that of the first corner.
            corner_labels: the classes of the four corners, mixed in between (bilinearly).
            given: as for `sample`: conditions of all of them.
            batch: as for `sample`.
            options: of samples, as for `sample`.

        Raises:
            UsageError: there are not four corners, or one is no seed and no latent of this model.
            CannotError: the system has no samples.
        """
        for name, four in (("corners", corners), ("corner_labels", corner_labels)):
            if (four is not None or name == "corners") and not np.iterable(four):
                raise UsageError(f"{name} is {shown(four)}: a square has four corners")
        ends = [self._end(corner, options) for corner in corners]
        z = square(torch.stack([z for z, _ in ends]), side, how)
        with self.posed(**options):
            if corner_labels is None:
                return self.in_one_class(z, ends[0][1], label, given, batch)
            self.labels(corner_labels[0], 1)  # complains of a model without classes
            y = self._mixed(between_four(corner_labels, side, self.game.conditions), given)
            return self.generate(self.game.settle(z.to(self.device)), y, batch)

    def _mixed(self, classes: Tensor, given: FieldValues) -> Given:
        """Return weights of classes (n, K) as the conditions of n samples, beside others."""
        field = class_field(self.game.conditions)
        return self.wanted(len(classes), None, {field: classes.numpy(), **(given or {})})

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
        encode, decode = self.asked(CanEncode).encode, self.asked(CanDecode).decode
        domain = self.read_by("encode")
        domain.check(x)
        if len(x) != 2 or steps < 2:
            raise UsageError(
                f"a way needs two items and at least 2 steps, not {len(x)} and {steps}"
            )
        ends = encode(domain.encode(x).to(self.device), None)
        return self.domain.decode(decode(line(ends, steps, how)))


def numbers(chunks: Iterable[Tensor]) -> Array:
    """Return what networks say of items, a batch at a time, as one float32 array."""
    return torch.cat([chunk.float().cpu() for chunk in chunks]).numpy()
