"""Networks by name: in a configuration a preset's name stands for its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, BeforeValidator

from ganvas.errors import did_you_mean


def by_name(presets: Mapping[str, tuple[BaseModel, BaseModel]], role: int, of: Any) -> Any:
    """Return a validator that puts a preset's settings in the place of its name.

    Args:
        presets: pairs of settings, by name.
        role: which of a pair is meant, 0 or 1.
        of: the type of the settings, for the schema.
    """

    def expanded(value: Any) -> Any:
        """Replace the name of a preset, alone or under the key ``preset``, by its settings."""
        if isinstance(value, str):
            value = {"preset": value}
        if not isinstance(value, dict) or "preset" not in value:
            return cast(Any, value)
        changes = dict(cast(dict[str, Any], value))
        name = changes.pop("preset")
        if name not in presets:
            raise ValueError(
                f"unknown network '{name}'.{did_you_mean(str(name), presets)} "
                f"Networks with a name: {', '.join(presets)}."
            )
        return {**presets[name][role].model_dump(), **changes}

    return BeforeValidator(expanded, json_schema_input_type=of | str)
