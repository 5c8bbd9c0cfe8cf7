"""A trained game with its weights: latents, labels, and calls into it, in data units."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.domain import Domain
from ganvas.data.graphs import tidy
from ganvas.data.items import Items
from ganvas.data.memory import amount, free_memory
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError, did_you_mean, told_at, wanted
from ganvas.given import batches, shown, whole
from ganvas.model.card import Provenance
from ganvas.model.device import choose_device
from ganvas.model.drawing import OfSamples
from ganvas.model.labels import Labels, class_field, class_indices
from ganvas.model.normalising import Normalising
from ganvas.networks.conditions import Given, at
from ganvas.nn import arrange, choose, drawing, hold_still
from ganvas.play import Game, Noise, Sampling, networks_of
from ganvas.play.abilities import CanSample, CanSampleParts, declared, has, verb_of, verbs_of
from ganvas.processor import Precision, processor

BLOCK = 64
"""Latents are drawn in blocks of this many, each from its own seed: the first samples of a seed are
the same however many are asked for, and in chunks of whatever size."""

Array = npt.NDArray[Any]
FieldValues = Mapping[str, Any] | None
"""Conditions by field: each a word, or an array in data units, for all samples or for each."""

A = TypeVar("A")


class CannotError(UsageError, AttributeError):
    """A model was asked for something that its system cannot do."""


class Trained:
    """What `Model` stands on.

    Attributes:
        game: the networks, in evaluation mode.
        provenance: recipe, data, length of training, scores.
        device: where it computes.
        digest: hash of the weight file that it was loaded from, if that has one.
        arithmetic: the precision and layout in which its networks compute.
        normalising: which statistics its batch norms use.
        folder: where its weight file lies, if it was loaded from one.
    """

    folder: Path | None = None

    def __init__(
        self,
        game: Game,
        provenance: Provenance,
        device: str | torch.device = "auto",
        digest: str = "",
        precision: Precision | Literal["auto"] = "auto",
    ) -> None:
        if precision not in (known := (*get_args(Precision), "auto")):
            raise UsageError(f"precision={precision!r}: expected one of {', '.join(known)}")
        self.device = choose_device(device)
        self.game = game.to(self.device).eval().requires_grad_(False)
        networks = networks_of(game)
        self.arithmetic = choose(networks, processor(self.device.type), precision)
        arrange(networks, self.arithmetic)
        hold_still(self.game)  # an item decoded alone, a way between two: no seed says what to draw
        self.provenance, self.digest = provenance, digest
        self.normalising = Normalising(self, BLOCK)

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

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What this model can be asked for, in words: methods and commands."""
        return verbs_of(self.game)

    def asked(self, ability: type[A]) -> A:
        """Return the game as one that has an ability.

        Raises:
            CannotError: it has not; the message says what it can be asked for.
        """
        if has(self.game, ability):
            return self.game
        how = self.game.lacks().get(ability)
        raise CannotError(
            f"a model of {self.system}{f', {how},' if how else ''} has no '{verb_of(ability)}'; "
            f"it has: {', '.join(self.capabilities) or 'nothing'}"
        )

    def __getattr__(self, name: str) -> Any:
        for verb, ability in declared():
            if verb == name:
                self.asked(ability)
        raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"Model({self.system}, {self.spec.name}, can {', '.join(self.capabilities)})"

    # ---- latents and labels ---------------------------------------------------------------------

    @property
    def conditional(self) -> bool:
        """Whether samples have a class that can be chosen."""
        return bool(self.game.conditions)

    @torch.inference_mode()
    def latents(self, n: int, seed: int = 0, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Return the latents (n, …) and classes (n,) or None of ``n`` samples, on the CPU.

        Classes are drawn uniformly; there are none of a model whose conditions are something else.

        Raises:
            UsageError: ``n``, the seed or an option makes no sense, or the memory holds fewer.
            CannotError: the system has no samples.
        """
        z: list[Tensor] = []
        y: list[Tensor] = []
        game, known = self.asked(CanSample), self.of_latents(**options)
        n, seed = whole(n, "n", 1), whole(seed, "seed", 0)
        for block in range(-(-n // BLOCK)):
            noise = Noise(block_seed(seed, block))
            z.append(game.prior(BLOCK, noise, **known).cpu())
            if not block:
                require_memory(n, z[0][0].nbytes, "latents")
            if self.game.conditions.classes:
                drawn = noise.integers(BLOCK, self.game.conditions.classes)
                y.append(self.game.in_common(drawn, known))
        return torch.cat(z)[:n], torch.cat(y)[:n] if y else None

    def of_latents(self, **options: Any) -> dict[str, Any]:
        """Return those options of samples that latents are drawn by; `posed` heeds the others.

        Raises:
            UsageError: as of `sampling`.
        """
        told, posing = self.sampling(**options), self.game.Sampling.posing
        return {name: value for name, value in told.items() if name not in posing}

    def sampling(self, /, **options: Any) -> dict[str, Any]:
        """Return options of samples as the game takes them, those at their defaults left out.

        Raises:
            UsageError: the game has no such option, or a value is wrong.
        """
        return self._told(options).model_dump(exclude_defaults=True)

    def _told(self, options: Mapping[str, Any]) -> Sampling:
        """Return options of samples, seen to be what they should.

        Raises:
            UsageError: as of `sampling`.
        """
        kind = self.game.Sampling
        for name in options:
            if name not in kind.model_fields:
                raise UsageError(
                    f"samples of {self.system} have no option '{name}'."
                    f"{did_you_mean(name, kind.model_fields)} They have: "
                    f"{', '.join(kind.model_fields)}"
                )
        try:
            return kind.model_validate(options)
        except ValidationError as error:
            detail = error.errors()[0]
            place = ".".join(told_at(detail["loc"], options))
            which = f"{place}={detail['input']}: expected " if place else ""
            raise UsageError(f"{which}{wanted(detail['msg'])}") from None

    def refuse_beside(self, options: Mapping[str, Any], *heard: str) -> None:
        """Refuse options that nobody heeds where samples stand for themselves, but for some.

        Raises:
            UsageError: there is one (`Sampling.beside`), or as of `sampling`.
        """
        told = self.sampling(**options)
        for name in (told.keys() & self.game.Sampling.beside).difference(heard):
            raise UsageError(
                f"{name}={json.dumps(told[name])} is about samples as ganvas sample gives them, "
                "several or in parts, and is not heeded here: leave it out"
            )

    def sheet(self, **options: Any) -> tuple[int, int] | None:
        """Return rows and columns that samples with options fill; None: any number.

        Raises:
            UsageError: as of `sampling`.
        """
        return self._told(options).sheet

    def written(self, **options: Any) -> Domain:
        """Return the domain by which samples with options are written, such as another pace.

        Raises:
            UsageError: as of `sampling`.
        """
        return self._told(options).written(self.domain)

    @contextmanager
    def posed(self, blocks: bool = False, /, **options: Any) -> Generator[None]:
        """Have samples made as options say, for a block.

        Args:
            blocks: whether they are made in whole blocks of a seed.
            options: those of samples.

        Raises:
            UsageError: as of `sampling`.
        """
        told = self.sampling(**options)
        with self.game.posed(told), self.normalising.by(told, blocks):
            yield

    def read_by(self, verb: str) -> Domain:
        """Return the kind of data that ``encode``, ``score`` or another verb is asked about."""
        domain = self.spec.fields[self.game.reads.get(verb, self.spec.main)]
        return domain.of_any_length() if verb in self.game.lengthy else domain

    @property
    def fields(self) -> dict[str, Domain]:
        """Kind, shape and units of all that its answers may hold, by name."""
        parts = self.game.parts if has(self.game, CanSampleParts) else {}
        return {**self.spec.fields, **self.game.conditions, **parts}

    @torch.inference_mode()
    def answer(
        self, z: Tensor, given: Items | None, batch: int = 256, seed: int | None = None
    ) -> Items:
        """Return what is made of latents (n, …), with the conditions it was made for, as records.

        Args:
            z: the latents.
            given: the conditions of n samples, in data units; None without any.
            batch: how many go through the network at once.
            seed: as for `generate`.
        """
        made = self._made(z, self.conditions_of(given), batch, seed)
        return Items({**made, **(given.fields if given is not None else {})}, main=self.spec.main)

    def conditions_of(self, given: Items | None) -> Given:
        """Return the conditions among some records, in data units, as networks take them."""
        known = self.game.conditions
        if given is None or not known:
            return None
        told = {name: self.fields[name].encode(given[name]) for name in known}
        return known.of(known.served(Batch(told, main=next(iter(told)))))

    @torch.inference_mode()
    def generate(
        self, z: Tensor, y: Given = None, batch: int = 256, seed: int | None = None
    ) -> Array:
        """Return the samples of latents (n, …) and conditions of n samples, in data units.

        Layers that draw have numbers of their own for each sample of a ``seed``, or the same for
        all if there is none.
        """
        return self._made(z, y, batch, seed)[self.spec.main]

    def _made(self, z: Tensor, y: Given, batch: int, seed: int | None) -> dict[str, Array]:
        """Return all that the game makes of latents, in data units, by field."""
        chunks = [
            {name: self.fields[name].decode(found) for name, found in out.items()}
            for out in self.outputs(z, y, batch, seed)
        ]
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def outputs(
        self, z: Tensor, y: Given, batch: int, seed: int | None
    ) -> Iterator[Mapping[str, Tensor]]:
        """Give all that the game makes of latents, in network units, by field, batch by batch."""
        game, main = self.asked(CanSample), self.spec.main
        for part in batches(len(z), batch):
            inputs = z[part].to(self.device), at(y, part, self.device)
            own = None if seed is None else OfSamples(partial(block_seed, seed), BLOCK, part)
            with nullcontext() if own is None else drawing(self.game, own):
                if has(game, CanSampleParts):
                    out = game.sample_parts(*inputs).fields
                else:
                    out = {main: game.sample(*inputs)}
            yield out

    def in_one_class(
        self,
        z: Tensor,
        drawn: Tensor | None,
        label: Labels,
        given: FieldValues = None,
        batch: int = 256,
    ) -> Array:
        """Return the samples of latents between others, under one condition throughout.

        Args:
            z: latents (n, …).
            drawn: the class (1,) to take, or None.
            label: another one.
            given: other conditions by field, as for `Model.sample`.
            batch: how many go through the network at once.

        Raises:
            UsageError: a condition makes no sense for this model, or is missing.
        """
        y = self.wanted(len(z), label, given, None if drawn is None else drawn.expand(len(z)))
        return self.generate(self.game.settle(z.to(self.device)), y, batch)

    def _end(self, end: int | Array, options: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        self.refuse_beside(options)
        if isinstance(end, int | np.integer):
            z, y = self.latents(1, int(end), **options)
            if not z.numel():
                raise UsageError(
                    f"samples of this {self.system} hang on {', '.join(self.game.conditions)} "
                    "alone: there are no latents to go from and to"
                )
            return z[0], None if y is None else y[0]
        z, y = self.latents(1)
        told = np.asarray(end)
        if told.dtype.kind not in "fiu" or told.shape != z.shape[1:]:
            what = f"one of shape {told.shape}" if told.dtype.kind in "fiu" else repr(end)
            raise UsageError(
                f"expected a seed or a latent of shape {tuple(z.shape[1:])}, got {what}"
            )
        return torch.as_tensor(told, dtype=z.dtype), None if y is None else y[0]

    def wanted(
        self,
        n: int,
        label: Labels = None,
        given: FieldValues = None,
        drawn: Tensor | None = None,
    ) -> Given:
        """Return the conditions of n samples as networks take them, on the model's device.

        Args:
            n: how many samples.
            label: a class, or one for each.
            given: conditions by field, as for `Model.sample`.
            drawn: classes (n,) where nothing is said.

        Raises:
            UsageError: one makes no sense for this model, or is missing.
        """
        labels = self.labels(label, n)
        y = drawn if labels is None and not given else labels
        return at(self.conditions_of(self._given(y, given, n)), slice(None), self.device)

    def said(self, n: int, label: Labels = None, given: FieldValues = None) -> Given:
        """Return what `wanted` does, or None where nothing is said."""
        return None if label is None and not given else self.wanted(n, label, given)

    def _given(self, y: Tensor | None, given: FieldValues, n: int) -> Items | None:
        """Return the conditions of n samples, from classes (n,), or from values by field.

        Raises:
            UsageError: as of `_conditions`.
        """
        known = self.game.conditions
        if given is not None and not isinstance(cast(object, given), Mapping):
            raise UsageError(
                f"given is {shown(given)}: expected conditions by field, such as {{'label': 3}}"
            )
        if given or (known and (y is None or not known.classes)):
            label = {} if y is None else {class_field(known): y}
            return self._conditions({**label, **(given or {})}, n)
        name = next(iter(known), None)
        return None if name is None or y is None else Items({name: y.numpy()}, main=name)

    def _conditions(self, given: Mapping[str, Any], n: int) -> Items:
        """Return the conditions of n samples from values by field: words, or arrays in data units.

        Raises:
            UsageError: the model has no such condition, one is missing, or a value does not fit.
        """
        known = self.game.conditions
        for name in given:
            if name not in known:
                there = f"It has: {', '.join(known)}" if known else "It was trained without any"
                raise UsageError(
                    f"this model has no condition '{name}'.{did_you_mean(name, known)} {there}."
                )
        if lacking := [name for name in known if name not in given]:
            raise UsageError(
                f"this model's samples depend on {', '.join(lacking)}, too: give "
                f"{' '.join(f'--given {name}=VALUE' for name in lacking)}"
            )
        fields: dict[str, Array] = {}
        for name, value in given.items():
            domain = known[name]
            array = domain.parse(value) if isinstance(value, str) else np.asarray(value)
            weighed = domain.classes > 0 and array.dtype.kind == "f"  # a mixture
            shape = (domain.classes,) if weighed else domain.array_shape
            if array.shape == shape:
                array = np.repeat(array[None], n, axis=0)
            if array.shape != (n, *shape):
                raise UsageError(f"{name}: expected one or {n} of shape {shape}, got {array.shape}")
            known.require_one(name, array)
            fields[name] = array
        return Items(fields, main=next(iter(fields)))

    def labels(self, label: Labels, n: int) -> Tensor | None:
        """Return the classes (n,), or weights (n, K), that are named for n samples; None of none.

        Raises:
            UsageError: there is no such class, or the model was trained without.
        """
        if label is None:
            return None
        if not self.conditional:
            raise UsageError("this model was trained without classes; leave the label out")
        return class_indices(label, n, self.game.conditions)

    # ---- calls into the game --------------------------------------------------------------------

    def _each(
        self,
        verb: str,
        say: Callable[[Tensor, Given], Tensor],
        x: Array,
        label: Labels,
        batch: int,
        given: FieldValues = None,
    ) -> Iterator[Tensor]:
        """Give what the game says of ``x``, items of the field that a verb reads, by batches."""
        domain = self.read_by(verb)
        domain.check(x)
        y = self.said(len(x), label, given)
        for part in batches(len(x), batch):
            yield say(domain.encode(x[part]).to(self.device), at(y, part))

    def _graph(self, x: Array, links: Array | None) -> tuple[Tensor, Tensor]:
        """Return features and links of a graph as networks see them."""
        self._check_shape(x)
        if links is None:
            raise UsageError("nodes are encoded with their links: give links, pairs of rows of x")
        pairs = torch.from_numpy(tidy(links, len(x)))
        return self.domain.encode(x).to(self.device), pairs.to(self.device)

    def _check_shape(self, x: Array) -> None:
        self.domain.check(x)


def require_memory(n: int, size: int, what: str) -> None:
    """Refuse more things than the memory can hold, before it is full.

    Args:
        n: how many.
        size: bytes of each, at least.
        what: they are.

    Raises:
        UsageError: it cannot hold them.
    """
    free = free_memory()
    if free is not None and n * size > free:
        raise UsageError(
            f"{n:,} {what} take {amount(n * size)} or more, with {amount(free)} of memory free: "
            "draw fewer at a time, with another seed each time"
        )


def block_seed(seed: int, block: int) -> int:
    """Return the 32-bit seed of one block: torch's CPU generator hears no more bits than that."""
    told = whole(seed, "seed", 0)
    return int(np.random.SeedSequence(told, spawn_key=(block,)).generate_state(1)[0])
