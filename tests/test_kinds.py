"""Settings of one kind among several are found in files, and in modules of one's own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from torch import Tensor

from ganvas.data.domain import Domain
from ganvas.errors import UsageError
from ganvas.games.gan import GAN
from ganvas.games.parts.constraints import Constraint
from ganvas.games.parts.objectives import Objective
from ganvas.games.parts.penalties import Penalty
from ganvas.games.parts.priors import Prior
from ganvas.kinds import kinds
from ganvas.networks import DiscriminatorSettings, Generator, GeneratorSettings
from ganvas.networks.conditions import NONE, Conditions
from ganvas.networks.joint import EncoderSettings, JointSettings
from ganvas.networks.mlp import MLPGenerator
from ganvas.recipes import load_recipe

FAMILIES = {
    "ganvas.games.parts.objectives": Objective,
    "ganvas.games.parts.penalties": Penalty,
    "ganvas.games.parts.constraints": Constraint,
    "ganvas.games.parts.priors": Prior,
}
IN_NETWORKS = (GeneratorSettings, DiscriminatorSettings, EncoderSettings, JointSettings)


@pytest.mark.parametrize(
    ("base", "package"),
    [
        *((base, package) for package, base in FAMILIES.items()),
        *((base, "ganvas.networks") for base in IN_NETWORKS),
    ],
)
def test_no_two_kinds_of_a_family_share_a_name(base, package):
    found = kinds(base, package).values()  # the last of a name
    made = {sub for sub in below(base) if isinstance(sub.model_fields["kind"].default, str)}
    assert len(made) > 1
    assert made == set(found)


def below(base: type) -> list[type]:
    return [found for sub in base.__subclasses__() for found in (sub, *below(sub))]


class Cubed(Objective):
    """An objective of a user's own."""

    kind: Literal["cubed"] = "cubed"
    power: int = 3

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - real).mean() ** self.power

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -fake.mean()


class Thin(GeneratorSettings):
    """A family of networks of a user's own."""

    kind: Literal["thin"] = "thin"

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> Generator:
        return MLPGenerator(widths=(2,)).build(domain, latent, conditions)


class MyGAN(GAN):
    """A game of a user's own, which takes the settings of the built-in one."""

    system = "my-gan"


def test_kinds_of_ones_own_stand_in_recipes_of_ones_own_game():
    words = ["game.objective={kind: cubed, power: 5}", "game.generator={kind: thin}"]
    recipe = load_recipe("gan/ring8", [*words, f"game.system={__name__}:MyGAN"], game=MyGAN)
    assert recipe.game_config.objective == Cubed(power=5)
    assert isinstance(recipe.game_config.generator, Thin)
    tree = recipe.tree()["game"]
    assert tree["objective"] == {"kind": "cubed", "power": 5}


def test_settings_of_unknown_kinds_name_those_there_are():
    with pytest.raises(UsageError, match=r"game.objective.kind.*'hinge', .*'wasserstein'"):
        load_recipe("gan/ring8", ["game.objective={kind: hing}"])


LATE = """
from typing import ClassVar, Literal

from ganvas.data.derived.coarser import Coarser
from ganvas.data.domain import Domain
from ganvas.data.domains import find_domain
from ganvas.data.domains.points import PointOptions, Points
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.objectives.hinge import Hinge
from ganvas.metrics.kind import Measures
from ganvas.metrics.of import find_measures
from ganvas.networks.temporal.gru import GRU
from ganvas.recipes import load_recipe

CHANGES = [
    ("gan/ring8", "game.objective={kind: late, power: 5}"),
    ("tganv2/shapes", "game.generator.temporal={kind: late, power: 5}"),
    ("sngan/digits", "data.derive={c: {kind: late, factor: 4, power: 5}}"),
]


def read(name, word):
    recipe = load_recipe(name, [word])
    again = type(recipe).model_validate(recipe.tree())
    assert again == recipe
    return recipe


def refused(name, word):
    try:
        load_recipe(name, [word])
    except UsageError as error:
        return str(error)
    raise AssertionError(word)


for name, word in CHANGES:
    load_recipe(name)
    assert "'late'" not in refused(name, word)

for usual in (3, 4):  # the second ones take the places of the first

    class LateObjective(Hinge):
        kind: Literal["late"] = "late"
        power: int = usual

    class LatePath(GRU):
        kind: Literal["late"] = "late"
        power: int = usual

    class LateField(Coarser):
        kind: Literal["late"] = "late"
        power: int = usual

    class LateOptions(PointOptions):
        late_power: int = usual

    class LatePoints(Points):
        kind: Literal["late"] = "late"
        Options = LateOptions

    class LateMeasures(Measures):
        kind: ClassVar[str] = "late"

    ring, clips, digits = (read(*change) for change in CHANGES)
    found = [ring.game_config.objective, clips.game_config.generator.temporal]
    found.append(digits.data.derive["c"])
    assert [type(one) for one in found] == [LateObjective, LatePath, LateField]
    assert all(one.power == 5 for one in found)
    plain = read("gan/ring8", "game.objective={kind: late}")
    assert plain.game_config.objective.power == usual
    assert plain.data.late_power == usual
    assert find_domain("late") is LatePoints
    assert find_measures("late") is LateMeasures
    fields = {"x": Points(dim=2, shift=[0, 0], scale=[1, 1])}
    spec = DataSpec(name="a", fields=fields, main="x", derived={"c": found[-1]})
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec
    for name, word in CHANGES:
        assert "Did you mean" in refused(name, word.replace("power", "pwer")), (name, word)
        assert "'late'" in refused(name, word.replace("kind: late", "kind: latte"))
"""


def test_kinds_may_come_and_be_defined_anew_after_recipes_were_read(tmp_path: Path):
    """As in a notebook; in a process of its own, where nobody has met them before."""
    (tmp_path / "late.py").write_text(LATE)
    command = [sys.executable, str(tmp_path / "late.py")]
    there = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, capture_output=True, text=True, env=there, check=False)
    assert said.returncode == 0, said.stderr
