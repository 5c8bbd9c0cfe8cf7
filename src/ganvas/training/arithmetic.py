"""What ``auto`` means for a training, settled once: before its first round, and never anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from ganvas.nn import Arithmetic, choose
from ganvas.nn.arithmetic import planar
from ganvas.processor import Processor
from ganvas.training.settings import TrainSettings

UNCHOSEN = {"precision": "fp32", "channels_last": False}
"""What settings were before there was a choice."""
KEYS = tuple(UNCHOSEN)


class Settled(NamedTuple):
    """Settings without ``auto``, and what people are told of them, a line each."""

    settings: TrainSettings
    notes: list[str]


def settle(
    settings: TrainSettings, networks: Sequence[nn.Module], here: Processor, goes_on: bool
) -> Settled:
    """Return the settings with precision and layout chosen where they are ``auto``.

    In a run that is resumed nothing is chosen: one that does not have them is of a time when all
    were in single precision, channel by channel.

    Args:
        settings: of the training.
        networks: what is called as a whole in its game.
        here: where they compute.
        goes_on: whether this is a run that is resumed.
    """
    if goes_on:
        kept = {key: value for key, value in UNCHOSEN.items() if getattr(settings, key) == "auto"}
        settings = settings.model_copy(update=kept)
    asked = [key for key in KEYS if getattr(settings, key) == "auto"]
    how = choose(networks, here, settings.precision, settings.channels_last)
    slow = how.precision == "bf16" and not here.bfloat16
    price = "does not multiply bfloat16 in hardware: rounds take several times as long"
    notes: list[str] = []
    if asked and any(planar(network) for network in networks):  # else nothing is to be gained
        notes.append(f"{_said(how, asked)}, chosen for {here.kind}: {how.why}")
    elif not asked and settings.chosen_for not in (None, here.kind):
        told = f"{_said(how, KEYS)} were chosen for {settings.chosen_for}, and this is {here.kind}"
        anew = " ".join(f"train.{key}=auto" for key in KEYS)
        which = f", which {price}" if slow else ": sums differ in their last bits"
        notes.append(f"{told}{which}; {'the run keeps them' if goes_on else f'{anew} choose anew'}")
    if slow and "precision" not in asked and (asked or not notes):
        notes.append(f"train.precision=bf16: {here.kind} {price}")
    changes = {key: getattr(how, key) for key in KEYS}
    changes["chosen_for"] = here.kind if asked else settings.chosen_for
    return Settled(settings.model_copy(update=changes), notes)


def arithmetic_of(settings: TrainSettings) -> Arithmetic:
    """Return how networks compute in a training; an ``auto`` that nobody settled is plain."""
    rounds = settings.precision == "bf16"
    return Arithmetic("bf16" if rounds else "fp32", settings.channels_last is True)


def _said(how: Arithmetic, keys: Sequence[str]) -> str:
    return " and ".join(f"train.{key}={str(getattr(how, key)).lower()}" for key in keys)
