"""ganvas from Python: train, resume, evaluate, load. The command line calls the same functions."""

from ganvas.api.battling import Battle, battle
from ganvas.api.branching import branch
from ganvas.api.comparing import Comparison, compare
from ganvas.api.distances import Estimate, distance
from ganvas.api.importing import import_model
from ganvas.api.measuring import diagnose, drawn, evaluate, faults, measure
from ganvas.api.running import Ending, resume, train
from ganvas.model import load

__all__ = [
    "Battle",
    "Comparison",
    "Ending",
    "Estimate",
    "battle",
    "branch",
    "compare",
    "diagnose",
    "distance",
    "drawn",
    "evaluate",
    "faults",
    "import_model",
    "load",
    "measure",
    "resume",
    "train",
]
