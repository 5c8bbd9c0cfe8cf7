"""Parts of players whose weights rest throughout a run: ``train.freeze``.

Fine-tuning on few images keeps what the first layers of a discriminator know (FreezeD, Mo et al.
2020), or moves parts of a generator alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import cast

import torch
from torch import nn
from torch.nn.utils import parametrize

from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.errors import UsageError, did_you_mean
from ganvas.nn import held
from ganvas.play import Game, Noise, Player, has
from ganvas.play.abilities import CanSample, CanScore
from ganvas.training.settings import AllBut, Rest


def rest(game: Game, source: Source, freeze: Mapping[str, Rest]) -> dict[str, int]:
    """Let weights of players rest as settings say.

    Args:
        game: whose players they are.
        source: of the data, of which the order of layers is found.
        freeze: by player the number of its first layers, names of parts, or all but such.

    Returns:
        How many weights of each player rest.

    Raises:
        UsageError: there is no such player or part, or nothing would be left to train.
    """
    found: dict[str, int] = {}
    for name, told in freeze.items():
        if name not in game.players:
            raise UsageError(
                f"train.freeze names '{name}', which is no player of this game."
                f"{did_you_mean(name, game.players)} They are: {', '.join(game.players)}"
            )
        player, where = game.players[name], f"train.freeze.{name}"
        if "history" in player.terms:
            raise UsageError(
                f"{where} and game.historical_averaging do not go together: set one of both to "
                "nothing"
            )
        resting = _chosen(game, source, player, told, where)
        if len(resting) == len(_all(player)):
            raise UsageError(f"{where}={told} leaves nothing to train: leave it out")
        player.rest(resting)
        found[name] = sum(p.numel() for p in resting)
    return found


def at_rest(game: Game, source: Source, freeze: Mapping[str, Rest]) -> list[str]:
    """Let weights rest, and say of how many, one line for each player.

    Raises:
        UsageError: as of `rest`.
    """
    counts = rest(game, source, freeze)
    every = {name: sum(p.numel() for p in _all(game.players[name])) for name in counts}
    return [
        f"of the {name}'s {every[name]:,} weights {count:,} rest (train.freeze.{name})"
        for name, count in counts.items()
    ]


def _chosen(
    game: Game, source: Source, player: Player, told: Rest, where: str
) -> list[nn.Parameter]:
    """Return the parameters of a player that are to rest."""
    if isinstance(told, int):
        layers = in_order(game, source, player)
        if told >= len(layers):
            raise UsageError(
                f"{where}={told}: the player has {len(layers)} layers, so at most "
                f"{len(layers) - 1} of them can rest"
            )
        return [p for layer in layers[:told] for p in layer]
    names = told.all_but if isinstance(told, AllBut) else told
    named = _parts(player, names.split(","), where)
    if isinstance(told, AllBut):
        kept = {id(p) for p in named}
        return [p for p in _all(player) if id(p) not in kept]
    return named


def _parts(player: Player, names: Iterable[str], where: str) -> list[nn.Parameter]:
    """Return the parameters below modules that are called so."""
    there = {word: None for name, _ in _modules(player) for word in name.split(".") if word}
    for name in names:
        if name not in there:
            words = [word for word in there if not word.isdecimal()]
            raise UsageError(
                f"{where}: no part of this player is called '{name}'."
                f"{did_you_mean(name, words)} Parts are: {', '.join(words)}"
            )
    wanted = set(names)
    return list(
        {
            id(p): p
            for name, module in _modules(player)
            if name.rpartition(".")[2] in wanted
            for p in module.parameters()
        }.values()
    )


@torch.no_grad()
def in_order(game: Game, source: Source, player: Player) -> list[list[nn.Parameter]]:
    """Return the parameters of a player's layers in the order in which items or latents meet them.

    A layer is what has a weight of two dimensions or more. What else has parameters, such as a
    norm, goes with the layer before. The order is seen in one sample and one score.
    """
    called: dict[nn.Module, None] = {}

    def note(module: nn.Module, *_: object) -> None:
        called[module] = None

    with ExitStack() as stack:
        for _, module in _modules(player):
            if own := _own(module):
                weighs = any(p.dim() > 1 for p in own)
                hook = (
                    module.register_forward_pre_hook(note)
                    if weighs
                    else module.register_forward_hook(note)
                )
                stack.callback(hook.remove)
        _play(game, source)
    rest = [m for _, m in _modules(player) if _own(m) and m not in called]
    layers: list[list[nn.Parameter]] = []
    for module in [*called, *rest]:
        own = _own(module)
        if any(p.dim() > 1 for p in own) or not layers:
            layers.append([])
        layers[-1] += own
    return layers


def _play(game: Game, source: Source) -> None:
    """Ask a game for a sample and a score, and leave it as it was."""
    device = next((p.device for p in game.parameters()), torch.device("cpu"))
    real = Feed(source, batch=2, seed=0, device=device, streams=game.streams()).next()
    y = game.conditions.of(real)
    training = game.training
    with held(game.eval()):
        if has(game, CanSample):
            game.sample(game.prior(len(real), Noise(0, device)), y)
        if has(game, CanScore) and "score" not in game.reads:
            game.score(real.x, y)
    game.train(training)


def _all(player: Player) -> list[nn.Parameter]:
    """Return all parameters of a player, each once."""
    return list({id(p): p for net in player.networks for p in net.parameters()}.values())


def _modules(player: Player) -> Iterator[tuple[str, nn.Module]]:
    for network in player.networks:
        modules = cast(Iterator[tuple[str, nn.Module]], network.named_modules())
        yield from ((name, m) for name, m in modules if "parametrizations" not in name.split("."))


def _own(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a module that belong to none of its parts, behind its norms too."""
    own = list(module.parameters(recurse=False))
    if parametrize.is_parametrized(module):
        behind = cast(nn.ModuleDict, module.parametrizations)
        own += list(behind.parameters())
    return own
