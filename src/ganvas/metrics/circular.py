"""How well two sets of angles agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ganvas.errors import UsageError
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite


def circular_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Return the correlation of paired angles (N,), in radians, in [−1, 1].

    |E exp i(a − b)| − |E exp i(a + b)|: what the coefficient of Jammalamadaka & SenGupta (2001,
    section 8.2) is for angles without a mean direction. To turn one side changes nothing, to
    reflect it changes the sign.

    Raises:
        UsageError: the numbers of angles differ.
        UnmeasurableError: there are fewer than two, or some are not finite.
    """
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if len(x) != len(y):
        raise UsageError(f"expected as many angles on both sides, got {len(x)} and {len(y)}")
    if len(x) < 2:
        raise UnmeasurableError("a correlation needs two pairs of angles or more")
    require_finite(x, "angles")
    require_finite(y, "angles")
    same, mirrored = np.abs(np.exp(1j * (x - y)).mean()), np.abs(np.exp(1j * (x + y)).mean())
    return float(same - mirrored)
