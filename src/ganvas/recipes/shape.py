"""Questions to a JSON schema: what may stand at a path, in words and as names."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, cast

Node = dict[str, Any]

TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


class Shape:
    """A JSON schema as pydantic makes it, with ``$defs`` and tagged unions.

    Args:
        schema: the whole schema.
        tree: the settings it is asked about; their tags (``kind``) choose between alternatives.
    """

    def __init__(self, schema: Node, tree: Any) -> None:
        self._schema = schema
        self._tree = tree

    def alternatives(self, path: Sequence[str | int]) -> list[Node]:
        """Return the schemas one of which a value at ``path`` must meet; none if unknown."""
        nodes, value = self._expand(self._schema, self._tree), self._tree
        for key in path:
            value = _child(value, key)
            nodes = [
                node
                for parent in nodes
                for child in _children(parent, key)
                for node in self._expand(child, value)
            ]
        return nodes

    def defaults(self) -> Node:
        """Return all defaults as a tree; what has none and is no mapping is left out."""
        return self._defaults(self._schema)

    def _defaults(self, node: Node) -> Node:
        found: Node = {}
        for key, child in node.get("properties", {}).items():
            if "default" in child:
                found[key] = copy.deepcopy(child["default"])
            else:
                (inner, *others) = self._expand(child, None)
                if not others and "properties" in inner:
                    found[key] = self._defaults(inner)
        return found

    def keys(self, path: Sequence[str | int]) -> list[str]:
        """Return the keys that a mapping at ``path`` may have."""
        return [key for node in self.alternatives(path) for key in node.get("properties", {})]

    def owners(self, path: Sequence[str | int]) -> list[str]:
        """Return the tags (``kind=deep``) of the alternatives that have a setting at ``path``."""
        return [
            f"{name}={child['const']}"
            for node in self.alternatives(path[:-1])
            if path[-1] in node.get("properties", {})
            for name, child in node["properties"].items()
            if "const" in child
        ]

    def allows(self, path: Sequence[str | int], kind: str) -> bool:
        """Whether a value of a kind, ``null`` say, may stand at ``path``; true if nothing is known.

        Args:
            path: the setting.
            kind: as JSON schemas call it.
        """
        nodes = self.alternatives(path)
        return not nodes or any(node.get("type", kind) == kind for node in nodes)

    def default(self, path: Sequence[str | int]) -> Any:
        """Return the default at ``path``, or None."""
        for parent in self.alternatives(path[:-1]):
            for child in _children(parent, path[-1]):
                if "default" in child:
                    return child["default"]
        return None

    def expected(self, path: Sequence[str | int]) -> str:
        """Return in words what may stand at ``path``, or an empty string.

        Alternatives that the value there meets, as settings of another kind, are left out: it was
        refused by one that it does not.
        """
        value = self._tree
        for key in path:
            value = _child(value, key)
        nodes = self.alternatives(path)
        refusing = [node for node in nodes if not _meets(node, value)]
        words = dict.fromkeys(self._words(node) for node in refusing or nodes)
        return " or ".join(word for word in words if word)

    def leaves(self, depth: int = 6) -> Iterator[tuple[str, ...]]:
        """Give the paths of all settings that are no mappings."""
        yield from self._leaves(self._expand(self._schema, self._tree), self._tree, (), depth)

    def _leaves(
        self, nodes: list[Node], value: Any, path: tuple[str, ...], depth: int
    ) -> Iterator[tuple[str, ...]]:
        found = {key: child for node in nodes for key, child in node.get("properties", {}).items()}
        for key, child in found.items():
            inner = _child(value, key)
            below = self._expand(child, inner)
            parts = [node for node in below if node.get("type") != "null"]
            if depth and parts and all("properties" in node for node in parts):
                yield from self._leaves(below, inner, (*path, key), depth - 1)
            else:
                yield (*path, key)

    def _expand(self, node: Node, value: Any) -> list[Node]:
        """Resolve references and unions of ``node``, as far as ``value``'s tag tells."""
        if "$ref" in node:
            return self._expand(self._schema["$defs"][node["$ref"].rpartition("/")[2]], value)
        tag = node.get("discriminator")
        if tag is not None and isinstance(value, dict):
            chosen = cast(Node, value).get(tag["propertyName"])
            if chosen in tag.get("mapping", {}):
                return self._expand({"$ref": tag["mapping"][chosen]}, value)
        for union in ("anyOf", "oneOf", "allOf"):
            if union in node:
                return [part for option in node[union] for part in self._expand(option, value)]
        return [node]

    def _words(self, node: Node) -> str:
        if "const" in node:
            return f"'{node['const']}'"
        if "enum" in node:
            return "one of " + ", ".join(f"'{option}'" for option in node["enum"])
        kind = TYPES.get(node.get("type", ""), "")
        if node.get("type") == "object":
            keys = ", ".join(node.get("properties", {}))
            return f"{{{keys}}}" if keys else kind
        if "items" in node:
            inner = dict.fromkeys(self._words(n) for n in self._expand(node["items"], None))
            kind = f"a list, each {' or '.join(inner)}"
        elif "prefixItems" in node:
            kind = f"a list of {len(node['prefixItems'])}"
        bounds = [f"{word} {node[key]:.15g}" for key, word in BOUNDS.items() if key in node]
        return f"{kind}, {' and '.join(bounds)}" if bounds else kind


def _children(node: Node, key: str | int) -> list[Node]:
    if isinstance(key, int):
        fixed: list[Node] = node.get("prefixItems", [])
        inner = fixed[key] if key < len(fixed) else node.get("items")
    else:
        inner = node.get("properties", {}).get(key, node.get("additionalProperties"))
    return [cast(Node, inner)] if isinstance(inner, dict) else []


def _meets(node: Node, value: Any) -> bool:
    """Whether a number is one as a schema of numbers asks for."""
    kinds = {"integer": int, "number": int | float}
    if node.get("type") not in kinds or isinstance(value, bool):
        return False
    return isinstance(value, kinds[node["type"]]) and (
        value >= node.get("minimum", value)
        and value <= node.get("maximum", value)
        and not value <= node.get("exclusiveMinimum", value - 1)
        and not value >= node.get("exclusiveMaximum", value + 1)
    )


def _child(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return cast(dict[Any, Any], value).get(key)
    if isinstance(value, list) and isinstance(key, int) and key < len(cast(list[Any], value)):
        return cast(list[Any], value)[key]
    return None
