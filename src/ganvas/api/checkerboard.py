"""Checkerboards of a run, a model, an untrained recipe, or a folder of anybody's images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganvas.api.measuring import drawn as sampled
from ganvas.api.run_data import open_again
from ganvas.data import pixels
from ganvas.data.check import find_images
from ganvas.data.domain import PLANE, Domain
from ganvas.data.open import open_data
from ganvas.data.readers.decode import READ_ERRORS, heads, reason
from ganvas.data.readers.decode import read as read_file
from ganvas.data.readers.place import LeftOut, listing, printable
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.diagnosis.following import conditions_like
from ganvas.diagnosis.look import known_items
from ganvas.diagnosis.overlaps import settings_with_upsamplers, uneven_layers
from ganvas.diagnosis.visualising import JITTER, visualise
from ganvas.errors import UsageError, as_they_are, flag, quoted
from ganvas.files import write_whole
from ganvas.given import path_of, whole
from ganvas.metrics.checkerboard import (
    PERIODS,
    Pattern,
    deviation,
    inner,
    luminance,
    patterns,
    phases,
    spectrum,
    trimmed,
)
from ganvas.model import Model, Provenance, load
from ganvas.model.storage import find
from ganvas.networks.conditions import Given
from ganvas.nn import gradient_map
from ganvas.nn.conversion import enlarges, kind_of, scale_of
from ganvas.play import Game, build, has
from ganvas.play.abilities import CanScore
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.catalogue import locate
from ganvas.report.checkerboard import Looked, drawn, maps, page
from ganvas.training.folder import CONFIG

SAMPLES = 1000
"""Samples and real images that are looked at."""
SEEDS = 4
"""Untrained networks whose samples are looked at, and …"""
EACH = 64
"""… of each so many."""
SIDE = 16
"""Of the constant maps that layers are given."""
WANTED = 4
"""Pictures that raise the score of a discriminator, each by …"""
STEPS = 32
"""… so many steps."""

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Layer:
    """A layer that enlarges.

    Attributes:
        name: in the game.
        kind: what it is, with its kernel and scale.
        constant: how unlike its phases are of a constant map; 0: not at all.
    """

    name: str
    kind: str
    constant: float


@dataclass
class Checkerboard:
    """What was found.

    Attributes:
        name: of what was looked at.
        measured: the pattern of each period, by what was measured: samples, untrained, real data.
        layers: those that enlarge, of a model.
        notes: what else is to be said.
        remedies: why, and a command.
        looked: what is drawn of images.
        seen: maps of what a discriminator tells pixels, and of what it wants to see.
    """

    name: str
    measured: dict[str, dict[int, Pattern]] = field(default_factory=dict[str, dict[int, Pattern]])
    layers: list[Layer] = field(default_factory=list[Layer])
    notes: list[str] = field(default_factory=list[str])
    remedies: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    looked: list[Looked] = field(default_factory=list[Looked])
    seen: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])

    @property
    def periods(self) -> list[int]:
        """The periods of the patterns that are there."""
        main, found = next(iter(self.measured.items()))
        real = self.measured.get("real images") if main != "real images" else None
        clear = {
            period: one.clearer_than(None if real is None else real.get(period))
            for period, one in found.items()
        }
        # The bins of period 2 are among those of period 4, and only a larger share is its own.
        return [
            period
            for period, is_clear in clear.items()
            if is_clear
            and not any(
                clear.get(shorter) and found[period].variance < 1.5 * found[shorter].variance
                for shorter in found
                if shorter < period
            )
        ]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.periods:
            return "no checkerboard"
        return f"a checkerboard with a period of {' and '.join(map(str, self.periods))} pixels"

    def add(self, name: str, images: Tensor, shown: Array8) -> None:
        """Measure images (N, C, H, W), of which some are shown (n, H, W, C)."""
        self.measured[name] = patterns(images)
        if not self.measured[name]:
            raise UsageError(f"{self.name}: images of {tuple(images.shape[2:])} are too small")
        grey = inner(luminance(images))
        period = max(self.measured[name])
        power = spectrum(trimmed(grey, period)).numpy()
        means = phases(trimmed(grey, period), period).mean((0, 2)).view(period, period)
        self.looked.append(Looked(name, shown, power, means.numpy()))

    def to_json(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        return {
            "verdict": self.verdict,
            "periods": self.periods,
            "measured": {
                name: {str(period): one._asdict() for period, one in found.items()}
                for name, found in self.measured.items()
            },
            "layers": [vars(layer) for layer in self.layers],
            "notes": self.notes,
            "remedies": [{"why": why, "command": command} for why, command in self.remedies],
        }

    def write(self, path: Path) -> Path:
        """Write the page.

        Raises:
            GanvasError: it cannot be written.
        """
        text = page(
            self.name,
            [self.verdict, *self.notes],
            self.measured,
            [(layer.name, layer.kind, f"{layer.constant:.3g}") for layer in self.layers],
            self.remedies,
            [
                drawn("Pictures, spectra and phases", self.looked),
                *([maps("The discriminator", self.seen)] if self.seen else []),
            ],
        )
        write_whole(path, text.encode())
        return path


def checkerboard(
    place: str | Path,
    *,
    settings: Sequence[str] = (),
    samples: int = SAMPLES,
    data: str | Path | None = None,
    game: str | type[Game] | None = None,
) -> Checkerboard:
    """Look for a checkerboard.

    Args:
        place: a run or model folder; a folder, array or archive of images, whoever made them; or a
            recipe, whose untrained networks are looked at.
        settings: changes to a recipe, ``key=value``.
        samples: of a model, and real images, at most.
        data: where a run's data lie now.
        game: the run's game, if it is one of the user's own.

    Raises:
        UsageError: nothing is there, or it makes no images.
    """
    path, samples = path_of(place, "place"), whole(samples, "samples", 1)
    if settings and path.exists():
        raise UsageError(f"{place} is there already: settings are those of an untrained recipe")
    if (path / CONFIG).is_file() or _is_model(path):
        return _of_model(path, samples, data, game)
    if path.exists() and path.suffix not in (".yaml", ".yml"):
        return _of_images(path, samples)
    if not path.exists():
        locate(str(place))  # the error names the nearest
    recipe = load_recipe(str(place), list(settings), data, game)
    return _of_recipe(recipe, samples)


def _is_model(path: Path) -> bool:
    try:
        return find(path).is_file()
    except UsageError:
        return False


def _of_images(path: Path, samples: int) -> Checkerboard:
    found = Checkerboard(str(path))
    images, left = images_in(path, samples)
    found.add("images", _units(images), images[:16])
    found.notes += left
    return found


def images_in(path: Path, most: int) -> tuple[Array8, list[str]]:
    """Return up to so many images of one size, uint8 (N, H, W, C), and what was left out.

    Images are not resized, which would blur a pattern: of several sizes the most frequent counts.

    Raises:
        UsageError: there are none.
    """
    survey = find_images(str(path))
    if survey is None:
        with as_they_are():
            source = open_data(DataSettings(source=str(path)))
        _require_images(source.spec.domain, f"{path} holds")
        return source.items("train").x[:most], []
    known, broken = heads(survey.place, survey.files)
    sizes = Counter(head.size for head in known if head is not None)
    if not sizes:
        raise UsageError(f"{path} has no image that can be read:\n{listing(broken)}")
    size, count = sizes.most_common(1)[0]
    grey = all(head.grey for head in known if head is not None and head.size == size)
    form = pixels.Form(size, "none", "grey" if grey else "rgb", pixels.WHITE)
    images: list[Array8] = []
    broken += survey.place.broken
    for file, head in zip(survey.files, known, strict=True):
        if head is not None and head.size == size and len(images) < most:
            try:
                images.append(read_file(survey.place, file, form))
            except READ_ERRORS as error:
                broken.append(LeftOut(file.name, reason(survey.place, file, error)))
    if not images:
        raise UsageError(f"{path} has no image that can be read:\n{listing(broken)}")
    height, width = size
    others = sum(sizes.values()) - count
    left: list[str] = []
    if others:
        left.append(f"left out: {others:,} images of other sizes than {height}×{width}")
    if broken:
        left.append(f"left out: {len(broken):,} broken, such as {printable(broken[0].name)}")
    return np.stack(images), left


def _units(images: Array8) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _of_model(
    path: Path, samples: int, data: str | Path | None, game: str | type[Game] | None
) -> Checkerboard:
    folder = path if (path / CONFIG).is_file() else None
    recipe = load_recipe(folder / CONFIG, data=data, game=game) if folder else None
    model = load(path, game=recipe.game_type if recipe else game)
    _require_images(model.game.spec.domain, f"{path} makes")
    found = Checkerboard(str(path))
    source = open_again(recipe.data) if recipe else None
    made = model.sample(samples).x if source is None else sampled(model, source, samples)[0]
    found.add("samples", _units(made), made[:16])
    if recipe is not None and source is not None:
        _add_untrained(found, recipe, source)
        _add_real(found, source, samples)
    found.layers = list(enlarging_layers(model.game))
    found.notes += uneven_layers(model.game)
    _add_discriminator(found, model, _units(made[:EACH]))
    if found.periods:
        own = flag(recipe.system) if recipe else ""
        for name in _changeable(model.game):
            change = f"game.{name}.upsample=nn_resize"
            found.remedies += [
                (
                    "Train anew with layers that repeat pixels, then convolve:",
                    f"ganvas train {quoted(path / CONFIG)}{own} --out DIR {change}",
                ),
                (
                    "Or go on from these weights, with such layers in the places of the others:",
                    f"ganvas convert {quoted(path)}{own} --upsample nn_resize --out DIR",
                ),
            ]
    return found


def _of_recipe(recipe: Recipe, samples: int) -> Checkerboard:
    source = open_data(recipe.data)
    found = Checkerboard(f"{recipe.name}, untrained")
    game = _add_untrained(found, recipe, source)
    _add_real(found, source, samples)
    found.layers = list(enlarging_layers(game))
    found.notes += uneven_layers(game)
    if found.periods:
        found.remedies += [
            (
                "Layers that repeat pixels, then convolve:",
                f"ganvas train {recipe.name} --out DIR game.{name}.upsample=nn_resize",
            )
            for name in _changeable(game)
        ]
    return found


def _require_images(domain: Domain, who: str) -> None:
    if domain.grid != PLANE:
        raise UsageError(f"{who} {domain.plural}: a checkerboard is one of images")


def _changeable(game: Game) -> list[str]:
    """Return the settings of networks whose layers could be others that leave no pattern."""
    clean = ("nn_resize", "bilinear_resize")
    return [
        name
        for name, one in settings_with_upsamplers(game.config).items()
        if one.upsample not in clean
        and not (isinstance(one.upsample, tuple) and set(one.upsample) <= {*clean})
    ]


@torch.no_grad()
def _add_untrained(found: Checkerboard, recipe: Recipe, source: Source) -> Game:
    """Measure samples of untrained networks, by the statistics of their own batches."""
    parts: list[Tensor] = []
    game: Game | None = None
    for seed in range(SEEDS):
        game = build(recipe.game_type, recipe.game_config, source.spec, seed)
        _require_images(game.spec.domain, f"{recipe.name} makes")
        parts.append(untrained_samples(game, EACH, seed, source))
    assert game is not None
    images = torch.cat(parts)
    scale = images.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    shown = (127.5 * (images / scale)[:: len(images) // 16] + 127.5).permute(0, 2, 3, 1)
    found.add("untrained", images, shown.round().byte().numpy())
    return game


@torch.no_grad()
def untrained_samples(game: Game, n: int, seed: int, source: Source) -> Tensor:
    """Return samples (n, C, H, W) of networks as they are, batch norms by their own batch.

    Classes are drawn, other conditions are those of the data.
    """
    model = Model(game, Provenance(), "cpu")
    z, classes = model.latents(n, seed)
    y: Given = classes
    if game.conditions and y is None:
        known = next(iter(known_items(source).values()))
        y = game.conditions.of(conditions_like(game.conditions, source, known, n))
    game.train()
    made = cast(Any, game).sample(z, y)
    game.eval()
    return made.float()


def _add_real(found: Checkerboard, source: Source, samples: int) -> None:
    known = known_items(source)
    if known:
        real = next(iter(known.values())).x[:samples]
        found.add("real images", _units(real), real[:16])


def _add_discriminator(found: Checkerboard, model: Model, images: Tensor) -> None:
    """Look at what the discriminator of a model tells pixels, and at what it wants to see.

    Its gradients are those of samples, and what it wants to see raises its score: once by an ascent
    at a fixed place, once jittered.
    """
    game, classes = model.game, model.game.conditions.classes
    if not has(game, CanScore) or game.scores_are != "judgements":
        return
    if model.conditional and not classes:
        return

    def score(x: Tensor) -> Tensor:  # of the first class, if there are any
        return game.score(x, torch.zeros(len(x), dtype=torch.long) if classes else None)

    model.game.cpu()
    slopes = gradient_map(score, images)
    found.measured["input gradients"] = patterns(slopes)
    size = tuple(inner(luminance(slopes)).shape[1:])
    found.seen["input gradients, mean size"] = inner(luminance(slopes)).abs().mean(0).numpy()
    for name, jitter in {"wanted, fixed": 0, "wanted, jittered": JITTER}.items():
        wanted = visualise(score, (WANTED, *images.shape[1:]), jitter=jitter, steps=STEPS)
        found.measured[name] = patterns(wanted)
        found.seen[f"{name} ({size[0]}×{size[1]})"] = inner(luminance(wanted))[0].numpy()


@torch.no_grad()
def enlarging_layers(network: nn.Module) -> Iterator[Layer]:
    """Yield the layers of a network that enlarge images, with what each makes of a constant."""
    for name, layer in cast(Iterator[tuple[str, nn.Module]], network.named_modules()):
        scale = scale_of(layer)
        if not enlarges(layer) or len(scale) != PLANE:
            continue
        shape = (1, cast(int, layer.in_channels), SIDE, SIDE)
        like = next(layer.parameters())
        made = layer(torch.ones(shape, device=like.device, dtype=like.dtype))[0].cpu()
        kernel = "×".join(map(str, cast(Sequence[int], layer.kernel_size)))
        what = kind_of(layer)
        yield Layer(name, f"{what}, kernel {kernel}, scale {scale[0]}", deviation(made, scale[0]))


def plain(measured: Mapping[str, Mapping[int, Pattern]]) -> list[tuple[str, ...]]:
    """Return rows for a table: what was measured, and V, E and R of each period."""
    return [
        (name, str(period), *(f"{value:.3g}" for value in one))
        for name, found in measured.items()
        for period, one in found.items()
        if period in PERIODS
    ]
