"""Where models compute: the device of a name."""

from __future__ import annotations

import torch

from ganvas.errors import UsageError
from ganvas.given import shown


def choose_device(device: str | torch.device) -> torch.device:
    """Return the device of this name; ``auto`` is an accelerator if there is one.

    Raises:
        UsageError: there is none of this name.
    """
    if device != "auto":
        try:
            named = torch.device(device)
            torch.empty(0, device=named)
        except TypeError:
            raise UsageError(f"device is {shown(device)}: expected a name, such as 'cpu'") from None
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"there is no device '{device}' here: {reason}") from None
        return named
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")
