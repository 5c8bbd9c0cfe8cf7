"""What a trained game can be asked for: small protocols; defining their methods is having them.

They are asked of the game itself, `has(game, CanScore)`, never of its class: what only some
settings give, such as a memory, is missing where `Game.lacks` says so. An ability of one's own is a
protocol under `ability`, in the module of one's game; a function beside it that is called as its
verb is its command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from torch import Tensor
from typing_extensions import TypeIs, get_protocol_members

from ganvas.play.game import Game

if TYPE_CHECKING:
    from ganvas.data.batch import Batch
    from ganvas.data.domain import AnyArray, Domain
    from ganvas.data.feed import Feed
    from ganvas.networks.conditions import Given
    from ganvas.nn import Memory
    from ganvas.play.noise import Noise
    from ganvas.play.turn import Turns

A = TypeVar("A")

_verbs: dict[type, tuple[str, ...]] = {}


def ability(*verbs: str) -> Callable[[type[A]], type[A]]:
    """Make a protocol an ability, asked for by these verbs: methods of a model, commands."""

    def declare(protocol: type[A]) -> type[A]:
        _verbs[protocol] = verbs
        return protocol

    return declare


def has(game: object, wanted: type[A]) -> TypeIs[A]:
    """Whether a game has an ability: its methods, and settings with which they have a meaning."""
    return (
        isinstance(game, Game) and wanted not in game.lacks() and offers(cast(object, game), wanted)
    )


def offers(thing: object, protocol: type[A]) -> TypeIs[A]:
    """Whether a thing has all that a protocol names, be it a method, a number or a module.

    From Python 3.12 on `isinstance` does not see a module's parameters, buffers and modules, which
    are attributes of it, and of no class. A method that is None is one that is not offered.
    """
    return all(
        hasattr(thing, name)
        and not (callable(getattr(protocol, name, None)) and getattr(thing, name) is None)
        for name in get_protocol_members(protocol)
    )


def verbs_of(game: Game) -> tuple[str, ...]:
    """Return all that a game can be asked for, in words."""
    return tuple(
        dict.fromkeys(v for kind, verbs in _verbs.items() if has(game, kind) for v in verbs)
    )


def declared() -> Iterator[tuple[str, type]]:
    """Give all verbs with the ability that each asks for; of some there are several."""
    for kind, verbs in _verbs.items():
        for verb in verbs:
            yield verb, kind


def verb_of(wanted: type) -> str:
    """Return the verb by which an ability is asked for first; its name if there is none."""
    return next(iter(_verbs.get(wanted, ())), wanted.__name__)


@ability("sample", "interpolate")
class CanSample(Protocol):
    """Draws latents, and turns them into items of the main field."""

    def prior(self, n: int, noise: Noise, *args: Any, **options: Any) -> Tensor:
        """Return n latents (n, …); options are those of `Game.Sampling`, by name."""
        ...

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return items (N, *shape) in network units for latents, given conditions if any."""
        ...


@ability()
class CanSampleParts(Protocol):
    """Makes several things of one latent: a video with its mask, a picture with its depth.

    Attributes:
        parts: kind, shape and units of each thing beside the main field, by name.
    """

    parts: dict[str, Domain]

    def sample_parts(self, z: Tensor, y: Given = None) -> Batch:
        """Return what `CanSample.sample` does as the main field, and parts beside it.

        All of them, or none where an option of samples asks for them.
        """
        ...


@ability("score")
class CanScore(Protocol):
    """Says how much items look like real data."""

    def score(self, x: Tensor, y: Given = None) -> Tensor:
        """Return a number for each item, (N,): higher is more like real data."""
        ...


@ability("encode")
class CanEncode(Protocol):
    """Turns items into codes."""

    def encode(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the code of each item, (N, K)."""
        ...


@ability("encode")
class CanEncodeNodes(Protocol):
    """Turns the nodes of a graph into codes."""

    def encode_nodes(self, x: Tensor, links: Tensor) -> Tensor:
        """Return the code of each node, (N, K), for features (N, F) and links (E, 2)."""
        ...


@ability()
class CanInfer(Protocol):
    """Draws the latents that items may have come of: its codes are latents of the prior."""

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        """Return latents (N, K) drawn from q(z|x)."""
        ...


@ability("between")
class CanDecode(Protocol):
    """Turns codes back into items, also those between the codes of two."""

    def decode(self, code: Tensor) -> Tensor:
        """Return the items (N, *shape) of codes as `CanEncode.encode` gives them."""
        ...


@ability("reconstruct")
class CanReconstruct(Protocol):
    """Says what it makes of the codes of items."""

    def reconstruct(self, x: Tensor, y: Given = None) -> Tensor:
        """Return items (N, *shape) of the main field."""
        ...


@ability("posterior")
class CanAssign(Protocol):
    """Says to which components of a mixture items belong."""

    def posterior(self, x: Tensor, y: Given = None) -> Tensor:
        """Return p(c|x) over all components, (N, C)."""
        ...


@ability("slots")
class HasSlots(Protocol):
    """Has a memory; latents are [K_c, z], and ``slot`` among its options of samples."""

    @property
    def memory(self) -> Memory:
        """The memory."""
        ...

    def fixed(self, slot: int, n: int) -> Tensor:
        """Return one slot of real samples n times, int64 (n,)."""
        ...


@ability("predict")
class CanPredict(Protocol):
    """Tells classes."""

    def predict(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the probabilities of the classes of each item, (N, K)."""
        ...


@ability("predict")
class CanPredictLinks(Protocol):
    """Tells which nodes of a graph are linked."""

    def predict_links(self, x: Tensor, links: Tensor, pairs: Tensor) -> Tensor:
        """Return the probabilities (M,) of links between pairs (M, 2) of nodes."""
        ...


@ability("units")
class HasUnits(Protocol):
    """Looks at images by layers whose units can be asked what excites them."""

    def unit_images(self, x: Tensor) -> Tensor:
        """Return the images (N, …) that it looks at, of items in network units."""
        ...

    def unit_maps(self, images: Tensor, layer: int) -> Tensor:
        """Return the maps (N, C, h, w) of a layer, 1 next to the image."""
        ...

    def shown(self, images: Tensor) -> AnyArray:
        """Return such images as pictures, uint8 (N, H, W, C)."""
        ...


class LatentSpace(Protocol):
    """What latents are drawn from."""

    @property
    def kind(self) -> str:
        """Its name in recipes."""
        ...

    @property
    def spherical(self) -> bool:
        """Whether they lie on the unit sphere."""
        ...


@ability()
class HasLatentSpace(Protocol):
    """Its latents are of a space that is known by name."""

    @property
    def latent(self) -> LatentSpace:
        """The space."""
        ...


@ability()
class HasStyles(Protocol):
    """Maps latents to styles, one for each slot of its layers, and makes items of styles.

    Attributes:
        style_slots: L, how many slots of w the layers have, coarsest first.
    """

    style_slots: int

    @property
    def mean_style(self) -> Tensor:
        """w̄, the mean of all styles, (D,), of the averaged model where there is an average."""
        ...

    def styles(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the style of each slot, (N, L, D), not truncated, of latents (N, …)."""
        ...

    def synthesise(
        self, w: Tensor, y: Given = None, maps: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return items (N, *shape) in network units of styles (N, L, D).

        Nothing is drawn: noise maps are the stored ones, unless others are given, (N or 1, 1, h, w)
        for each noisy layer.
        """
        ...

    def maps(self, n: int, noise: Noise) -> list[Tensor]:
        """Return fresh noise maps of every noisy layer, (n, 1, h, w) each, coarsest first."""
        ...


@ability("codes")
class CanLearnCodes(Protocol):
    """Trains an autoencoder of its own before the game; ``game.code`` is the width of its codes."""

    def learn_codes(self, data: Feed, turn: Turns) -> None:
        """Play one round of the autoencoder's training."""
        ...

    def reconstruct(self, x: Tensor, y: Given = None) -> Tensor:
        """Return what the autoencoder makes of items, (N, *shape)."""
        ...
