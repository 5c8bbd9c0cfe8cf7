"""The contract between a game and the loop: players, turns, noise, lookahead."""

from ganvas.play.abilities import has
from ganvas.play.frozen import digests, expect
from ganvas.play.game import Fit, Game, Sampling, Stage, build, networks_of
from ganvas.play.lookahead import Lookahead
from ganvas.play.noise import Noise, global_seed, seeded
from ganvas.play.optim import SGD, Adam, OptimiserConfig, RMSProp, RowAdam
from ganvas.play.player import Player
from ganvas.play.ranks import Ranks
from ganvas.play.turn import Loss, Seat, Turn, Turns

__all__ = [
    "SGD",
    "Adam",
    "Fit",
    "Game",
    "Lookahead",
    "Loss",
    "Noise",
    "OptimiserConfig",
    "Player",
    "RMSProp",
    "Ranks",
    "RowAdam",
    "Sampling",
    "Seat",
    "Stage",
    "Turn",
    "Turns",
    "build",
    "digests",
    "expect",
    "global_seed",
    "has",
    "networks_of",
    "seeded",
]
