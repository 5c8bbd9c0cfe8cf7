"""Style mixing: slots by name, and codes that have some of another's."""

from __future__ import annotations

import pytest
import torch

from ganvas.errors import UsageError
from ganvas.latent.mixing import mixed, slots_of


def test_names_are_the_papers_shares_of_slots() -> None:
    assert slots_of("coarse", 18) == [0, 1, 2, 3]
    assert slots_of("middle", 18) == [4, 5, 6, 7]
    assert slots_of("fine", 18) == [*range(8, 18)]
    for count in (4, 6, 8, 10, 12, 14):
        parts = [slots_of(name, count) for name in ("coarse", "middle", "fine")]
        assert [slot for part in parts for slot in part] == [*range(count)]
        assert all(parts)
    assert slots_of("0,2-3, 3", 4) == [0, 2, 3]
    for words in ("4", "3-1", "x", "", "0-4"):
        with pytest.raises(UsageError, match="slots among 0 to 3, such as 0-3"):
            slots_of(words, 4)


def test_a_code_mixed_with_itself_is_itself() -> None:
    codes, others = torch.randn(3, 4, 5), torch.randn(2, 4, 5)
    itself = mixed(codes, codes, [0, 2])
    assert all(torch.equal(itself[n, n], codes[n]) for n in range(3))
    found = mixed(codes, others, [0, 2])
    assert found.shape == (3, 2, 4, 5)
    assert torch.equal(found[1, 0, [0, 2]], others[0, [0, 2]])
    assert torch.equal(found[1, 0, [1, 3]], codes[1, [1, 3]])
    assert torch.equal(mixed(codes, others, []), codes[:, None].expand(-1, 2, -1, -1))
    assert torch.equal(mixed(codes, others, [0, 1, 2, 3]), others.expand(3, -1, -1, -1))
