"""Settings of one kind among several are found in files, and in modules of one's own."""

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
