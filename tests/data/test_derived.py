"""Fields worked out of items: hidden parts and coarser copies, on their way and when asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganvas.data.derived.coarser import Coarser
from ganvas.data.derived.masked import Hidden
from ganvas.data.domains.images import Images
from ganvas.data.domains.masked import MaskedImages
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError

BOTH = {"hidden": {"kind": "masked", "side": 0.5}, "coarse": {"kind": "coarser", "factor": 4}}


def digits8(**more: Any) -> Source:
    return open_data(DataSettings.model_validate({"source": "digits8", "derive": BOTH} | more))


def test_a_part_of_each_image_is_hidden() -> None:
    how, x = Hidden(side=(0.25, 0.5)), torch.rand(400, 3, 8, 6) + 0.1
    field = how.work_out(x, torch.rand(400, how.chances))
    known = field[:, 3] > 0
    assert torch.equal(field[:, :3], x * known[:, None])
    assert set(field[:, 3].unique().tolist()) == {-1, 1}
    rows, columns = (~known).any(2), (~known).any(1)  # a rectangle is the product of both
    assert torch.equal(~known, rows[:, :, None] & columns[:, None])
    assert set(rows.sum(1).tolist()) == {2, 3, 4}
    assert set(columns.sum(1).tolist()) == {2, 3}
    assert rows.any(0).all()
    assert columns.any(0).all()
    again = how.alike(x.flip(0), field)
    assert torch.equal(again[:, 3], field[:, 3])
    assert torch.equal(again[:, :3], x.flip(0) * known[:, None])


def test_a_coarse_pixel_is_the_mean_of_a_square() -> None:
    x = torch.rand(2, 1, 8, 4)
    found = Coarser(factor=4).work_out(x, torch.empty(2, 0))
    assert found.shape == (2, 1, 2, 1)
    assert found[1, 0, 1, 0].item() == pytest.approx(x[1, 0, 4:, :4].mean().item())


def test_what_is_known_is_restored_and_holes_are_shown_grey() -> None:
    domain = Hidden().domain(Images(channels=3, height=4, width=4))
    assert isinstance(domain, MaskedImages)
    rgba = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 4), np.uint8)
    rgba[..., 3] = np.arange(16).reshape(4, 4) % 2 * 255
    field = domain.taken(rgba)
    known = rgba[..., 3:] > 0
    assert (field[..., :3] == np.where(known, rgba[..., :3], 128)).all()
    made = np.full((2, 4, 4, 3), 7, np.uint8)
    assert (Hidden().restored(made, field) == np.where(known, rgba[..., :3], 7)).all()
    assert (Hidden().shown(field, domain) == field[..., :3]).all()
    encoded = domain.encode(field)
    assert torch.equal(encoded[:, 3] > 0, torch.from_numpy(known[..., 0]))
    assert encoded[:, :3].abs()[:, :, ~known[0, ..., 0]].max() < 0.01
    assert (domain.decode(encoded) == field).all()


def test_fields_are_drawn_anew_on_the_way_and_alike_when_asked_for() -> None:
    source = digits8()
    assert source.spec.conditions.keys() == {"label", "hidden", "coarse"}
    assert source.spec.fields["hidden"].shape == (2, 8, 8)
    assert source.spec.fields["coarse"].shape == (1, 2, 2)
    size = source.spec.size or 0
    feed = Feed(source, batch=size, seed=0)
    first, second = ({i.item(): b["hidden"][k] for k, i in enumerate(b["index"])}
                     for b in (feed.next(), feed.next()))  # fmt: skip
    assert sum(not torch.equal(first[i], second[i]) for i in first) > size / 2
    items = source.items("train").rows(np.arange(5))
    assert "hidden" not in items
    one, other = source.batch(items), source.batch(items.only("coarse"))
    assert torch.equal(one["hidden"], other["hidden"])
    pooled = torch.nn.functional.avg_pool2d(one.x, 4)
    assert torch.equal(one["coarse"], pooled)


def test_a_stream_goes_on_as_if_it_had_never_stopped_on_any_number_of_processes() -> None:
    source = digits8(mirror=True)
    whole = Feed(source, batch=8, seed=3)
    halves = [Feed(source, batch=8, seed=3, rank=rank, world=2) for rank in (0, 1)]
    for _ in range(2):
        seen = whole.next()
        parts = [half.next() for half in halves]
        for name in ("hidden", "coarse"):
            assert torch.equal(seen[name], torch.cat([part[name] for part in parts]))
    again = Feed(source, batch=8, seed=3)
    again.load_state_dict(whole.state_dict())
    following, resumed = whole.next(), again.next()
    assert all(torch.equal(following[name], resumed[name]) for name in following)
    # What is known is the image's own, mirrored or not.
    hidden = following["hidden"]
    known = hidden[:, 1:] > 0
    assert torch.equal(hidden[:, :1], following.x * known)


def test_models_know_how_their_conditions_came_to_be() -> None:
    spec = digits8().spec
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"derive": {"label": BOTH["coarse"]}}, "names 'label', which digits8 has already"),
        ({"derive": {"a": {"kind": "coarser", "factor": 3}}}, "factor=3 does not divide"),
        ({"source": "ring8", "derive": {"a": BOTH["coarse"]}}, "images, not of points"),
        ({"source": "ring8", "derive": {"a": BOTH["hidden"]}}, "images can be hidden, not points"),
        ({"channels": "rgba"}, "not images with an alpha channel"),
    ],
)
def test_what_cannot_be_worked_out_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        digits8(**settings)
