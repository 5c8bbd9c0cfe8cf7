"""Networks of any family in a configuration: by kind, or by the name of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator

from ganvas.errors import did_you_mean
from ganvas.kinds import ByKind

FAMILIES = ByKind("ganvas.networks")


def by_name(
    base: type[BaseModel], presets: Mapping[str, tuple[BaseModel, BaseModel]], role: int
) -> tuple[ByKind, BeforeValidator]:
    """Return what lets a field hold the settings of any family, or the name of a preset.

    Args:
        base: what the settings have in common.
        presets: pairs of settings, by name.
        role: which of a pair is meant, 0 or 1.
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
                f"Networks with a name: {', '.join(presets)}"
            )
        return {**presets[name][role].model_dump(), **changes}

    plain: Any = Annotated[base, FAMILIES]
    return FAMILIES, BeforeValidator(expanded, json_schema_input_type=plain | str)
