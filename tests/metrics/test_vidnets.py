"""Networks that come with the library know the sets they are for as well as is asked of them."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ganvas.data.procedural.bouncing_digits import BouncingDigits
from ganvas.data.standard import VIDEO, data_root
from ganvas.metrics.classifiers import weight_metadata
from ganvas.metrics.clips import in_units
from ganvas.metrics.motion import foreground, track
from ganvas.metrics.vidnet import VidNet
from ganvas.metrics.vidnets import SETS, knowing, path_of

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_vidnets.py"
COUNT = 64


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    """Return what trained them, as a module."""
    if not SCRIPT.is_file():
        pytest.skip("the script is not part of this installation")
    spec = importlib.util.spec_from_file_location("train_vidnets", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


SHIPPED = sorted(name for name in SETS if path_of(name).is_file())
WITHHELD = dict[str, set[str]]()
"""What so short a training does not tell often enough: of those that are shipped nothing."""


@pytest.mark.parametrize("name", SHIPPED)
def test_factors_are_told_as_often_as_is_asked_or_withheld(name: str) -> None:
    about = json.loads(weight_metadata(path_of(name))["vidnet"])
    assert about["accuracies"].keys() == SETS[name].required.keys()
    poor = {f for f, least in SETS[name].required.items() if about["accuracies"][f] < least}
    assert poor == WITHHELD.get(name, set())
    found = knowing(name, about["channels"])
    assert found is not None
    assert set(found.withheld) == poor


def test_they_are_small() -> None:
    assert sum(path_of(name).stat().st_size for name in SHIPPED) < 4e6
    for name in SHIPPED:
        wide = [v for v in load_file(path_of(name)).values() if v.ndim > 1]
        assert {v.dtype for v in wide} == {torch.float16}


@pytest.mark.parametrize("name", SHIPPED)
def test_they_tell_clips_that_they_have_not_seen(name: str, script: Any) -> None:
    """Of other numbers, as often as is required, within what so few clips allow."""
    if name in VIDEO and not (data_root() / name).is_dir():
        pytest.skip(f"needs make data SETS={name}")
    clips, told = script.drawn(name, SETS[name], COUNT, "test")
    net = knowing(name, clips.shape[-1])
    assert net is not None
    found = net.look(in_units(clips)).told
    for factor in SETS[name].required.keys() - net.withheld.keys():
        required = SETS[name].required[factor]
        right = float((found[factor].argmax(1) == told[factor]).double().mean())
        assert right > required - 3 * (required * (1 - required) / COUNT) ** 0.5, factor


def test_without_weights_around_frames_are_seen_alone(script: Any) -> None:
    """Then all that is known of a frame is known of a clip, and a clip at rest is a frame."""
    torch.manual_seed(0)
    net = VidNet(3, {"what": 4}).eval()
    frame = torch.rand(2, 3, 1, 32, 32)
    assert not torch.allclose(net(frame)["what"], net(frame.expand(-1, -1, 16, -1, -1))["what"])
    script.looking_around(net, 0)
    alone, at_rest = net(frame)["what"], net(frame.expand(-1, -1, 16, -1, -1))["what"]
    torch.testing.assert_close(alone, at_rest, atol=1e-5, rtol=1e-5)


def test_differences_of_frames_see_nothing_in_what_rests(script: Any) -> None:
    torch.manual_seed(0)
    net = VidNet(3, {"what": 4})
    script.seeing_changes(net)
    rest = torch.rand(2, 3, 1, 32, 32).expand(-1, -1, 8, -1, -1)
    with torch.no_grad():
        seen = net.body[0](rest)[:, :, 1:-1]  # before the first frame and after the last is black
    changes, others = seen.chunk(2, dim=1)
    assert changes.abs().max() < 1e-5 < others.abs().max()


def test_bent_digits_go_where_the_others_go(script: Any) -> None:
    """Each clip has a digit of its own then; where it is, and what it is, stays."""
    known = SETS["bouncing_digits"]
    plain, told = script.drawn("bouncing_digits", known, 6, "train")
    bent, same = script.drawn("bouncing_digits", known, 6, "train", bent=True)
    assert all(torch.equal(told[name], same[name]) for name in told)
    assert not (plain == bent).all(axis=(1, 2, 3, 4)).any()
    one, other = (track(foreground(in_units(clips))).speeds for clips in (plain, bent))
    torch.testing.assert_close(one, other, atol=0.02, rtol=0)
    clips = BouncingDigits.draw(40, BouncingDigits.Variant(), 2, 32)
    before = clips.images[clips.factors["digit"][:, 0]]
    script.bend(clips)
    after = clips.images[clips.factors["digit"][:, 0]]
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(before, after, strict=True)]
    assert np.mean(alike) > 0.8
