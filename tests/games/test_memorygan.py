"""memoryGAN: rounds, keys, information, ablations, and its memory in other games."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.errors import GanvasError, UsageError
from ganvas.games import find_game
from ganvas.games.memorygan import Jitter
from ganvas.games.parts.judge import Verdict
from ganvas.games.parts.objectives.classification import Minimax, ReverseKL
from ganvas.games.parts.objectives.updown import UpDown
from ganvas.model import load, save_model
from ganvas.networks.base import MemoryHead
from ganvas.play import Noise
from tests.games.tables import SMALL_IMAGES, play, rounds

SMALL = {"slots": 40, "dim": 6, "neighbours": 16}
Z = {"kind": "normal", "dim": 3}
BUFFERS = ("keys", "values", "ages", "histogram")


def memorygan(count: int = 3, source: str = "ring8", **settings: Any) -> tuple[Any, Any, Any]:
    """Return a small game after so many rounds, its data and its table."""
    made = play("memorygan", source, **{"memory": SMALL, "latent": Z} | settings)
    rounds(*made, count)
    return made


# ---- rounds -------------------------------------------------------------------------------------


def test_a_round_is_one_turn_of_each_and_one_update_of_the_memory() -> None:
    game, feed, table = memorygan(0)
    seen: list[tuple[Tensor, Tensor]] = []
    update = game.memory.update

    def watched(real: Tensor, fake: Tensor) -> Any:
        seen.append((real, fake))
        return update(real, fake)

    game.memory.update = watched
    rounds(game, feed, table, 2)
    assert table.order == ["discriminator", "generator"] * 2
    assert [(len(real), len(fake)) for real, fake in seen] == [(16, 16)] * 2
    assert all(torch.allclose(q.norm(dim=1), torch.ones(16)) for pair in seen for q in pair)


def test_the_memory_follows_the_queries_of_the_network_before_its_step() -> None:
    game, feed, table = memorygan(2)
    game.memory.update = lambda real, fake: (
        seen.append(real) or type(game.memory).update(game.memory, real, fake)
    )
    seen: list[Tensor] = []
    x = play("memorygan", memory=SMALL, latent=Z)[1]
    batches = [x.next().x for _ in range(3)]
    expected = game.query(batches[2])
    rounds(game, feed, table, 1)
    assert torch.allclose(seen[0], expected, atol=1e-6)
    assert not torch.allclose(game.query(batches[2]), expected)  # the step came after


def test_the_first_step_of_the_query_network_waits_for_memories() -> None:
    game, feed, table = memorygan(0)
    before = [p.clone() for p in game.discriminator.parameters()]
    rounds(game, feed, table, 1)
    assert all(p.equal(b) for p, b in zip(game.discriminator.parameters(), before, strict=True))
    assert int(game.memory.populated.sum()) == 32
    rounds(game, feed, table, 1)
    moved = [not p.equal(b) for p, b in zip(game.discriminator.parameters(), before, strict=True)]
    assert any(moved)


def test_the_codes_variant_also_remembers_the_fakes_of_the_generators_turn() -> None:
    sizes: list[tuple[int, int]] = []
    game, feed, table = memorygan(1, update_in_generator_step=True)
    update = game.memory.update
    game.memory.update = lambda real, fake: (
        sizes.append((len(real), len(fake))),
        update(real, fake),
    )[1]
    rounds(game, feed, table, 1)
    assert sizes == [(16, 16), (0, 16)]


@pytest.mark.parametrize("form", ["cosine", "mse"])
def test_information_by_hand(form: str) -> None:
    game, _, table = memorygan(2, information=0.3, information_form=form)
    z = game.prior(5, Noise(1))
    game.requires_grad_(False)
    h = game.discriminator.features(game.generator(z))
    keys, raw = z[:, :6], game.head.raw(h)
    if form == "cosine":
        wanted = -sum(float(k @ q / q.norm()) for k, q in zip(keys, raw, strict=True)) / 5
    else:
        wanted = float((raw - keys).square().sum()) / 30
    seen, latents = Verdict(torch.empty(0), features=h), Batch({"z": z}, main="z")
    assert float(game.information_loss(seen, latents, table)) == pytest.approx(
        0.3 * wanted, rel=1e-5
    )


def test_jitter_shifts_and_stretches_each_image_alone() -> None:
    x = torch.rand(64, 3, 4, 4) - 0.5
    shift = Jitter(brightness=0.1, contrast=(1.0, 1.0)).apply(x, Noise(0)) - x
    assert torch.allclose(shift, shift[:, :1, :1, :1].expand_as(x), atol=1e-6)
    assert 0.05 < float(shift.abs().max()) <= 0.1 + 1e-6
    stretched = Jitter(brightness=0.0).apply(x, Noise(0))
    assert torch.allclose(stretched.mean((2, 3)), x.mean((2, 3)), atol=1e-6)
    factor = stretched.std((2, 3)) / x.std((2, 3))
    assert torch.allclose(factor, factor[:, :1].expand_as(factor), atol=1e-5)
    assert 0.8 <= float(factor.min()) < 0.9 < 1.1 < float(factor.max()) <= 1.2
    assert float(Jitter(brightness=3.0).apply(x, Noise(0)).abs().max()) == 1
    _, _, table = memorygan(
        2, "digits8", generator=SMALL_IMAGES, discriminator=SMALL_IMAGES, jitter={}
    )
    assert all(math.isfinite(value) for value in table.take_statistics().values())


def test_losses_of_the_authors_code() -> None:
    real, fake = torch.tensor([0.4, -1.0]), torch.tensor([0.3, 2.0])
    p, q = real.sigmoid(), fake.sigmoid()
    saturating = (1 - q).log().mean()
    assert Minimax().generator(None, fake).item() == pytest.approx(saturating.item())
    both = saturating - q.log().mean()
    assert ReverseKL().generator(None, fake).item() == pytest.approx(both.item())
    assert UpDown().discriminator(real, fake).item() == pytest.approx((q.mean() - p.mean()).item())
    assert UpDown().generator(None, fake).item() == pytest.approx(-q.mean().item())


@pytest.mark.parametrize("kind", ["minimax", "nonsaturating", "reverse_kl", "updown"])
def test_every_loss_plays(kind: str) -> None:
    _, _, table = memorygan(3, objective={"kind": kind})
    assert all(math.isfinite(value) for value in table.take_statistics().values())


def test_losses_that_need_unbounded_logits_are_refused() -> None:
    with pytest.raises(ValidationError, match="minimax"):
        memorygan(0, objective={"kind": "relativistic"})


# ---- slots and latents --------------------------------------------------------------------------


def test_latents_are_real_keys_and_noise() -> None:
    game, _, _ = memorygan()
    z = game.prior(50, Noise(3))
    assert z.shape == (50, 9)
    slots = game.slots(50, Noise(4))
    assert (game.memory.values[slots] == 1).all()
    real = game.memory.keys[game.memory.values == 1]
    assert (z[:, None, :6] == real).all(2).any(1).all()
    assert torch.equal(game.prior(50, Noise(3), truncation=0.0)[:, :6], z[:, :6])
    assert not game.prior(50, Noise(3), truncation=0.0)[:, 6:].any()
    noise = torch.randn(50, 3)
    keyed = torch.cat([game.memory.keys[slots], noise], 1)
    assert torch.equal(game.from_slots(slots, noise), game.sample(keyed))


def test_what_a_model_says_of_samples() -> None:
    game, feed, _ = memorygan()
    x = feed.next().x
    assert torch.allclose(game.encode(x).norm(dim=1), torch.ones(16))
    posterior = game.posterior(x)
    assert posterior.shape == (16, 40)
    assert torch.allclose(posterior.sum(1), torch.ones(16))
    p = game.score(x).sigmoid()
    assert torch.allclose(p, game.memory.probability(game.query(x)), atol=1e-6)
    assert p.min() >= 0.00099
    assert p.max() <= 0.99901


def test_a_saved_model_has_its_memory(tmp_path: Path) -> None:
    game, _, _ = memorygan()
    save_model(tmp_path / "model", game)
    again = load(tmp_path / "model", device="cpu").game
    for name in BUFFERS:
        assert torch.equal(getattr(game.memory, name), getattr(again.memory, name))


# ---- ablations ----------------------------------------------------------------------------------


def test_without_em_only_the_best_slot_turns() -> None:
    game, _, _ = memorygan(3, memory=SMALL | {"rule": "kaiser"})
    before = game.memory.keys.clone()
    q = torch.nn.functional.normalize(torch.randn(1, 6), dim=1)
    game.memory.correct_in_top = 16
    assert int(game.memory.update(q, q[:0]).moved) == 1
    assert int((game.memory.keys != before).any(1).sum()) == 1


def test_without_mcgn_samples_do_not_depend_on_the_memory() -> None:
    game, _, _ = memorygan(3, mcgn=False)
    before = game.sample(game.prior(8, Noise(0)))
    game.memory.keys.zero_()
    assert torch.equal(game.sample(game.prior(8, Noise(0))), before)
    with pytest.raises(GanvasError, match=r"game\.mcgn=false"):
        game.from_slots(torch.zeros(1).long(), torch.zeros(1, 3))


def test_without_a_memory_it_is_the_plain_game() -> None:
    ours, feed, table = memorygan(0, memory=None)
    plain, feed_2, table_2 = play("gan", latent=Z, objective={"kind": "minimax"})
    plain.load_state_dict(ours.state_dict())
    assert all(a.settings == plain.players[name].settings for name, a in ours.players.items())
    rounds(ours, feed, table, 4)
    rounds(plain, feed_2, table_2, 4)
    for name, value in ours.state_dict().items():
        assert torch.allclose(value, plain.state_dict()[name], atol=1e-6), name
    with pytest.raises(GanvasError, match=r"game\.memory=null"):
        ours.encode(feed.next().x)


# ---- the memory in other games ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "source", "settings"),
    [
        ("gan", "ring8", {}),
        ("lsgan", "ring8", {"packing": 2}),
        ("r3gan", "ring8", {}),
        ("wgan-gp", "ring8", {"discriminator_steps": 2}),
        ("unrolled", "ring8", {"unrolling_steps": 2}),
        ("dcgan", "digits8", {"generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}),
        (
            "dcgan",
            "digits8",
            {"generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES, "conditional": True},
        ),
    ],
)
def test_any_adversarial_game_takes_a_memory(
    system: str, source: str, settings: dict[str, Any]
) -> None:
    game, feed, table = play(system, source, memory=SMALL, **settings)
    rounds(game, feed, table, 3)
    memory = game.discriminator.head.memory
    noted = table.take_statistics()
    assert all(math.isfinite(value) for value in noted.values())
    assert noted["memory/slots"] > 1
    assert int(memory.populated.sum()) > 0
    batch: Batch = feed.next()
    y = game.conditions.of(batch)
    assert (game.score(batch.x, y).sigmoid() <= 0.99901).all()


def test_a_memory_takes_the_place_of_a_plain_head_only() -> None:
    with pytest.raises(UsageError, match=r"game\.minibatch"):
        play("gan", memory=SMALL, minibatch={"kind": "deviation"})
    with pytest.raises(UsageError, match="labels=concat"):
        play(
            "dcgan",
            "digits8",
            generator=SMALL_IMAGES,
            discriminator=SMALL_IMAGES | {"labels": "projection"},
            conditional=True,
            memory=SMALL,
        )
    head = play("gan", memory=SMALL)[0].discriminator.head
    assert isinstance(head, MemoryHead)
    with pytest.raises(UsageError, match="does not classify"):
        head.classify(torch.zeros(1, 8))


def test_sizes_of_a_memory_must_fit() -> None:
    config = find_game("memorygan").Config
    with pytest.raises(ValidationError, match="neighbours"):
        config.model_validate({"memory": {"slots": 8, "neighbours": 9}})
