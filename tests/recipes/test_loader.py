from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from ganvas.config import Schedule
from ganvas.errors import UsageError
from ganvas.play import Adam
from ganvas.recipes import load_recipe
from ganvas.recipes.schema import recipe_type
from ganvas.training.settings import Average
from tests.recipes.conftest import TOY
from tests.recipes.games import Toy, ToyConfig

load = partial(load_recipe, game=Toy)
"""Loads recipes of a game that is none of ganvas' own."""


def complaint(recipe: str, *overrides: str, game: type[Toy] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        load_recipe(recipe, overrides, game=game)
    assert caught.value.exit_code == 2
    return str(caught.value)


# ---- what a recipe says ----------------------------------------------------------------------


def test_a_recipe_is_complete_and_typed(toy: str) -> None:
    recipe = load(toy)
    assert recipe.system == "tests.recipes.games:Toy"
    assert recipe.game_type is Toy
    assert type(recipe.game_config) is ToyConfig
    assert recipe.game_config.generator.widths == (8, 8)
    assert (recipe.train.rounds, recipe.train.kimg, recipe.train.batch) == (100, None, 32)
    assert recipe.seed == 0
    assert recipe.name == toy


def test_yaml_round_trip(toy: str, tmp_path: Path) -> None:
    recipe = load(toy, ["game.strength={start: 1e-3, end: 1e-5}", "seed=7", "game.clip=.1"])
    again = tmp_path / "config.yaml"
    again.write_text(recipe.to_yaml())
    assert load(again) == recipe
    assert load(again).to_yaml() == recipe.to_yaml()


def test_the_schema_is_a_valid_json_schema_that_accepts_the_recipe(toy: str) -> None:
    recipe = load(toy)
    schema = recipe_type(recipe.system, recipe.game_type).model_json_schema()
    text = json.dumps(schema)
    names = {reference.split('"')[0] for reference in text.split('"#/$defs/')[1:]}
    assert names <= schema["$defs"].keys()
    assert set(schema["required"]) == {"data", "game", "train"}
    assert set(recipe.tree()) == set(schema["properties"])
    assert schema["additionalProperties"] is False


# ---- changes ---------------------------------------------------------------------------------


def test_overrides_of_every_type(toy: str) -> None:
    recipe = load(
        toy,
        [
            "train.batch=8",
            "train.precision=bf16",
            "train.devices=2",
            "train.average=null",
            "game.optimiser.lr=1e-3",
            "game.strength={start: 1, end: 0, shape: linear}",
            "game.generator.widths=[4, 4, 4]",
            "game.penalties.r1.weight=5",
            "game.penalties.r2=null",
        ],
    )
    config = recipe.game_config
    assert isinstance(config, ToyConfig)
    assert recipe.train.average is None
    assert config.optimiser.lr == 0.001
    assert config.strength == Schedule(start=1, end=0, shape="linear")
    assert config.generator.widths == (4, 4, 4)
    assert config.penalties["r1"].weight == 5
    assert config.penalties["r2"] is None


def test_null_goes_back_to_the_default_where_it_is_no_value(toy: str) -> None:
    assert load(toy, ["train.batch=null"]).train.batch == 64
    assert load(toy, ["game.generator=null"]).game_config.generator.widths == (16,)


def test_another_kind_brings_its_own_settings(toy: str) -> None:
    recipe = load(toy, ["game.generator.layers=2", "game.generator.kind=deep"])
    assert recipe.game_config.generator.layers == 2


def test_part_of_a_default_can_be_changed(toy: str) -> None:
    assert load(toy, ["train.average.ramp_up=0.5"]).train.average == Average(ramp_up=0.5)
    optimiser = load(toy, ["game.second.lr=0.5"]).game_config.second
    assert optimiser == Adam(lr=0.5, beta1=0.9)  # the system's default, not the class's


def test_one_horizon_replaces_the_other(toy: str) -> None:
    recipe = load(toy, ["train.kimg=2.5"])
    assert (recipe.train.rounds, recipe.train.kimg) == (None, 2.5)


def test_a_recipe_builds_on_another(toy: str, tmp_path: Path) -> None:
    (tmp_path / "derived.yaml").write_text("base: toy.yaml\nabout: derived\ntrain: {kimg: 3}\n")
    derived = load(tmp_path / "derived.yaml")
    assert derived.about == "derived"
    assert (derived.train.rounds, derived.train.kimg, derived.train.batch) == (None, 3, 32)


def test_a_recipe_cannot_build_on_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: b.yaml\n")
    (tmp_path / "b.yaml").write_text("base: a.yaml\n")
    with pytest.raises(UsageError, match="leads back to itself"):
        load_recipe(tmp_path / "a.yaml")


def test_own_data_replace_the_source_and_survive_a_change_of_folder(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load(toy, data="mine").data.source == str(tmp_path / "mine")
    assert load(toy, data="grid25").data.source == "grid25"
    assert load(toy, ["data.source=cube27"], data="mine").data.source == "cube27"


def test_own_data_drop_what_only_the_other_kind_understands(toy: str, tmp_path: Path) -> None:
    of_points, of_images = ["data.standardise=true"], ["data.mirror=true", "data.size=8"]
    base = tmp_path / "base.yaml"
    base.write_text(TOY.replace("{source: ring8}", "{source: x, standardise: true, mirror: true}"))
    images = load(base, data=tmp_path).data
    assert (images.standardise, images.mirror) == (None, True)
    points = load(base, data="mine.npy").data
    assert (points.standardise, points.mirror) == (True, False)
    assert load(toy, of_points, data=tmp_path).data.standardise  # said, so not dropped
    assert load(toy, of_images, data="grid25").data.size == 8


# ---- mistakes --------------------------------------------------------------------------------


def test_unknown_recipe() -> None:
    assert "ganvas recipes" in complaint("nothing/like-this")


def test_missing_file(tmp_path: Path) -> None:
    assert "there is no recipe file" in complaint(str(tmp_path / "x.yaml"))


def test_what_a_value_meets_of_another_kind_is_not_told() -> None:
    """Kernels of some generators begin at 1; 1 was refused by one of those that begin at 2."""
    text = complaint("dcgan/digits", "game.generator.kernel=1")
    assert "expected a whole number, at least 2." in text
    assert "more than 0" not in text
    assert "or null" in complaint("dcgan/digits", "game.generator.stages=0")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        # a misspelt key: the nearest one, with its full path
        ("train.bach=3", ["train.bach is not a setting", "Did you mean 'train.batch'?"]),
        ("trian.batch=3", ["trian is not a setting", "Did you mean 'train'?"]),
        ("game.optimiser.bta1=0", ["game.optimiser.bta1", "'game.optimiser.beta1'"]),
        ("game.generator.layers=2", ["game.generator.layers", "has: kind, widths"]),
        # a known key in the wrong place
        ("kimg=3", ["kimg is not a setting", "'train.kimg'"]),
        ("lr=3", ["'game.optimiser.lr'"]),
        # a wrong type: what was expected, where it came from, what to type
        (
            "train.batch=many",
            [
                "train.batch=many (from the command line): expected a whole number, at least 1",
                "train.batch=32",
            ],
        ),
        ("game.strength=high", ["expected a number or {start, end, shape, begin, until}"]),
        ("game.generator.widths=8", ["expected a list, each a whole number", "[8, 8]"]),
        ("game.optimiser=adam3", ["game.optimiser"]),
        # out of range
        ("train.batch=0", ["train.batch=0", "at least 1"]),
        ("train.batch=true", ["train.batch=true", "expected a whole number, at least 1"]),
        ("game.strength=false", ["game.strength=false", "expected a number or {start, end"]),
        ("train={rounds: null, kimg: 1e300}", ["train.kimg=1.0e+300", "less than 1e+15"]),
        ("game.optimiser.beta1=1", ["at least 0 and less than 1", "game.optimiser.beta1=0.0"]),
        ("game.clip=-1", ["more than 0 or null"]),
        ("seed=-1", ["seed=-1", "at least 0"]),
        ("game.optimiser.lr=-1", ["game.optimiser.lr=-1", "more than 0", "game.optimiser.lr="]),
        ("game.optimiser.lr=0", ["game.optimiser.lr=0", "more than 0"]),
        ("game.optimiser.lr=.nan", ["game.optimiser.lr=.nan", "expected a finite number"]),
        ("game.optimiser.lr=.inf", ["game.optimiser.lr=.inf", "expected a finite number"]),
        ("game.optimiser.lr=1e999", ["expected a finite number"]),
        ("game.strength={start: .nan, end: 1}", ["game.strength.start=.nan", "a finite number"]),
        (
            "game.optimiser.lr={start: 1, end: -1}",
            ["game.optimiser.lr", "start and end must be at least 0"],
        ),
        ("game.optimiser.beta2=1", ["game.optimiser.beta2=1", "less than 1"]),
        (
            "game.penalties.r1.weight=.inf",
            ["game.penalties.r1.weight=.inf", "a finite number"],
        ),
        # not one of the options
        ("game.mode=fats", ["game.mode=fats", "one of 'fast', 'exact'"]),
        ("train.precision=fp16", ["one of 'fp32', 'bf16'"]),
        ("game.optimiser={lr: 1, kind: null}", ["game.optimiser.kind", "one of 'adam', 'rmsprop'"]),
        ("game.generator.kind=wide", ["game.generator.kind", "one of 'narrow', 'deep'"]),
        # deep inside a union
        ("game.strength={start: 1}", ["game.strength.end is missing"]),
        ("game.strength={start: 1, end: x}", ["game.strength.end=x", "expected a number"]),
        # several settings together
        (
            "game.strength={start: 1, end: -1, shape: exponential}",
            ["game.strength", "an exponential schedule needs start > 0"],
        ),
        ("train={rounds: 1, kimg: 1}", ["train (from the command line): exactly one of rounds"]),
    ],
)
def test_mistakes_on_the_command_line(toy: str, override: str, expected: list[str]) -> None:
    message = complaint(toy, override, game=Toy)
    for part in expected:
        assert part in message
    assert "\n" not in message
    assert "from the command line" in message
    assert "Traceback" not in message
    assert "pydantic" not in message


def test_a_setting_of_a_kind_names_the_kind_where_none_is_written() -> None:
    message = complaint("r3gan/digits", "game.generator.output_noise=0.1")
    assert message.endswith(" It belongs to game.generator.kind=mlp.")


def test_the_example_can_be_typed(toy: str) -> None:
    message = complaint(toy, "train.batch=many", game=Toy)
    command = message.partition("For example: ")[2]
    assert command == f"ganvas train {toy} --game tests.recipes.games:Toy --out DIR train.batch=32"
    load(toy, [command.split()[-1]])


def test_mistakes_in_a_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TOY.replace("batch: 32", "batch: 0").replace("about", "abuot"))
    lines = complaint(str(path), game=Toy).splitlines()
    assert len(lines) == 2
    text = path.read_text().splitlines()
    for line in lines:  # and the line in it
        name, number = line.partition(" ")[0].split("=")[0], line.partition(", line ")[2]
        assert f"(from {path}, line " in line
        assert name.rpartition(".")[2] in text[int(number.partition(")")[0]) - 1]
    told = next(line for line in lines if "abuot" in line)
    assert told.endswith(f"If an earlier version knew it, delete it from {path}.")
    assert "Did you mean 'about'?" in lines[0] + lines[1]


@pytest.mark.parametrize(
    ("train", "override"), [("{rounds: .nan, batch: 32}", "seed=1"), ("[1, 2]", "train.batch=32")]
)
def test_what_is_wrong_itself_is_no_example(tmp_path: Path, train: str, override: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TOY.replace("{rounds: 100, batch: 32}", train))
    example = complaint(str(path), override, game=Toy).partition("For example: ")[2]
    assert ".nan" not in example
    assert "[1, 2]" not in example


def test_a_recipe_without_a_system_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("data: {source: ring8}\ntrain: {rounds: 1}\n")
    assert "game.system is missing" in complaint(str(path))


def test_a_recipe_alone_runs_no_code(toy: str) -> None:
    message = complaint(toy)
    assert message.startswith(f"game.system (from {toy}): tests.recipes.games:Toy is a game")
    assert "add --game tests.recipes.games:Toy" in message
    assert "\n" not in message
    assert load_recipe(toy, game="tests.recipes.games:Toy") == load(toy)
    derived = Path(toy).with_name("derived.yaml")
    derived.write_text("base: toy.yaml\n")
    assert f"(from {toy})" in complaint(str(derived))
    assert "add --game a:B" in complaint("gan/ring8", "game.system=a:B")


def test_a_game_of_ones_own_is_what_the_recipe_means(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("data: {source: ring8}\ntrain: {rounds: 1}\n")
    recipe = load(path)
    assert recipe.system == "tests.recipes.games:Toy"  # the flag says it, and it is recorded
    assert "system: tests.recipes.games:Toy" in recipe.to_yaml()
    assert "the game is gan" in complaint("gan/ring8", game=Toy)


def test_an_unknown_system_says_so(toy: str) -> None:
    assert "there is no system 'gna'" in complaint(toy, "game.system=gna")


def test_the_name_of_a_known_set_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_recipe("r3gan/images", data="digits").data.source == "digits"
    assert load_recipe("r3gan/images", data="./digits").data.source == str(tmp_path / "digits")
    assert load_recipe("r3gan/images", data=Path("digits")).data.source == str(tmp_path / "digits")
