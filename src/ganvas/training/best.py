"""The best model so far by a measure, which ``train.best`` keeps beside the last iterate."""

from __future__ import annotations

import math
from typing import Any

from ganvas.training.settings import Best


class Champion:
    """Remembers the best value of a measure, and the round that it dates from.

    Args:
        settings: the measure, and which way it is better.
    """

    def __init__(self, settings: Best) -> None:
        self._settings = settings
        self.value: float | None = None
        self.round = 0

    def beaten(self, value: float, round: int) -> bool:
        """Take up a value; say whether it is the best so far, which NaN never is."""
        if math.isnan(value) or not (self.value is None or self._better(value, self.value)):
            return False
        self.value, self.round = value, round
        return True

    def told(self) -> str:
        """Return what is known, in words."""
        assert self.value is not None
        return f"{self._settings.measure} {self.value:.4g}, the best so far"

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on with."""
        return {"value": self.value, "round": self.round}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave."""
        self.value, self.round = state["value"], state["round"]

    def _better(self, value: float, before: float) -> bool:
        return value > before if self._settings.higher else value < before
