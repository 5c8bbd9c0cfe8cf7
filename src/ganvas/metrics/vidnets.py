"""The networks that know clips of certain sets, which come with the library, and their gates.

Each was trained on the set's own clips by ``scripts/train_vidnets.py``, with all their variety, and
tells the set's factors. Its accuracies on clips it was not trained on are in its file; what it says
of a factor that it tells too rarely is withheld, and the whole network if it tells none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

import torch

from ganvas.metrics.classifiers import weight_metadata
from ganvas.metrics.clips import Knowing
from ganvas.metrics.unmeasurable import UnmeasurableError
from ganvas.metrics.videos import Factors
from ganvas.metrics.vidnet import VidNet

RETRAIN = "python scripts/train_vidnets.py"


@dataclass(frozen=True)
class Known:
    """What is known of a set of clips.

    Attributes:
        content, motion: its factors, with the share of test clips in which each is to be told.
        variant: of the clips that its network is trained on.
    """

    content: dict[str, float]
    motion: dict[str, float]
    variant: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def required(self) -> dict[str, float]:
        """All factors."""
        return {**self.content, **self.motion}

    @property
    def factors(self) -> Factors:
        """Which side each is of."""
        return Factors(tuple(self.content), tuple(self.motion))


SETS: Final[dict[str, Known]] = {
    "shapes": Known({"shape": 0.99, "hue": 0.98}, {"label": 0.99}, {"directions": 4, "hues": 6}),
    "bouncing_digits": Known({"label": 0.95}, {"direction": 0.90}),
    "oscillator": Known({"hue": 0.98}, {"pace": 0.80}),
    "sprites": Known(dict.fromkeys(("head", "shirt", "trousers"), 0.98), {"label": 0.98}),
    "blobs": Known({"count": 0.90}, {"pace": 0.80}),
    "mocap": Known(dict.fromkeys(("head", "shirt", "trousers"), 0.95), {"label": 0.90}),
}
"""The sets, by the name of their source."""


def path_of(name: str) -> Path:
    """Return where the weights of a set's network lie."""
    return Path(str(resources.files("ganvas.metrics") / "weights" / f"vidnet_{name}.safetensors"))


def knowing(name: str, channels: int, device: str | torch.device = "cpu") -> Knowing | None:
    """Return the network of a set; None where there is none of clips with so many channels.

    Raises:
        UnmeasurableError: it tells every factor too rarely.
    """
    path = path_of(name)
    if name not in SETS or not path.is_file():
        return None
    from safetensors.torch import load

    content = path.read_bytes()
    told = json.loads(weight_metadata(path)["vidnet"])
    if told["channels"] != channels:
        return None
    accuracies: dict[str, float] = told["accuracies"]
    poor = {
        factor: (
            f"the vidnet of {name} tells '{factor}' in {accuracies.get(factor, 0.0):.1%} of test "
            f"clips, {required:.0%} are required; train it again by `{RETRAIN} {name}`"
        )
        for factor, required in SETS[name].required.items()
        if not accuracies.get(factor, 0.0) >= required
    }
    if len(poor) == len(SETS[name].required):
        raise UnmeasurableError("; ".join(poor.values()))
    net = VidNet(channels, told["heads"])
    net.load_state_dict(load(content))  # halves become whole numbers again
    return Knowing(net, hashlib.sha256(content).hexdigest(), poor, device)
