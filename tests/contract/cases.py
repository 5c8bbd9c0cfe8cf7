"""The nine tiny games that prove the contract, with the data they play on."""

from __future__ import annotations

from ganvas.config import Settings
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.testing import Case
from tests.contract.games.accumulated import Accumulated
from tests.contract.games.drawn import Drawn
from tests.contract.games.gated import Gated
from tests.contract.games.growing import Growing
from tests.contract.games.memory import Memory
from tests.contract.games.simultaneous import Simultaneous
from tests.contract.games.staged import Staged
from tests.contract.games.two_streams import TwoStreams
from tests.contract.games.unrolled import Unrolled


def ring() -> Source:
    return open_data(DataSettings(source="ring8"))


TINY = (Unrolled, Memory, Gated, TwoStreams, Staged, Growing, Accumulated, Simultaneous, Drawn)
CASES = {game.system: Case(game, Settings(), ring) for game in TINY}
