"""The model card: what a person needs to know about a weight file."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ConfigDict, Field

from ganvas.config import Settings
from ganvas.data.spec import DataSpec

LICENCES = {
    "digits": "cc-by-sa-3.0",
    "digits8": "cc-by-4.0",
    "digits_stack": "cc-by-4.0",
    "fashion_mnist": "mit",
    "mnist": "cc-by-sa-3.0",
    "smnist_fixed": "cc-by-sa-3.0",
    "smnist_online": "cc-by-sa-3.0",
    "stacked_digits": "cc-by-sa-3.0",
}
"""Of the data sets known by name, those with a licence of their own."""


LONGEST = 300
"""Characters of a name or sentence on the card."""

MARKS = re.compile(
    r"[\\`*\[\]<>|~&$!@]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|^[#+=-]|^[0-9]+(?=[.)])"  # headings and lists
    r"|:(?=//)|(?<=www)\.",
    re.IGNORECASE,
)
"""What Markdown takes for more than it is, where it does so."""


class Provenance(Settings):
    """Where a model comes from; stated on its card.

    Attributes:
        recipe: its recipe's name.
        about: the recipe's sentence.
        data: what it was trained on, in the user's words: a data set's name or path.
        licence: of the data; empty: that of a known data set, or unknown.
        rounds: how long it was trained.
        kimg: the same in thousands of real samples seen.
        scores: measured values by name.
        imported: the file of another program that its weights are from; empty: trained here.
        weights_licence: what is known of the licence of imported weights.
    """

    model_config = ConfigDict(allow_inf_nan=True)  # scores may be anything

    recipe: str = ""
    about: str = ""
    data: str = ""
    licence: str = ""
    rounds: int = 0
    kimg: float = 0.0
    scores: dict[str, float] = Field(default_factory=dict[str, float])
    imported: str = ""
    weights_licence: str = ""


def card(config: dict[str, Any], parameters: int) -> str:
    """Return the card in Markdown, for the settings that the weight file carries."""
    made, data = config["provenance"], config["data"]
    licence = made["licence"] or LICENCES.get(data["name"], "")
    theirs = made.get("weights_licence", "")
    name = plain(made["recipe"] or config["system"])
    lines = [
        "---",
        "library_name: ganvas",
        "tags: [gan, generative-model, pytorch]",
        *([f"license: {licence}"] if _is_identifier(licence) else []),
        "---",
        "",
        f"# {name}",
        "",
        plain(made["about"]) or f"A generative model, trained as {plain(config['system'])}.",
        "",
        "| | |",
        "|---|---|",
        f"| system | {plain(config['system'])} |",
        f"| can | {', '.join(config['capabilities'])} |",
        f"| parameters | {parameters:,} |",
        *(
            f"| uses, unchanged | {plain(name)}, SHA-256 {plain(digest)} |"
            for name, digest in config.get("frozen", {}).items()
        ),
        _origin(made),
        f"| written by | ganvas {config['ganvas']}, torch {config['torch']} |",
        "",
        "## Use",
        "",
        "```python",
        "import ganvas",
        "",
        'model = ganvas.load("path/to/this/folder")',
        *_usage(config),
        "```",
        "",
        "## Data",
        "",
        f"{plain(made['data'] or data['name'])}: {_describe(data)}.",
        f"Licence of the data: {plain(licence) or _no_licence(data)}.",
        *([f"Licence of the weights: {plain(theirs)}."] if theirs else []),
        "",
        "## Scores",
        "",
        *_scores(made["scores"]),
    ]
    return "\n".join(lines) + "\n"


def _origin(made: dict[str, Any]) -> str:
    """Return the row that says where the weights are from."""
    if made.get("imported"):
        return f"| imported from | {plain(made['imported'])} |"
    return f"| trained for | {made['rounds']:,} rounds, {made['kimg']:,.1f} thousand real samples |"


def _no_licence(data: dict[str, Any]) -> str:
    spec = DataSpec.model_validate(data)
    if spec.size is None and not spec.domain.grid:
        return "none needed, they are drawn from a formula"
    return "not stated; ask who made them"


def _usage(config: dict[str, Any]) -> list[str]:
    spec = DataSpec.model_validate(config["data"])
    lines: list[str] = []
    if "sample" in config["capabilities"]:
        lines.append(f"x = model.sample(16, seed=0).x  # {spec.domain.array}")
    if spec.loose:
        lines.append("z = model.encode(x, links=links)  # x (nodes, features), links (E, 2)")
        lines.append("p = model.predict(x, links=links, pairs=pairs)  # pairs (M, 2)")
    if "score" in config["capabilities"]:
        label = ", label=0" if config["game"].get("conditional") else ""
        lines.append(f"scores = model.score(x{label})  # higher: more like real data")
    return lines


def _describe(data: dict[str, Any]) -> str:
    spec = DataSpec.model_validate(data)
    amount = f"{spec.size:,}" if spec.size else "an endless supply of"
    classes = f", in {spec.classes} classes" if spec.classes else ""
    return f"{amount} {spec.domain.described()}{classes}"


def _scores(scores: dict[str, float]) -> list[str]:
    if not scores:
        return ["Not measured yet: `ganvas evaluate RUN`."]
    rows = [f"| {plain(name)} | {value:.4g} |" for name, value in scores.items()]
    return [
        "| score | value |",
        "|---|---|",
        *rows,
        "",
        "Their protocols (feature network, sample counts, reference, seed) are in the run's",
        "`evaluation.json`; values with different protocols cannot be compared.",
    ]


def _is_identifier(licence: str) -> bool:
    """Whether ``licence`` is a single word such as ``cc-by-sa-3.0``, as card readers want."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", licence) is not None


def plain(words: str) -> str:
    """Return words of other people as Markdown that shows them as they are, on one line.

    Nothing in them is a link, picture, table, formula, code or HTML, nor an address that readers
    make a link of by themselves.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    line = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
    return MARKS.sub(r"\\\g<0>", line)
