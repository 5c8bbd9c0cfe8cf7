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
PORTS = 65535
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
        UsageError: the nodes do not have equally many processes, a number is none, or is of no
            process that there is.
    """
    try:
        found = _torchrun(environment, nodes) or _slurm(environment)
    except KeyError as error:
        raise UsageError(f"the variables of the launcher are incomplete: {error}") from error
    if found is not None and (found.local < 1 or found.world % found.local):
        raise UsageError(
            f"{found.launcher} started {found.world} processes, {found.local} of them on this "
            "node: every node must have equally many"
        )
    if found is not None and not 0 <= found.rank < found.world:
        raise UsageError(
            f"{found.launcher} started {found.world} processes, and this one is number "
            f"{found.rank}: they count from 0 to {found.world - 1}"
        )
    together = found.world > 1 if found is not None else nodes > 1
    if together and not 0 <= _number(environment, "MASTER_PORT", 0) <= PORTS:
        raise UsageError(
            f"MASTER_PORT={environment['MASTER_PORT']}: a port is a number of at most {PORTS}"
        )
    if found is None and not 0 <= _number(environment, "NODE_RANK", 0) < nodes:
        raise UsageError(
            f"NODE_RANK={environment['NODE_RANK']} with train.nodes={nodes}: nodes count from 0 to "
            f"{nodes - 1}"
        )
    return found


def _number(told: Mapping[str, str], name: str, otherwise: int | None = None) -> int:
    text = told[name] if otherwise is None else told.get(name, str(otherwise))
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name}={text}: expected a whole number") from None


def _torchrun(told: Mapping[str, str], nodes: int) -> Member | None:
    if "RANK" not in told or "WORLD_SIZE" not in told:
        return None
    launcher = "torchrun" if "TORCHELASTIC_RUN_ID" in told else "WORLD_SIZE"
    world = _number(told, "WORLD_SIZE")
    local = _number(told, "LOCAL_WORLD_SIZE", world // nodes)
    return Member(launcher, _number(told, "RANK"), world, local)


def _slurm(told: Mapping[str, str]) -> Member | None:
    world = _number(told, "SLURM_NTASKS", 1)
    if world == 1 or told.get("SLURM_JOB_NAME") in INTERACTIVE:
        return None
    each = told.get("SLURM_NTASKS_PER_NODE")
    local = (
        _number(told, "SLURM_NTASKS_PER_NODE") if each else world // _number(told, "SLURM_NNODES")
    )
    return Member(SLURM, _number(told, "SLURM_PROCID"), world, local)


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
    attempt = sum(_number(environment, name, 0) for name in names)
    run = environment.get("TORCHELASTIC_RUN_ID")
    if "SLURM_JOB_ID" in environment:
        return LaunchedJob(f"SLURM {environment['SLURM_JOB_ID']}", attempt)
    if run is None:
        return None
    if run != "none":  # torchrun --rdzv-id
        return LaunchedJob(f"torchrun {run}", attempt)
    agent = os.getppid()  # torchrun's own process on the first node, which outlives restarts
    return LaunchedJob(f"torchrun, process {agent} since {began(agent)}", attempt)
