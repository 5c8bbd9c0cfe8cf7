"""Devices and processes, through Lightning Fabric."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import torch

from ganvas.errors import UsageError
from ganvas.play import Ranks
from ganvas.process import cores, keep_memory
from ganvas.training.settings import TrainSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def launch(settings: TrainSettings) -> Fabric:
    """Start (or join) the processes that train together and return their Fabric.

    With several devices, every process but the first is a copy of the same command.
    """
    from lightning_fabric import Fabric

    warnings.filterwarnings("ignore", message=".*isolated from the rest.*")
    world = os.environ.get("WORLD_SIZE")
    devices = settings.devices
    if world and "TORCHELASTIC_RUN_ID" in os.environ:
        devices = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    several = devices != 1 or settings.nodes > 1
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=devices,
            num_nodes=settings.nodes,
            strategy="ddp" if several else "auto",
        )
    except Exception as error:
        raise UsageError(
            f"train.accelerator={settings.accelerator} with train.devices={settings.devices} is "
            f"not to be had here: {error}"
        ) from error
    fabric.launch()
    if settings.batch % fabric.world_size:
        raise UsageError(
            f"train.batch={settings.batch} does not divide over {fabric.world_size} processes; "
            f"try train.batch={settings.batch // fabric.world_size * fabric.world_size}"
        )
    keep_memory()
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    elif fabric.device.type == "cpu":
        share = max(1, cores() // fabric.world_size)
        torch.set_num_threads(min(share, torch.get_num_threads()))
    return fabric


def ranks_of(fabric: Fabric) -> Ranks:
    """Return this process's place."""
    return Ranks(fabric.global_rank, fabric.world_size)
