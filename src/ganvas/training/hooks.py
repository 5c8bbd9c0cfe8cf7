"""What a run shows, watches and leaves behind besides its checkpoints, put together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from rich.console import Console
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.choice import places
from ganvas.data.domain import Domain
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.diagnosis.following import conditions_like
from ganvas.diagnosis.watch import Watch
from ganvas.files import write_whole
from ganvas.model import Provenance, save_model
from ganvas.networks.conditions import Given, at
from ganvas.play import Game, Noise, has
from ganvas.play.abilities import CanSample, CanSampleParts
from ganvas.play.shipped import Shipped
from ganvas.training.beside import Hooks, Save
from ganvas.training.board import Board
from ganvas.training.console import Progress
from ganvas.training.folder import CONFIG, RunFolder
from ganvas.training.settings import TrainSettings

PICTURE_SEED = 424_243
"""Run s shows the samples of latents of this seed + s, the same in every picture."""


def make_hooks(
    folder: RunFolder,
    game: Game,
    source: Source,
    settings: TrainSettings,
    seed: int = 0,
    resumed_at: int | None = None,
    console: Console | None = None,
    quiet: bool = False,
    shipped: Shipped | None = None,
) -> Hooks:
    """Return everything that a run does beside training, for the loop.

    Args:
        folder: of the run; its ``config.yaml`` names the recipe.
        game: what is trained.
        source: what it is trained on.
        settings: how long, and whether TensorBoard is wanted.
        seed: of the run.
        resumed_at: the round from which a resumed run goes on; None for a new one.
        console: where progress is shown.
        quiet: show no progress.
        shipped: what the packaged recipes say, on which remedies depend.
    """
    config = config_of(folder, game, settings)
    hooks = Hooks(save_model=_saver(source, config))
    if not quiet:
        history = () if resumed_at is None else folder.rows()
        hooks.show.append(Progress(settings, game.stages(), history, console).show)
    board = Board(folder.path, resumed_at) if settings.tensorboard else None
    if board is not None:
        hooks.show.append(board.show)
    if has(game, CanSample):
        hooks.watch = Watch(source, seed, folder.rows, config, shipped)
        if game.spec.domain.drawn:
            hooks.picture = Pictures(seed, board, source)
    return hooks


class Pictures:
    """Writes pictures of samples at fixed latents.

    Points are drawn as a scatter plot, images as a grid; of a conditional game each row is a class,
    and a column has the same latent.
    """

    def __init__(self, seed: int, board: Board | None = None, source: Source | None = None) -> None:
        self._seed, self._board, self._source = seed, board, source

    def __call__(self, game: Game, path: Path) -> None:
        """Write the previews of a game in evaluation mode beside ``path``, whose stem is the round.

        Each part of the samples is a file of its own; suffixes are those of the kinds of data.
        """
        domains: dict[str, Domain] = {game.spec.main: game.spec.domain}
        if has(game, CanSampleParts):
            domains |= game.parts
        for name, x in self.answers(game).items():
            if domains[name].drawn:
                preview = domains[name].preview(domains[name].decode(x))
                part = "" if name == game.spec.main else f"-{name}"
                own = path.with_name(f"{path.stem}{part}{preview.suffix}")
                write_whole(own, preview.content, deep=False)
                if self._board is not None and not part and preview.suffix == ".png":
                    self._board.picture(own, int(path.stem))

    def samples(self, game: Game) -> Tensor:
        """Return the samples (N, *shape) of a picture, row by row, in network units."""
        return self.answers(game)[game.spec.main]

    @torch.no_grad()
    def answers(self, game: Game) -> dict[str, Tensor]:
        """Return the samples of a picture with all their parts, by field."""
        if derived := [name for name in game.conditions if name in game.spec.derived]:
            return {game.spec.main: self._beside(game, derived[0])}
        z, y = self._asked(game)
        if has(game, CanSampleParts):
            return game.sample_parts(z, y).fields
        assert has(game, CanSample)
        return {game.spec.main: game.sample(z, y)}

    def _beside(self, game: Game, name: str) -> Tensor:
        """Return samples of some items' conditions: each row a derived field, and what is made."""
        device = next((p.device for p in game.parameters()), torch.device("cpu"))
        noise = Noise(PICTURE_SEED + self._seed, device)
        assert has(game, CanSample)
        rows, columns = game.spec.domain.sheet(0)
        told = self._known(game, rows)
        shown = shown_beside(game.spec, name, told[name]).to(device)
        again = told.rows(torch.arange(rows).repeat_interleave(columns - 1))
        y = at(game.conditions.of(again), slice(None), device)
        made = game.sample(game.prior(rows * (columns - 1), noise), y)
        return torch.cat([shown[:, None], made.unflatten(0, (rows, -1))], 1).flatten(0, 1)

    def _asked(self, game: Game) -> tuple[Tensor, Given]:
        """Return the latents and conditions of a picture, row by row."""
        device = next((p.device for p in game.parameters()), torch.device("cpu"))
        noise = Noise(PICTURE_SEED + self._seed, device)
        assert has(game, CanSample)
        classes = game.conditions.classes
        rows, columns = game.spec.domain.sheet(classes)
        if game.conditions and not classes:
            n = max(rows, 1) * columns
            y = game.conditions.of(self._known(game, n))
            return game.prior(n, noise), at(y, slice(n), device)
        if not rows:
            z = game.prior(columns, noise)
            return z, noise.integers(columns, classes) if classes else None
        if not classes:
            return game.prior(rows * columns, noise), None
        z = game.prior(columns, noise)
        z = z.expand(rows, *z.shape).flatten(0, 1)
        return z, torch.arange(rows, device=device).repeat_interleave(columns)

    def _known(self, game: Game, n: int) -> Batch:
        """Return the conditions of n records of the data, the same in every picture."""
        assert self._source is not None, "conditions that are no class come from data"
        items = self._source.items(self._source.splits[-1])
        chosen = items.rows(places(len(items), n))
        return conditions_like(game.conditions, self._source, chosen, n)


def shown_beside(spec: DataSpec, name: str, field: Tensor) -> Tensor:
    """Return a derived field as items of the main one, which people see, in network units."""
    shown = spec.derived[name].shown(spec.fields[name].decode(field), spec.domain)
    return spec.domain.encode(shown)


def config_of(folder: RunFolder, game: Game, settings: TrainSettings) -> dict[str, Any]:
    """Return the run's recipe as a tree of plain values, with the settings that are in force."""
    path = folder.path / CONFIG
    told = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return {
        **(cast(dict[str, Any], told) if isinstance(told, dict) else {}),
        "game": {"system": game.system, **game.config.model_dump(mode="json")},
        "train": settings.model_dump(mode="json"),
    }


def _saver(source: Source, config: Mapping[str, Any]) -> Save:
    """Return what writes the model, with a card that says where it comes from."""
    data: Mapping[str, Any] = config.get("data") or {}

    def save(game: Game, path: Path, rounds: int, kimg: float) -> None:
        save_model(
            path,
            game,
            Provenance(
                recipe=str(config.get("name") or ""),
                about=str(config.get("about") or ""),
                data=str(data.get("source") or source.spec.name),
                rounds=rounds,
                kimg=kimg,
            ),
        )

    return save
