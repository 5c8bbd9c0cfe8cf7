"""All items by name, and how people ask for them."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.errors import UsageError, did_you_mean
from ganvas.gallery import (
    bilinear,
    critics,
    fits,
    generators,
    losses,
    modes,
    optimal,
    pictures,
    theory,
    transport,
)
from ganvas.gallery.exhibit import Item

ITEMS: tuple[Item, ...] = (
    Item("theory", "Values that theory gives, checked by computation", theory.report),
    Item("g1", "The generator's two losses and their slopes", losses.curves),
    Item("g2", "A one-dimensional game, in motion", losses.fit, slow=True),
    Item("g3", "One bump fitted to two: KL, reverse KL, JS", fits.simple_fits),
    Item("g4", "Mode collapse on a ring and on digits", modes.collapse, slow=True),
    Item("g5", "A good discriminator leaves the minimax loss no gradient", losses.vanishing),
    Item("g6", "What minibatch discrimination sees", modes.batches),
    Item("g7", "The earth mover on four piles", transport.piles),
    Item("g8", "W, JS and KL of two parallel lines", transport.jumps),
    Item("g9", "Low-dimensional sets hardly meet", transport.manifolds),
    Item("g10", "WGAN and GAN with three generators", generators.six_runs, slow=True),
    Item("g11", "Clipping, gradient penalty, spectral norm", critics.three_ways, slow=True),
    Item("g12", "A bilinear game and historical averaging", bilinear.circling),
    Item("g13", "Progressive growing, fade-in, nearest neighbours", pictures.growing, slow=True),
    Item("g14", "The blur of a VAE, the edges of a GAN", pictures.blur, slow=True),
    Item("g15", "Generative and discriminative models", fits.two_models),
    Item(
        "surfaces", "Value surfaces of clipped and penalised critics", critics.surfaces, slow=True
    ),
    Item("optimal", "An optimal discriminator and an optimal critic", optimal.optimal, slow=True),
    Item("gradients", "Gradients and weights of deep critics", critics.gradients, slow=True),
)


def find(names: Sequence[str]) -> list[Item]:
    """Return the items named, in the gallery's order; all of them if none is named.

    Raises:
        UsageError: there is no item of a name.
    """
    known = {item.name: item for item in ITEMS}
    for name in names:
        if name.lower() not in known:
            raise UsageError(
                f"there is no item '{name}' in the gallery.{did_you_mean(name, known)} "
                f"Items are {', '.join(known)}"
            )
    wanted = {name.lower() for name in names} or set(known)
    return [item for item in ITEMS if item.name in wanted]
