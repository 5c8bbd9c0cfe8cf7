"""Spaces of a generator: what its items are codes in.

Every generator has Z, the latents that it is given. One that maps latents to styles first
(`HasStyles`) has W, a style for all layers; W+, one for each layer; and S, the channels of all
layers by which styles scale them (Wu et al. 2021). Z leads into each of them, and each into items;
W leads into W+ and S, W+ into S, and not back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.errors import UsageError, did_you_mean
from ganvas.networks.conditions import Given, at, in_turn
from ganvas.nn.drawing import Still, drawing_layers
from ganvas.play import Game, Noise, has
from ganvas.play.abilities import CanSample, HasLatentSpace, HasStyles

Maps = Sequence[Tensor]
"""Noise of every noisy layer, (N or 1, 1, h, w) each."""


class Space(ABC):
    """One of a generator's spaces.

    What it makes of a code depends on the code and its condition alone: networks are in evaluation
    mode, layers that draw are held still, noise is the stored one unless maps are given.

    Args:
        game: the generator's.
        truncation: ψ of the truncation of styles, w̄ + ψ(w − w̄), where there are styles. In Z and W
            it is a part of the way to items; codes of W+ and S are what layers are given, so that
            it is a part of the way to these. Latents themselves are truncated when they are drawn.
        cutoff: how many slots of styles are truncated, the first ones; None: all.

    Attributes:
        name: ``z``, ``w``, ``w+`` or ``s``.
        draws: latents of which the middle of the space is the mean.
        chunk: how many of them are looked at at once.
    """

    name: ClassVar[str]
    draws: ClassVar[int] = 10_000
    chunk: ClassVar[int] = 1_000

    def __init__(self, game: Game, truncation: float = 1.0, cutoff: int | None = None) -> None:
        self.game = game
        self.truncation, self.cutoff = truncation, cutoff

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one code."""

    @property
    def way(self) -> str:
        """How codes are best gone between: "slerp" or "lerp"."""
        return "lerp"

    @property
    def device(self) -> torch.device:
        """Where the generator's networks lie."""
        return next((p.device for p in self.game.parameters()), torch.device("cpu"))

    @cached_property
    def noisy(self) -> bool:
        """Whether items depend on noise maps, too; styled generators may be made without."""
        return bool(self.maps(1, Noise(0)))

    @abstractmethod
    def of(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the codes (N, *shape) of latents (N, …)."""

    @abstractmethod
    def _made(self, codes: Tensor, y: Given, maps: Maps | None) -> Tensor: ...

    def draw(self, n: int, noise: Noise, y: Given = None, **options: Any) -> Tensor:
        """Return n codes (n, *shape); options are those of latents."""
        return self.of(self.latents(n, noise, **options), y)

    def latents(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Return n latents of the generator (n, …), beside its networks."""
        return _sampling(self.game).prior(n, noise, **options).to(self.device)

    def conditions(self, n: int, noise: Noise) -> Given:
        """Return n classes drawn uniformly, or None of a generator without.

        Raises:
            UsageError: it has conditions that cannot be drawn.
        """
        known = self.game.conditions
        if not known:
            return None
        if not known.uniform:
            needed = " ".join(f"--given {name}=VALUE" for name in known)
            raise UsageError(f"conditions of this model cannot be drawn by chance: give {needed}")
        drawn = known.draw(n, noise)
        given = known.of(Batch(drawn, main=next(iter(drawn))))
        return at(given, slice(n), self.device)

    def maps(self, n: int, noise: Noise) -> list[Tensor]:
        """Return fresh noise maps of every noisy layer, (n, 1, h, w) each; none without styles."""
        return self.game.maps(n, noise) if has(self.game, HasStyles) else []

    def synthesise(self, codes: Tensor, y: Given = None, maps: Maps | None = None) -> Tensor:
        """Return the items (N, *item) of codes (N, *shape), in network units.

        Gradients reach the codes and the maps.

        Args:
            codes: N of this space.
            y: their conditions, if the generator has any.
            maps: noise maps in place of the stored ones.

        Raises:
            UsageError: codes have another shape, or maps are given where there is no noise.
        """
        if codes.shape[1:] != self.shape:
            found = tuple(codes.shape[1:])
            raise UsageError(
                f"codes of the space '{self.name}' have shape {self.shape}, not {found}"
            )
        if maps is not None and not self.noisy:
            raise UsageError("this generator has no noise maps: leave them out")
        with still(self.game):
            return self._made(codes, y, maps)

    def lift(self, codes: Tensor, space: str, y: Given = None) -> Tensor:
        """Return codes (N, *shape) as those of a space into which this one leads.

        Raises:
            UsageError: it does not.
        """
        ways = self._ways()
        if space not in ways:
            there = f"it leads to: {', '.join(ways)}" if ways else "it leads to none"
            raise UsageError(f"there is no way from '{self.name}' to '{space}': {there}")
        with torch.no_grad():
            return ways[space](codes, y)

    def _ways(self) -> dict[str, Callable[[Tensor, Given], Tensor]]:
        return {}

    @torch.no_grad()
    def middle(
        self, seed: int = 0, draws: int | None = None, y: Given = None
    ) -> tuple[Tensor, float]:
        """Return the mean μ (*shape) of many codes, and σ with σ² = E‖c − μ‖², both estimated.

        Of W+ σ is that of one slot. The same seed gives the same numbers.

        Args:
            seed: of the latents.
            draws: how many; None: as many as the space has in `draws`.
            y: conditions of m items, taken in turn; None: they are drawn uniformly.

        Raises:
            UsageError: the generator has conditions that cannot be drawn.
        """
        count = draws or self.draws
        drawn = [self._some(Noise(seed).branch(n), y) for n in range(-(-count // self.chunk))]
        codes = torch.cat(drawn)[:count].double()
        mean = codes.mean(0)
        sigma = (codes - mean).square().flatten(1).sum(1).mean().sqrt()
        return mean.float(), float(sigma) / self._slots**0.5

    @property
    def _slots(self) -> int:
        return 1

    def _some(self, noise: Noise, y: Given) -> Tensor:
        y = self.conditions(self.chunk, noise) if y is None else at(y, slice(None), self.device)
        with still(self.game):
            return self.of(self.latents(self.chunk, noise), in_turn(y, self.chunk)).cpu()


class Latents(Space):
    """Z: what the generator is given."""

    name = "z"

    def __init__(self, game: Game, truncation: float = 1.0, cutoff: int | None = None) -> None:
        super().__init__(game, truncation, cutoff)
        self._shape = tuple(self.latents(1, Noise(0)).shape[1:])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one latent."""
        return self._shape

    @property
    def way(self) -> str:
        """Along the sphere between normal or spherical latents, straight between others."""
        law = self.game.latent if has(self.game, HasLatentSpace) else None
        return "slerp" if law is not None and (law.spherical or law.kind == "normal") else "lerp"

    def of(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the latents themselves.

        Raises:
            UsageError: an option of samples gave them another shape.
        """
        if z.shape[1:] != self.shape:
            raise UsageError(
                f"codes of the space 'z' have shape {self.shape}, and these latents "
                f"{tuple(z.shape[1:])}: leave out the option of samples that makes them so, such "
                "as mix, extent or frames"
            )
        return z

    def _ways(self) -> dict[str, Callable[[Tensor, Given], Tensor]]:
        others = spaces_of(self.game, truncation=self.truncation, cutoff=self.cutoff)
        return {name: space.of for name, space in others.items() if name != self.name}

    def _made(self, codes: Tensor, y: Given, maps: Maps | None) -> Tensor:
        game = _sampling(self.game)
        if has(game, HasStyles):
            w = truncated(game, game.styles(codes, y), self.truncation, self.cutoff)
            return game.synthesise(w, y, maps)
        return game.sample(codes, y)


class _Styled(Space):
    """A space of a generator with styles."""

    @property
    def styled(self) -> HasStyles:
        """The generator."""
        return cast(HasStyles, self.game)

    def layers(self, w: Tensor) -> Tensor:
        """Return styles of all slots (N, L, D), truncated."""
        return truncated(self.styled, w, self.truncation, self.cutoff)


class Styles(_Styled):
    """W: one style for all layers."""

    name = "w"

    @property
    def shape(self) -> tuple[int, ...]:
        """(D,)."""
        return tuple(self.styled.mean_style.shape)

    def of(self, z: Tensor, y: Given = None) -> Tensor:
        """Return styles (N, D) of latents, not truncated.

        Raises:
            UsageError: each layer has a latent of its own.
        """
        if z.dim() > 2:
            raise UsageError(
                "a code of W is one style for all layers, and samples with mix=… have two: leave "
                "it out, or name the space w+"
            )
        return self.styled.styles(z, y)[:, 0]

    def slots(self, codes: Tensor, y: Given = None) -> Tensor:
        """Return what layers are given, (N, L, D), of styles (N, D)."""
        return self.layers(codes[:, None].expand(-1, self.styled.style_slots, -1))

    def _ways(self) -> dict[str, Callable[[Tensor, Given], Tensor]]:
        channels = StyleChannels(self.game)
        return {
            LayerStyles.name: self.slots,
            StyleChannels.name: lambda w, y: channels.of_styles(self.slots(w), y),
        }

    def _made(self, codes: Tensor, y: Given, maps: Maps | None) -> Tensor:
        return self.styled.synthesise(self.slots(codes), y, maps)


class LayerStyles(_Styled):
    """W+: a style for each layer, as layers are given them."""

    name = "w+"

    @property
    def shape(self) -> tuple[int, ...]:
        """(L, D)."""
        return (self.styled.style_slots, *self.styled.mean_style.shape)

    @property
    def _slots(self) -> int:
        return self.styled.style_slots

    def of(self, z: Tensor, y: Given = None) -> Tensor:
        """Return styles of all slots (N, L, D), truncated."""
        return self.layers(self.styled.styles(z, y))

    def _ways(self) -> dict[str, Callable[[Tensor, Given], Tensor]]:
        return {StyleChannels.name: StyleChannels(self.game).of_styles}

    def _made(self, codes: Tensor, y: Given, maps: Maps | None) -> Tensor:
        return self.styled.synthesise(codes, y, maps)


class StyleChannels(_Styled):
    """S: the numbers by which layers scale their channels, of all layers one after the other.

    They are what layers' affine maps make of styles, the modules called ``affine``.
    """

    name = "s"
    draws = 256  # each is heard while the generator makes an item
    chunk = 16

    def __init__(self, game: Game, truncation: float = 1.0, cutoff: int | None = None) -> None:
        super().__init__(game, truncation, cutoff)
        self._affines = affines(game)
        with torch.no_grad(), still(game):
            self.widths = {
                name: part.shape[1] for name, part in self._heard(self._neutral()).items()
            }

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels of all layers,)."""
        return (sum(self.widths.values()),)

    def of(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the channels (N, S) of latents, their styles truncated."""
        return self.of_styles(self.layers(self.styled.styles(z, y)), y)

    def of_styles(self, w: Tensor, y: Given = None) -> Tensor:
        """Return the channels (N, S) of styles of all slots (N, L, D)."""
        with still(self.game):
            return torch.cat(list(self._heard(w, y).values()), dim=1)

    def by_layer(self, codes: Tensor) -> dict[str, Tensor]:
        """Return the channels (N, C) of each layer, by its name."""
        parts = torch.split(codes, list(self.widths.values()), dim=1)
        return dict(zip(self.widths, parts, strict=True))

    def _neutral(self, n: int = 1) -> Tensor:
        mean = self.styled.mean_style
        return mean.expand(n, self.styled.style_slots, *mean.shape)

    def _heard(self, w: Tensor, y: Given = None) -> dict[str, Tensor]:
        """Return what each layer's affine map makes of styles, in the order of the layers."""
        heard: dict[str, Tensor] = {}
        with ExitStack() as stack:
            for name, affine in self._affines.items():

                def listen(_: nn.Module, __: Any, out: Tensor, name: str = name) -> None:
                    heard[name] = out

                stack.callback(affine.register_forward_hook(listen).remove)
            self.styled.synthesise(w, y)
        return heard

    def _made(self, codes: Tensor, y: Given, maps: Maps | None) -> Tensor:
        parts = self.by_layer(codes)
        with ExitStack() as stack:
            for name, part in parts.items():

                def instead(_: nn.Module, __: Any, ___: Tensor, part: Tensor = part) -> Tensor:
                    return part

                stack.callback(self._affines[name].register_forward_hook(instead).remove)
            return self.styled.synthesise(self._neutral(len(codes)), y, maps)


def spaces_of(
    game: Game, *, truncation: float = 1.0, cutoff: int | None = None
) -> dict[str, Space]:
    """Return the spaces of a game's generator by name: ``z``; with styles ``w``, ``w+``, ``s`` too.

    Args:
        game: makes samples; its networks may be in any mode.
        truncation: of styles; see `Space`.
        cutoff: likewise.

    Raises:
        UsageError: it makes no samples, or a cut-off is no number of slots.
    """
    kinds: list[type[Space]] = [Latents]
    if has(game, HasStyles):
        if cutoff is not None and not 0 <= cutoff <= game.style_slots:
            raise UsageError(
                f"cutoff={cutoff}: the generator has {game.style_slots} slots of styles, of which "
                f"0 to {game.style_slots} can be truncated"
            )
        kinds += [Styles, LayerStyles]
        if affines(game):
            kinds.append(StyleChannels)
    _sampling(game)
    return {kind.name: kind(game, truncation, cutoff) for kind in kinds}


def space_of(game: Game, name: str, **options: Any) -> Space:
    """Return the space of this name; options are those of `spaces_of`.

    Raises:
        UsageError: the generator has no such space.
    """
    known = spaces_of(game, **options)
    if name not in known:
        raise UsageError(
            f"this model has no space '{name}'.{did_you_mean(name, known)} It has: "
            f"{', '.join(known)}"
        )
    return known[name]


def truncated(game: HasStyles, w: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """Return styles (N, L, D) drawn towards the mean style, w̄ + ψ(w − w̄), in the first slots."""
    if psi == 1 or cutoff == 0:
        return w
    nearer = torch.lerp(game.mean_style.expand_as(w), w, psi)
    return nearer if cutoff is None else torch.cat([nearer[:, :cutoff], w[:, cutoff:]], dim=1)


def affines(game: nn.Module) -> dict[str, nn.Module]:
    """Return the maps from styles to channels inside a generator, by their places in it."""
    inside = cast(Iterable[tuple[str, nn.Module]], game.named_modules())
    return {name: part for name, part in inside if name.rpartition(".")[2] == "affine"}


@contextmanager
def still(game: nn.Module) -> Generator[None]:
    """Have all that networks make depend on what they are given alone, for a block.

    They are in evaluation mode, and layers that draw give the same to all samples, what they give
    in a loaded model.
    """
    awake = [part for part in game.modules() if part.training]
    layers = drawing_layers(game)
    sources = [layer.source for layer in layers]
    for part in awake:
        part.training = False
    for number, layer in enumerate(layers):
        if not isinstance(layer.source, Still):
            layer.source = Still(number)
    try:
        yield
    finally:
        for part in awake:
            part.training = True
        for layer, source in zip(layers, sources, strict=True):
            layer.source = source


def _sampling(game: Game) -> CanSample:
    """Return a game that makes samples.

    Raises:
        UsageError: it makes none.
    """
    if not has(game, CanSample):
        raise UsageError(f"{game.system} makes no samples, so that there is no space of theirs")
    return game
