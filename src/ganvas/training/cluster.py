"""What the launchers of clusters tell the processes that they start. Needs no torch.

torchrun, and whatever else sets its variables, says RANK, WORLD_SIZE, LOCAL_WORLD_SIZE and so on;
SLURM has names of its own. Both say how often they started a job before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ganvas.errors import UsageError
from ganvas.process import began

SLURM = "SLURM"
INTERACTIVE = ("bash", "interactive")
"""Names of SLURM jobs in which somebody works by hand, as Lightning Fabric sees it."""


@dataclass(frozen=True)
class Member:
    """The place of a process among those that a launcher started together.

    Attributes:
        launcher: its name, for people.
        rank: of this process.
        world: how many processes there are.
        local: how many of them are on each node.
    """

    launcher: str
    rank: int
    world: int
    local: int

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.world // self.local


def member(environment: Mapping[str, str] = os.environ, nodes: int = 1) -> Member | None:
    """Return this process's place; None where no launcher says it, and ganvas starts the others.

    Args:
        environment: the variables.
        nodes: how many nodes there are, where the launcher says nothing of it.

    Raises:
        UsageError: the nodes do not have equally many processes, or a number is none.
    """
    try:
        found = _torchrun(environment, nodes) or _slurm(environment)
    except (KeyError, ValueError) as error:
        raise UsageError(f"the variables of the launcher are incomplete: {error}") from error
    if found is not None and (found.local < 1 or found.world % found.local):
        raise UsageError(
            f"{found.launcher} started {found.world} processes, {found.local} of them on this "
            "node: every node must have equally many"
        )
    return found


def _torchrun(told: Mapping[str, str], nodes: int) -> Member | None:
    if "RANK" not in told or "WORLD_SIZE" not in told:
        return None
    launcher = "torchrun" if "TORCHELASTIC_RUN_ID" in told else "WORLD_SIZE"
    world = int(told["WORLD_SIZE"])
    local = int(told.get("LOCAL_WORLD_SIZE", world // nodes))
    return Member(launcher, int(told["RANK"]), world, local)


def _slurm(told: Mapping[str, str]) -> Member | None:
    world = int(told.get("SLURM_NTASKS", "1"))
    if world == 1 or told.get("SLURM_JOB_NAME") in INTERACTIVE:
        return None
    local = told.get("SLURM_NTASKS_PER_NODE") or world // int(told["SLURM_NNODES"])
    return Member(SLURM, int(told["SLURM_PROCID"]), world, int(local))


@dataclass(frozen=True)
class LaunchedJob:
    """What a launcher was asked to do, once or, after a failure, again.

    Attributes:
        name: tells it from all other jobs, and stays when it is started again.
        attempt: how often it was started before.
    """

    name: str
    attempt: int


def job(environment: Mapping[str, str] = os.environ) -> LaunchedJob | None:
    """Return the job that this process is a part of; None where no launcher counts."""
    names = ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT")
    attempt = sum(int(environment.get(name, "0")) for name in names)
    run = environment.get("TORCHELASTIC_RUN_ID")
    if "SLURM_JOB_ID" in environment:
        return LaunchedJob(f"SLURM {environment['SLURM_JOB_ID']}", attempt)
    if run is None:
        return None
    if run != "none":  # torchrun --rdzv-id
        return LaunchedJob(f"torchrun {run}", attempt)
    agent = os.getppid()  # torchrun's own process on the first node, which outlives restarts
    return LaunchedJob(f"torchrun, process {agent} since {began(agent)}", attempt)
