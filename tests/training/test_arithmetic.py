"""How ``auto`` is settled, and what is said of it."""

from __future__ import annotations

from torch import nn

from ganvas.processor import Processor
from ganvas.training.arithmetic import settle
from ganvas.training.settings import TrainSettings

AMX, AVX2 = Processor("AMX", True), Processor("AVX2", False)
NETWORKS = [nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.Conv2d(32, 64, 4, 2, 1))]


def chosen(settings: TrainSettings) -> tuple[object, ...]:
    return settings.precision, settings.channels_last, settings.chosen_for


def test_auto_is_settled_once_and_not_anew() -> None:
    settings, notes = settle(TrainSettings(rounds=1), NETWORKS, AMX, False)
    assert chosen(settings) == ("bf16", True, "AMX")
    (note,) = notes
    assert note.startswith("train.precision=bf16 and train.channels_last=true, chosen for AMX: ")
    assert settle(settings, NETWORKS, AMX, True) == (settings, [])
    again, notes = settle(settings, NETWORKS, AVX2, True)
    assert again == settings
    (note,) = notes
    assert "were chosen for AMX, and this is AVX2, which does not multiply" in note
    assert note.endswith("the run keeps them")


def test_a_repeated_run_says_how_to_choose_anew() -> None:
    settings, _ = settle(TrainSettings(rounds=1), NETWORKS, AVX2, False)
    assert chosen(settings) == ("fp32", True, "AVX2")
    again, (note,) = settle(settings, NETWORKS, AMX, False)
    assert chosen(again) == ("fp32", True, "AVX2")
    assert note.endswith("train.precision=auto train.channels_last=auto choose anew")
    fresh = TrainSettings(rounds=1, precision="auto", channels_last=True, chosen_for="AVX2")
    settings, (note,) = settle(fresh, NETWORKS, AMX, False)
    assert chosen(settings) == ("bf16", True, "AMX")
    assert note.startswith("train.precision=bf16, chosen for AMX: ")


def test_where_there_is_nothing_to_choose_nothing_is_said() -> None:
    points = [nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 1))]
    settings, notes = settle(TrainSettings(rounds=1), points, AMX, False)
    assert chosen(settings) == ("fp32", False, "AMX")
    assert not notes


def test_a_run_from_before_there_was_a_choice_goes_on_as_it_was() -> None:
    old = TrainSettings(rounds=1)
    for kind in (AMX, AVX2):
        settings, notes = settle(old, NETWORKS, kind, True)
        assert chosen(settings) == ("fp32", False, None)
        assert not notes


def test_what_is_told_is_kept_and_its_price_named() -> None:
    told = TrainSettings(rounds=1, precision="bf16", channels_last=False)
    assert settle(told, NETWORKS, AMX, False) == (told, [])
    settings, (note,) = settle(told, NETWORKS, AVX2, False)
    assert chosen(settings) == ("bf16", False, None)
    assert note.startswith("train.precision=bf16: AVX2 does not multiply")
    both = TrainSettings(rounds=1, precision="bf16")
    _, (layout, price) = settle(both, NETWORKS, AVX2, False)
    assert layout.startswith("train.channels_last=true, chosen for AVX2")
    assert "several times as long" in price
