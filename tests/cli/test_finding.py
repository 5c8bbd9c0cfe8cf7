"""``ganvas scorer``, ``directions`` of scores and without, and ``rescore``, on a tiny model."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganvas.model
from ganvas.latent.combining import Joint, conditioned
from ganvas.latent.directions import Direction
from ganvas.model import Provenance, save_model
from ganvas.model.attributes import drawn, made
from ganvas.model.codes import codes_at, items_of, save_codes
from ganvas.model.directions import load_direction, read_direction, save_direction
from tests.cli.conftest import Ganvas
from tests.latent.styled import D, Styled, styled
from tests.model.conftest import saved

GAME = ("--game", "tests.latent.styled:Styled")
FEW = ("--count", "120", "--share", "0.2")
COLOURS = """
def colours(x):
    return x.mean((1, 2))


colours.names = ("red", "green", "blue")


def grey(x):
    return x.mean((1, 2, 3))


word = 3
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "styled"
    save_model(folder, styled(), Provenance(recipe="styled/test", rounds=3))
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a module of scores in it."""
    (tmp_path / "my_scores.py").write_text(COLOURS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_scores", raising=False)
    return tmp_path


def test_planes_of_a_formula_in_two_spaces(ganvas: Ganvas, run: Path, here: Path) -> None:
    words = ("directions", run, "--scores", "my_scores:colours", "--space", "z", "--space", "w")
    said = ganvas(*words, *FEW, *GAME, "--out", here / "planes", "--figure", here / "sheet.png")
    assert said.code == 0, said.err
    for expected in ("in z", "in w", "cosines of normals in w, mean", "correlations of scores"):
        assert expected in said.out
    told, direction = read_direction(here / "planes" / "w" / "red.safetensors")
    assert told["space"] == "w"
    assert told["found"]["attribute"] == "red"
    assert told["found"]["codes"] == [32, 16, 72]
    assert direction.vector.shape == (D,)
    assert direction.intercept != 0  # W is not centred: a plane without one would be another
    numbers = json.loads((here / "planes" / "directions.json").read_text())
    assert [one["space"] for one in numbers] == ["z", "w"]
    assert np.array(numbers[0]["cosines"]).shape == (3, 3)
    for space in "zw":
        with Image.open(here / f"sheet-{space}.png") as picture:
            assert picture.size == (17 * 66 - 2, 6 * 66 - 2)  # two rows for each of three
    again = ganvas(*words, *FEW, *GAME, "--out", here / "planes")
    assert "holds files already" in again.error
    one = ("--attribute", "green", "--out", here / "green.safetensors")
    assert ganvas(*words[:4], *FEW, *GAME, *one).code == 0
    assert (here / "green.safetensors").is_file()


def test_planes_of_numbers_in_files_are_those_of_the_formula(
    ganvas: Ganvas, run: Path, here: Path
) -> None:
    model = ganvas_model(run)
    x = model.sample(120).x
    np.save(here / "grey.npy", x.mean((1, 2, 3)))
    lines = ["sample,grey", *(f"0:{i},{v:.17g}" for i, v in enumerate(x.mean((1, 2, 3))))]
    (here / "grey.csv").write_text("\n".join(lines))
    found: list[Direction] = []
    for name in ("my_scores:grey", "grey.npy", "grey.csv"):
        out = here / f"{name[-3:]}.safetensors"
        assert ganvas("directions", run, "--scores", name, *FEW, *GAME, "--out", out).code == 0
        found.append(load_direction(out, model))
    few = here / "few.safetensors"
    for name in ("grey.npy", "grey.csv"):
        told = ("directions", run, "--scores", name, "--share", "0.2", *GAME, "--out", few)
        assert ganvas(*told).code == 0
        assert read_direction(few)[0]["found"]["count"] == 120  # what was scored, not the usual
        few.unlink()
        said = ganvas(*told, "--count", "50")
        assert f"{name} has scores of 120 samples, and --count is 50" in said.error
    for other in found[1:]:
        assert float(other.vector @ found[0].vector) > 0.999
    said = ganvas(
        *("directions", run, "--scores", "discriminator", *FEW, *GAME, "--out", here / "q")
    )
    assert "has no 'score'" in said.error


def test_quality_leads_away_from_what_the_discriminator_scores_low(
    ganvas: Ganvas, here: Path
) -> None:
    model = saved(here / "pictures", "pictures")
    words = ("directions", here / "pictures", "--count", "300", "--share", "0.2", "--scores")
    said = ganvas(*words, "discriminator", "--out", here / "quality.safetensors")
    assert said.code == 0, said.err
    quality = load_direction(here / "quality.safetensors", model)
    samples = drawn(model, 300)
    scores = np.asarray(model.score(model.sample(300).x), np.float64)
    np.save(here / "scores.npy", scores)
    assert ganvas(*words, here / "scores.npy", "--out", here / "same.safetensors").code == 0
    same = load_direction(here / "same.safetensors", model)
    assert float(same.vector @ quality.vector) > 0.999
    worst = samples.z[torch.from_numpy(scores.argsort()[:30])]
    before, after = (
        model.score(np.concatenate(list(made(model, samples.spaces["z"], codes))))
        for codes in (worst, quality.moved(worst, 3))
    )
    assert (after > before).mean() > 0.9


def test_labels_by_hand(ganvas: Ganvas, run: Path, here: Path) -> None:
    red = ganvas_model(run).sample(40).x[..., 0].mean((1, 2))
    lines = ["sample,red,none", *(f"0:{i},{int(v > np.median(red))}," for i, v in enumerate(red))]
    (here / "labels.csv").write_text("\n".join([*lines, "5:1,,1"]))
    words = ("directions", run, "--labels", here / "labels.csv", *GAME)
    said = ganvas(*words, "--attribute", "red", "--out", here / "red.safetensors")
    assert said.code == 0, said.err
    assert "–" in said.out  # no remaining codes
    said = ganvas(*words, "--out", here / "both")
    assert "none: 1 samples are labelled 1 and 0 are labelled 0" in said.error
    for text, message in (
        ("sample,red\n0:1,2", "row 1, red: expected 1 with it, 0 without it, or nothing, not '2'"),
        ("sample,red\nx,1", "expected seeds"),
        ("sample,red\n0:1000000,1", "a seed has samples 0 to 999999"),
        ("sample,red\n0-3,1", "row 1 names several samples"),
        ("sample,red\n0:1,1\n0:1,0", "names sample 0:1 twice"),
        ("sample,red\n0:1", "row 1 has 1 cells, and the header 2"),
        ("red\n1", "must begin with a header such as sample,glasses"),
        ("sample,red\n", "has 0 rows below its header"),
    ):
        (here / "labels.csv").write_text(text)
        assert message in ganvas(*words, "--out", here / "x").error


@pytest.mark.parametrize("how", ["--closed-form", "--components"])
def test_directions_without_labels(how: str, ganvas: Ganvas, run: Path, here: Path) -> None:
    for space in "zw":
        words = ("directions", run, how, "--space", space, "--number", "3", "--count", "60", *GAME)
        said = ganvas(*words, "--out", here / space, "--figure", here / f"{space}.png")
        assert said.code == 0, said.err
        assert "share" in said.out
        assert len(list((here / space).glob("*.safetensors"))) == 3
        with Image.open(here / f"{space}.png") as picture:
            assert picture.size == (17 * 66 - 2, 3 * 66 - 2)
    if how == "--closed-form":
        words = ("directions", run, how, "--space", "w", "--number", "2", "--count", "60", *GAME)
        assert ganvas(*words, "--slots", "0-1", "--out", here / "level").code == 0
        said = ganvas(*words, "--slots", "9", "--out", here / "none")
        assert "slots 0 to 3, not 9" in said.error
        said = ganvas(*words[:3], "--space", "s", *GAME, "--out", here / "none")
        assert "--closed-form is for the spaces z and w, not for s" in said.error


def test_one_way_of_finding_is_asked_for(ganvas: Ganvas, run: Path, here: Path) -> None:
    said = ganvas("directions", run, *GAME, "--out", here / "x")
    assert "give one of --plus and --minus, --scores" in said.error
    said = ganvas("directions", run, "--components", "--closed-form", *GAME, "--out", here / "x")
    assert "--closed-form and --components" in said.error
    said = ganvas("directions", run, "--plus", "1", *GAME, "--out", here / "x")
    assert "give --plus and --minus" in said.error
    for word, message in (
        ("scores.txt", "expected numbers of samples (.npy, .csv), a scorer"),
        ("my_scores:none", "module 'my_scores' has no function 'none'"),
        ("my_scores:word", "module 'my_scores' has no function 'word'"),
        ("no_scores:none", "cannot import 'no_scores'"),
        ("none.npy", "there is no file none.npy"),
        ("none.safetensors", "there is no scorer none.safetensors"),
    ):
        said = ganvas("directions", run, "--scores", word, *GAME, "--out", here / "x")
        assert said.code == 2
        assert message in said.error
    words = ("directions", run, "--scores", "my_scores:grey", *GAME, "--out", here / "x")
    assert "are 0 codes: expected 4 or more" in ganvas(*words, "--count", "20").error
    assert "no attribute 'gray'. Did you mean 'grey'?" in (
        ganvas(*words, *FEW, "--attribute", "gray").error
    )
    assert "has no space 'x'" in ganvas(*words, *FEW, "--space", "x").error
    said = ganvas("directions", run, "--closed-form", *GAME, "--out", here / "x.safetensors")
    assert "several directions go into a folder" in said.error
    assert "%" not in said.out, "no table: it was refused before any work"


def test_a_scorer_of_labelled_samples_is_withheld_below_its_gate(
    ganvas: Ganvas, run: Path, here: Path
) -> None:
    red = ganvas_model(run).sample(60).x[..., 0].mean((1, 2))
    odd = np.random.default_rng(0).integers(0, 2, 60)
    rows = [f"0:{i},{int(v > np.median(red))},{odd[i]}" for i, v in enumerate(red)]
    (here / "labels.csv").write_text("\n".join(["sample,red,odd", *rows]))
    words = ("scorer", run, "--labels", here / "labels.csv", *GAME, "--gate", "0.8")
    said = ganvas(*words, "--out", here / "scorer.safetensors")
    assert said.code == 0, said.err
    assert "features scorer of 60 pictures" in said.out
    assert "below the gate" in said.out
    found = ("directions", run, "--scores", here / "scorer.safetensors", *FEW, *GAME)
    said = ganvas(*found, "--out", here / "planes")
    assert "odd: withheld, as it is told rightly in" in said.out
    assert [p.stem for p in (here / "planes").glob("*.safetensors")] == ["red"]
    ganvas(*words, "--attribute", "odd", "--out", here / "odd.safetensors")
    said = ganvas(*found[:3], here / "odd.safetensors", *FEW, *GAME, "--out", here / "none")
    assert "is below its gate in every attribute: odd is told rightly in" in said.error
    said = ganvas(*words, "--data", "faces", "--out", here / "x.safetensors")
    assert "not both" in said.error
    assert "a scorer is a .safetensors file" in ganvas(*words, "--out", here / "x.npy").error


def test_effects_with_and_without_conditions(ganvas: Ganvas, run: Path, here: Path) -> None:
    model = ganvas_model(run)
    for name, vector in (("one", [1.0, 0, 0, 0, 0]), ("two", [0.6, 0.8, 0, 0, 0])):
        direction = Direction(torch.tensor(vector), 0.0)
        save_direction(here / f"{name}.safetensors", direction, model, {}, "w")
    both = ("--direction", here / "one.safetensors", "--direction", here / "two.safetensors")
    words = ("rescore", run, *both, *GAME)
    words = (*words, "--scores", "my_scores:colours", "--count", "20", "--amounts", "0,1,2")
    said = ganvas(*words, "--out", here / "effects.json")
    assert said.code == 0, said.err
    numbers = json.loads((here / "effects.json").read_text())
    assert numbers["moves"] == ["one", "two"]
    assert numbers["attributes"] == ["red", "green", "blue"]
    assert np.array(numbers["changes"]).shape == (2, 3)
    said = ganvas(*words, "--given", here / "one.safetensors")
    assert "two: 80% of it is left beside 1 conditions" in said.out
    said = ganvas(*words, "--given", here / "one.safetensors", "--space", "z")
    assert "--space z: these directions are of the space 'w'" in said.error
    assert "expected a .json file" in ganvas(*words, "--out", here / "x.csv").error


def ganvas_model(run: Path) -> ganvas.model.Model:
    return ganvas.model.load(run, Styled, device="cpu")


def test_edits_in_w_of_some_layers_jointly_and_given_others(
    ganvas: Ganvas, run: Path, here: Path
) -> None:
    model = ganvas_model(run)
    one, two = (
        Direction(torch.eye(D)[0], 0.2),
        Direction(0.6 * torch.eye(D)[0] + 0.8 * torch.eye(D)[1], 0.1),
    )
    for name, direction in (("one", one), ("two", two)):
        save_direction(here / f"{name}.safetensors", direction, model, {}, "w")
    samples = drawn(model, [(0, 0), (4, 0)])
    codes, space = samples.of("w"), samples.spaces["w"]

    def found(*words: object) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        out = here / "moved.npy"
        said = ganvas("edit", run, *words, *GAME, "--seeds", "0,4", "--out", out)
        assert said.code == 0, said.err
        return np.load(out)

    def expected(*moved: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.concatenate(list(made(model, space, torch.stack(moved, 1).flatten(0, 1))))

    file = ("--direction", here / "one.safetensors")
    moved = found(*file, "--amounts", "0,2")
    assert np.array_equal(moved, expected(codes, one.moved(codes, 2)))
    brought = found(*file, "--amounts", "-1,1", "--absolute")
    assert np.array_equal(brought, expected(one.brought(codes, -1), one.brought(codes, 1)))
    free, _ = conditioned(one, [two])
    given = found(*file, "--given", here / "two.safetensors", "--amounts", "2,0")
    assert np.array_equal(given, expected(free.moved(codes, 2), codes))
    both = (f"{here / 'one.safetensors'}=2", "--direction", f"{here / 'two.safetensors'}=-1")
    joint = found("--direction", *both, "--amounts", "1,0", "--absolute")
    brought = Joint([one, two], [2, -1]).brought(codes, 1)
    assert one.distances(brought).tolist() == pytest.approx([2, 2], abs=1e-5)
    assert np.array_equal(joint[::2], expected(brought))
    np.save(here / "one.npy", np.eye(D)[:1])
    array = found("--direction", here / "one.npy", "--space", "w", "--amounts", "0,2")
    assert np.array_equal(array, moved)
    layers = found(*file, "--slots", "0-3", "--amounts", "0,2")
    assert np.array_equal(layers, moved)
    last = found(*file, "--slots", "3", "--amounts", "0,2")
    assert np.array_equal(last[::2], moved[::2])
    assert not np.array_equal(last[1::2], moved[1::2])


def test_edits_that_are_refused_and_edits_that_go_far(
    ganvas: Ganvas, run: Path, here: Path, tmp_path: Path
) -> None:
    model = ganvas_model(run)
    save_direction(here / "w.safetensors", Direction(torch.eye(D)[0], 0.0), model, {}, "w")
    save_direction(here / "z.safetensors", Direction(torch.eye(6)[0], 0.0), model, {})
    words, out = ("edit", run, *GAME), ("--out", here / "x.npy")
    said = ganvas(*words, "--direction", "w.safetensors", "--direction", "z.safetensors", *out)
    assert "directions are of one space, and these are not: w.safetensors of 'w'" in said.error
    said = ganvas(*words, "--direction", "w.safetensors", "--given", "w.safetensors", *out)
    assert said.code == 0  # not conditioned on itself
    (here / "copy.safetensors").write_bytes((here / "w.safetensors").read_bytes())
    said = ganvas(*words, "--direction", "w.safetensors", "--given", "copy.safetensors", *out)
    assert "nothing of the direction is left" in said.error
    for more, message in (
        (("--direction", "w.safetensors=x"), "expected FILE, or FILE=NUMBER"),
        (("--direction", "w.safetensors=1", "--direction", "w.safetensors"), "named twice"),
        (("--direction", "z.safetensors", "--slots", "1"), "slots are of directions in W"),
        (("--direction", "w.safetensors", "--slots", "7"), "slots 0 to 3, not 7"),
        (("--direction", "w.safetensors", "--slots", "1", "--absolute"), "leave --absolute out"),
        (("--direction", "none.npy"), "there is no direction file none.npy"),
    ):
        assert message in ganvas(*words, *more, *out).error
    plain = saved(tmp_path / "pictures", "pictures")
    save_direction(here / "far.safetensors", Direction(torch.eye(5)[0], 0.0), plain, {})
    words = (
        "edit",
        tmp_path / "pictures",
        "--direction",
        "far.safetensors",
        "--seeds",
        "0,1",
        *out,
    )
    said = ganvas(*words, "--amounts", "-9,0,9")
    assert "4 of 6 edits are farther than 5 from the plane" in said.out
    assert "farther" not in ganvas(*words, "--amounts", "-1,0,1").out


def test_real_items_are_edited_by_their_codes(ganvas: Ganvas, run: Path, here: Path) -> None:
    model = ganvas_model(run)
    save_direction(here / "w.safetensors", Direction(torch.eye(D)[0], 0.2), model, {}, "w")
    save_direction(here / "z.safetensors", Direction(torch.eye(6)[0], 0.0), model, {})
    x = model.sample(3, seed=5).x
    np.save(here / "items.npy", x)
    found = ("--codes", here / "codes.safetensors", "--out", here / "moved.npy")
    words = ("edit", run, *GAME, "--direction", here / "w.safetensors", *found)
    for space in ("w", "w+"):
        codes = codes_at(model, [(5, 0), (5, 1), (5, 2)], space)
        save_codes(here / "codes.safetensors", codes, model)
        said = ganvas(*words, "--amounts", "0,1", "--items", here / "items.npy")
        assert said.code == 0, said.err
        assert "before any edit: 0.0000" in said.out
        moved = np.load(here / "moved.npy").reshape(3, 3, *x.shape[1:])
        assert np.array_equal(moved[:, 0], x)
        assert np.abs(moved[:, 1].astype(int) - x).max() <= 1
        wanted = items_of(model, replace(codes, x=codes.x + torch.eye(D)[0]))
        assert np.array_equal(moved[:, 2], wanted)
    assert "not to distances" in ganvas(*words, "--absolute").error
    np.save(here / "items.npy", x[:2])
    assert "are 2, and" in ganvas(*words, "--items", here / "items.npy").error
    words = (*words[:4], "--direction", here / "z.safetensors", *found)
    assert "codes are of the space 'w+' and the direction is of 'z'" in ganvas(*words).error
    said = ganvas(*words[:6], "--items", here / "items.npy", "--out", here / "x.npy")
    assert "--items are those of --codes" in said.error
