"""What is done to all that a judge is shown, in which order, as settings of a game say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.diffaugment import DiffAugment
from ganvas.games.parts.judge import Seen
from ganvas.games.parts.views import InstanceNoise, Pack, UnitPixels
from ganvas.networks.conditions import Conditions

if TYPE_CHECKING:
    from ganvas.games.parts.adversarial import AdversarialConfig


def views_of(config: AdversarialConfig, spec: DataSpec, conditions: Conditions) -> list[Seen]:
    """Return the views of a judge: changes of images, noise, another range, packs.

    Args:
        config: of the game.
        spec: of the data.
        conditions: that the generator is given.

    Raises:
        UsageError: images are moved, and conditions lie on them; or the data are no images.
    """
    found: list[Seen] = []
    if config.augment is not None:
        _refuse_maps("augment", conditions)
        found.append(config.augment.view(spec))
    if config.ada is not None:
        _refuse_maps("ada", conditions)
        found.append(config.ada.view(spec))
    if config.diffaugment is not None:
        _refuse_maps("diffaugment", conditions)
        found.append(DiffAugment(config.diffaugment, spec))
    if config.instance_noise:
        found.append(InstanceNoise(config.instance_noise))
    if config.pixels == "unit":
        found.append(UnitPixels(spec))
    if config.packing > 1:
        found.append(Pack(config.packing))
    return found


def _refuse_maps(option: str, conditions: Conditions) -> None:
    """Refuse an option that moves images where conditions lie on them."""
    if maps := list(conditions.maps):
        raise UsageError(
            f"game.{option} moves images, but not the condition '{maps[0]}' that lies on them: "
            "leave one of both out"
        )
