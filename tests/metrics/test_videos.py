"""Scores of clips: what extractors see, what real clips reach, and networks that are withheld."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from ganvas.data.open import open_data
from ganvas.data.procedural.shapes import Shapes, Variant
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.metrics import clips as clips_module
from ganvas.metrics import vidnets
from ganvas.metrics.clips import (
    Components,
    Knowing,
    RandomClips,
    calibrate,
    differences,
    extract,
    gathered,
    in_units,
)
from ganvas.metrics.of import measures_of
from ganvas.metrics.of.videos import ClipProbe, VideoMeasures
from ganvas.metrics.scripted import ScriptedClips
from ganvas.metrics.unmeasurable import UnmeasurableError
from ganvas.metrics.videos import Factors, VideoEvaluation
from ganvas.metrics.vidnet import VidNet

Array = NDArray[np.uint8]
N, FRAMES, EDGE = 160, 8, 16


@cache
def real(split: str = "train", n: int = N) -> Array:
    return Shapes.draw(n, Variant(directions=4), FRAMES, EDGE, split).clips()


def noisy(clips: Array, deviation: float) -> Array:
    noise = np.random.default_rng(0).normal(0, 255 * deviation, clips.shape)
    return np.clip(clips + noise, 0, 255).astype(np.uint8)


def knowing(**heads: int) -> Knowing:
    torch.manual_seed(0)
    return Knowing(VidNet(3, heads), "none")


def test_random_networks_are_always_the_same() -> None:
    one, again = (RandomClips("random3d", real()) for _ in range(2))
    other = RandomClips("random3d", real("test"))
    assert one.weights == again.weights != other.weights
    look = extract(one, real()[:20], batch=7)
    torch.testing.assert_close(look.features, extract(again, real()[:20]).features)
    assert look.features.shape == (20, 128)


def test_large_clips_are_looked_at_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many numbers as are held, whatever clips' size; calibration scales them part by part."""
    held = 3 * FRAMES * EDGE * EDGE * 3
    monkeypatch.setattr("ganvas.slices.HELD", held)
    taken: list[int] = []

    def counted(clips: Array, device: str | torch.device = "cpu") -> torch.Tensor:
        taken.append(len(clips))
        return in_units(clips, device)

    monkeypatch.setattr(clips_module, "in_units", counted)
    extractor = RandomClips("random3d", real())
    assert taken == [3] * 53 + [1]
    taken.clear()
    features = extract(extractor, real()[:20]).features
    assert taken == [3] * 6 + [2]
    monkeypatch.setattr("ganvas.slices.HELD", held // 4)
    torch.testing.assert_close(extract(extractor, real()[:2]).features, features[:2])
    assert taken[7:] == [1, 1]


def test_norms_are_calibrated_part_by_part_as_by_all_clips_at_once() -> None:
    torch.manual_seed(0)
    parts, one = VidNet(3, {}, width=4), VidNet(3, {}, width=4)
    one.load_state_dict(parts.state_dict())
    for layer in one.modules():
        if isinstance(layer, torch.nn.BatchNorm3d):
            layer.momentum = None
    clips = torch.rand(10, 3, 16, 32, 32) ** 3
    one.train().body(clips)
    calibrate(parts.eval().body, list(clips.split(4)))
    for name, value in parts.named_buffers():
        if name.endswith(("mean", "var")):
            torch.testing.assert_close(value, one.get_buffer(name), atol=2e-5, rtol=1e-3)
    torch.testing.assert_close(parts.body(clips), one.eval().body(clips), atol=1e-4, rtol=1e-4)


def test_what_is_told_part_by_part_stands_in_one_tensor() -> None:
    whole = {"features": torch.randn(7, 3), "hue": torch.randn(7, 2, 2)}
    split = {name: rows.split(3) for name, rows in whole.items()}
    found = gathered(7, ({name: rows[k] for name, rows in split.items()} for k in range(3)))
    assert found.keys() == whole.keys()
    assert all(torch.equal(found[name], rows) for name, rows in whole.items())


def test_differences_know_motion_alone() -> None:
    """Nothing of a still background; of clips that stand still all are alike."""
    clips = real()[:12] // 2
    dynamics = RandomClips("dynamics", real())
    before = extract(dynamics, clips).features
    torch.testing.assert_close(extract(dynamics, clips + 60).features, before, atol=1e-4, rtol=1e-3)
    still = clips.repeat(1, 0).copy()
    still[:] = clips[:, FRAMES // 2, None]
    frozen = extract(dynamics, still).features
    assert (frozen - frozen[:1]).abs().max() < 1e-5
    assert differences(torch.ones(2, 3, 1, 4, 4)).unique().tolist() == [0.5]


def test_components_are_the_datas_own() -> None:
    found = extract(Components(real()), real()).features
    assert found.shape == (N, 64)
    centred = found - found.mean(0)
    covariance = centred.T @ centred
    off = covariance - covariance.diag().diag()
    assert off.abs().max() < 1e-3 * covariance.diag().max()


DRAWN = ("turn_ratio", "coverage_ratio[random3d]", "kid[random3d]")
"""Those whose floor is known, or that are drawn of subsets."""


@cache
def seen() -> RandomClips:
    return RandomClips("random3d", real())


def evaluation(samples: Array, **options: Any) -> VideoEvaluation:
    return VideoEvaluation(samples, real(), [seen()], held_out=real("test"), **options)


def test_real_clips_score_their_own_floor() -> None:
    scores = evaluation(real()).measures()
    for name, score in scores.items():
        if score.floor is not None and name not in DRAWN:
            assert score.value == pytest.approx(score.floor, rel=1e-6, abs=1e-9), name
    assert {"frechet[random3d]", "kid[random3d]", "acd_colour", "flicker"} <= scores.keys()
    told = dict(scores["frechet[random3d]"].protocol.settings)
    assert (told["frames"], told["quantisation"]) == ("8", "8 bit")


def test_every_score_is_defined() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    if not page.is_file():
        pytest.skip("the documentation is not part of this installation")
    net, factors = knowing(hue=3, label=4), Factors(["hue"], ["label"])
    its = VideoEvaluation(
        real()[:20], real()[:40], [net], held_out=real("test")[:40], factors=factors
    )
    scores = its.measures(torch.zeros(20, dtype=torch.long))
    names = {name.partition("[")[0] for name in (*scores, *scores.left_out)}
    text = page.read_text("utf-8").split("## Videos")[1]
    assert not [name for name in names if f"`{name}`" not in text]


def test_noise_is_further_the_more_there_is() -> None:
    found = [
        next(evaluation(noisy(real(), deviation)).frechet(0)).value
        for deviation in (0.0, 0.05, 0.1, 0.2)
    ]
    assert found == sorted(found)
    assert found[-1] > 4 * found[0]


def test_scores_do_not_depend_on_how_clips_go_through() -> None:
    few, many = (evaluation(real()[:150], batch=n).measures() for n in (11, 150))
    for name, score in few.items():
        assert score.value == pytest.approx(many[name].value, rel=1e-4, abs=1e-6), name


def test_measuring_draws_nothing_from_the_common_source_of_chance() -> None:
    state = torch.get_rng_state()
    evaluation(real()[:150]).measures()
    RandomClips("dynamics", real()[:20])
    assert torch.equal(torch.get_rng_state(), state)
    net = VidNet(3, {"hue": 3}).train()
    Knowing(net, "none")
    assert not net.training


def test_mixed_frames_are_the_ceiling_of_content() -> None:
    scores = evaluation(real()).measures()
    told = dict(scores["acd_colour"].protocol.settings)
    assert float(told["ceiling"]) > 5 * scores["acd_colour"].value


def test_what_a_classifier_says_of_both_sides() -> None:
    net, factors = knowing(hue=3, label=4), Factors(["hue"], ["label"])
    found = VideoEvaluation(real(), real(), [net], held_out=real("test"), factors=factors)
    labels = found.fake[0].told["label"].argmax(1)
    scores = found.measures(labels)
    assert scores["mcs[vidnet]"].value == 1
    assert 1 <= scores["is_joint[vidnet]"].value <= 12
    assert scores["cells_kl[vidnet]"].value == pytest.approx(0, abs=0.3)
    other = VideoEvaluation(real(), real(), [net], held_out=real("test"), factors=factors)
    assert other.measures((labels + 1) % 4)["mcs[vidnet]"].value == 0


def test_too_few_clips_say_why() -> None:
    scores = evaluation(real()[:40]).measures()
    assert "needs more than 128 clips" in scores.left_out["frechet[random3d]"]
    assert "kid[random3d]" in scores


def test_floats_and_other_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="must be uint8"):
        evaluation(real().astype(np.float32))
    with pytest.raises(UsageError, match="must be equal to be compared"):
        evaluation(real()[:, :4])


# ---- networks that know a set -------------------------------------------------------------------


def written(folder: Path, accuracies: dict[str, float], channels: int = 3) -> Path:
    heads = {"shape": 2, "hue": 6, "label": 4}
    about = {"channels": channels, "heads": heads, "accuracies": accuracies}
    path = folder / "vidnet.safetensors"
    state = {k: v.contiguous() for k, v in VidNet(channels, heads).state_dict().items()}
    save_file(state, path, metadata={"vidnet": json.dumps(about)})
    return path


GOOD = {"shape": 1.0, "hue": 0.99, "label": 0.995}


def test_a_network_that_knows_too_little_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_data(
        DataSettings(source="shapes", frames=8, size=8, variant={"clips": 150, "held_out": 150})
    )
    good = written(tmp_path, GOOD)
    monkeypatch.setattr(vidnets, "path_of", lambda name: good)
    assert measures_of(source).extractor.name == "vidnet"
    part = written(tmp_path, GOOD | {"label": 0.8})
    monkeypatch.setattr(vidnets, "path_of", lambda name: part)
    scores = measures_of(source).scores(source.known.x, None, 0)
    assert "tells 'label' in 80.0% of test clips" in scores.left_out["label[vidnet]"]
    assert {"frechet[vidnet]", "is_content[vidnet]"} <= scores.keys()
    assert "is_motion[vidnet]" not in scores
    path = written(tmp_path, dict.fromkeys(GOOD, 0.5))
    monkeypatch.setattr(vidnets, "path_of", lambda name: path)
    with pytest.raises(UnmeasurableError, match=r"tells 'shape' in 50.0%"):
        vidnets.knowing("shapes", 3)
    its = measures_of(source)
    assert isinstance(its, VideoMeasures)
    assert its.extractor.name == "random3d"
    scores = its.scores(source.known.x, None, 0)
    assert "99% are required" in scores.left_out["frechet[vidnet]"]


def test_other_sets_and_channels_have_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD)
    monkeypatch.setattr(vidnets, "path_of", lambda name: path)
    assert vidnets.knowing("holidays", 3) is None
    assert vidnets.knowing("shapes", 1) is None
    assert vidnets.knowing("shapes", 3) is not None


# ---- while a generator trains -------------------------------------------------------------------


@pytest.fixture(scope="module")
def probe() -> ClipProbe:
    source = open_data(
        DataSettings(source="shapes", frames=8, size=16, variant={"clips": 150, "held_out": 150})
    )
    its = measures_of(source)
    assert isinstance(its, VideoMeasures)
    found = its.probe(source.items("test"))
    assert isinstance(found, ClipProbe)
    return found


def network(clips: Array) -> torch.Tensor:
    return torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def test_real_clips_vary_as_real_ones_do(probe: ClipProbe) -> None:
    numbers = probe(network(Shapes.draw(150, None, 8, 16).clips()))
    for name in ("content_diversity", "motion_diversity", "motion"):
        assert numbers[name] == pytest.approx(1, abs=0.15), name


def test_frozen_clips_have_contents_and_no_motion(probe: ClipProbe) -> None:
    clips = real().copy()
    clips[:] = clips[:, FRAMES // 2, None]
    numbers = probe(network(clips))
    assert numbers["content_diversity"] > 0.8
    assert numbers["motion"] == 0
    assert numbers["motion_diversity"] < 1e-3


def test_clips_of_one_thing_move_and_show_the_same(probe: ClipProbe) -> None:
    clips = Shapes.draw(150, None, 8, 16)
    for name in ("shape", "colour", "radius"):
        clips.factors[name][:] = clips.factors[name][:1]
    numbers = probe(network(clips.clips()))
    assert numbers["content_diversity"] < 0.3
    assert numbers["motion_diversity"] > 0.5


# ---- a network of the user's --------------------------------------------------------------------


class Published(torch.nn.Module):
    """What takes the arguments of the published I3D file, and gives means over space and time."""

    def forward(self, x: torch.Tensor, rescale: bool = True, resize: bool = True) -> torch.Tensor:
        if rescale or resize:
            return x[:1, :1, 0, 0, 0]
        return torch.cat([x.mean((2, 3, 4)), x.amax((2, 3, 4))], 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.jit.script(Published()).save(str(tmp_path / "net.pt"))
    return tmp_path / "net.pt"


def test_fvd_is_of_a_file_of_the_users_with_its_hash(file: Path) -> None:
    net = ScriptedClips(file)
    assert net.weights == hashlib.sha256(file.read_bytes()).hexdigest()
    few = in_units(real()[:6])
    seen = net.look(few).features
    frames = torch.nn.functional.interpolate(
        few.movedim(1, 2).flatten(0, 1), (224, 224), mode="bilinear"
    )
    each = 2 * frames.unflatten(0, (6, FRAMES)) - 1
    torch.testing.assert_close(seen[:, :3], each.mean((1, 3, 4)), rtol=0, atol=1e-5)
    torch.testing.assert_close(seen[:, 3:], each.amax((1, 3, 4)), rtol=0, atol=1e-5)
    its = VideoEvaluation(real()[:20], real()[:20], [seen_by_chance(), net])
    scores = its.measures()
    assert "fvd[i3d]" in scores
    assert "frechet[i3d]" not in scores
    assert scores["fvd[i3d]"].protocol.weights == net.weights
    assert not [name for name in its.measures() if name.startswith("fvd") and "i3d" not in name]


def test_what_is_no_such_file_is_told_in_one_line(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no TorchScript file"):
        ScriptedClips(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("x")
    with pytest.raises(UsageError, match="is no TorchScript module"):
        ScriptedClips(tmp_path / "text.pt")
    images = measures_of(open_data(DataSettings(source="digits8")))
    with pytest.raises(UsageError, match="is to look at videos, and the data are images"):
        images.take(file)


def seen_by_chance() -> RandomClips:
    return RandomClips("random3d", real())
