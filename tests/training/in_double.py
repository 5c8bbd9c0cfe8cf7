"""Play games in double precision with all processes that a launcher started; not a test itself.

python -m torch.distributed.run … -m tests.training.in_double FOLDER GAME … writes what each process
ends with as FOLDER/RANK.pt.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ganvas.testing import final_state
from ganvas.training.launch import launch
from ganvas.training.settings import TrainSettings
from tests.games.cases import CASES

if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    ranks = launch(TrainSettings(rounds=1, batch=8, accelerator="cpu")).ranks
    ends = {name: final_state(CASES[name], ranks) for name in names}
    torch.save(ends, Path(folder) / f"{ranks.rank}.pt")
