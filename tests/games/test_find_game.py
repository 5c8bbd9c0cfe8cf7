"""Names of systems."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ganvas.config import Settings
from ganvas.data.domains.points import Points
from ganvas.data.spec import spec_of
from ganvas.errors import UsageError
from ganvas.games import address, find_game, is_own, own_game, permitted, systems
from ganvas.play import Game

OWN = """
from ganvas.games.gan import GAN


class Mine(GAN):
    system = "mine"


class Helper:
    pass
"""


def test_every_system_is_found_under_its_own_name():
    assert {"gan", "lsgan", "cgan", "dcgan", "wgan", "wgan-gp", "sngan", "r3gan"} <= set(systems())
    for name in systems():
        game = find_game(name)
        assert issubclass(game, Game)
        assert game.system == name
        game.Config()  # every setting has a default


class Chosen(Settings):
    width: int = 3


class Named(Game[Chosen]):
    system = "named"


class Again(Named):
    system = "again"


class Other(Named):
    system = "other"
    Config = Settings


def test_settings_are_named_once_in_the_brackets_of_the_base():
    assert Named.Config is Again.Config is Chosen
    assert Other.Config is Settings
    assert Game.Config is Settings
    for name in systems():
        assert find_game(name).Config.__module__ == find_game(name).__module__
    spec = spec_of("two", Points(dim=2, shift=[0, 0], scale=1))
    assert Named(Chosen(width=5), spec).config.width == 5


@pytest.mark.parametrize(
    ("name", "meant"), [("wgan_gp", "wgan-gp"), ("r3gna", "r3gan"), ("GAN", "gan")]
)
def test_misspelt_systems_get_the_nearest_name(name, meant):
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'"):
        find_game(name)


def test_parts_are_no_systems():
    with pytest.raises(UsageError, match="Systems are"):
        find_game("penalties")


def test_own_game_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_own_rules.py").write_text(OWN)
    game = own_game("my_own_rules:Mine")
    assert game.system == "mine"
    assert issubclass(game, Game)
    assert own_game(game) is game
    assert is_own(game)
    assert not is_own(find_game("gan"))
    assert address(game) == "my_own_rules:Mine"
    with pytest.raises(UsageError, match="Did you mean 'Mine'"):
        own_game("my_own_rules:Mines")
    with pytest.raises(UsageError, match="has no game 'Helper'"):
        own_game("my_own_rules:Helper")
    with pytest.raises(UsageError, match="cannot import 'not_there'"):
        own_game("not_there:Mine")
    with pytest.raises(UsageError, match="expected MODULE:CLASS"):
        own_game("my_own_rules")


def test_a_name_imports_nothing_unless_the_user_says_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "loud_rules.py").write_text(f"import loud_mark\n{OWN}")
    (tmp_path / "loud_mark.py").write_text("")
    with pytest.raises(UsageError, match="add --game loud_rules:Mine"):
        find_game("loud_rules:Mine")
    with pytest.raises(UsageError, match="leave --game out"):
        find_game("loud_rules:Mine", find_game("gan"))
    assert "loud_mark" not in sys.modules
    game = find_game("loud_rules:Mine", "loud_rules:Mine")
    assert find_game("loud_rules:Mine", game) is game
    with pytest.raises(UsageError, match="game.system=loud_rules:Mine"):
        find_game("gan", game)


def test_a_game_is_known_by_the_package_that_shows_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shown_rules.py").write_text(OWN)
    (tmp_path / "showing_rules.py").write_text("from shown_rules import Mine\n")
    game = own_game("showing_rules:Mine")
    assert address(game) == "shown_rules:Mine"
    assert find_game("showing_rules:Mine", game) is game
    assert permitted("showing_rules:Mine", [find_game("gan"), game]) is game
    assert permitted("gan", [game]) is None


def test_a_broken_own_game_shows_its_own_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "needs_more.py").write_text("import surely_not_installed\n")
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        own_game("needs_more:Mine")


def test_listing_systems_needs_no_torch():
    code = "import sys; from ganvas.games import systems; systems(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
