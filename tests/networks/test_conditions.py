"""Conditions of every kind in every family of networks, and how they enter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.images import Images
from ganvas.data.domains.masked import MaskedImages
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.errors import UsageError
from ganvas.networks import Conditions, DiscriminatorConfig, GeneratorConfig
from ganvas.networks.convolutional import norm
from ganvas.nn import BatchNorm, ConditionalBatchNorm

SIZE = 16
PICTURES = Images(channels=1, height=SIZE, width=SIZE)
CLASSES = Conditions({"label": Classes(count=4)})
NUMBERS = Conditions({"place": Vector(shift=[0.0] * 4, scale=[1.0] * 4)})
SEVERAL = Conditions(
    {
        "kind": Classes(count=3),
        "colour": Classes(count=2),
        "tags": Tags(called=["a", "b"]),
        "place": Vector(shift=[0.0], scale=[1.0]),
    }
)
COARSE = Conditions({"label": Classes(count=4), "coarse": PICTURES.at_size((4, 4))})
FAMILIES: dict[str, dict[str, Any]] = {
    "mlp": {"widths": [8]},
    "cgan_mlp": {"z_width": 4, "y_width": 6, "widths": [8]},
    "dcgan": {"width": 4, "stages": 2},
    "resnet": {"width": 4},
    "r3": {"width": 8, "group_width": 4, "embedding": 4},
    "bottleneck": {"width": 4},
    "progressive": {"maps": 16, "max_maps": 8},
}


def generator(family: str, conditions: Conditions, **more: Any) -> Any:
    settings = FAMILIES[family] | {"kind": family} | more
    config: Any = TypeAdapter(GeneratorConfig).validate_python(settings)
    torch.manual_seed(0)
    return grown(config.build(PICTURES, 5, conditions).eval())


def discriminator(family: str, conditions: Conditions, **more: Any) -> Any:
    own = {
        "cgan_mlp": {"x_width": 8, "y_width": 4, "widths": [8]},
        "r3": {"width": 8, "group_width": 4},
        # A deviation is of a whole group, and heads that guess are told nothing.
        "progressive": FAMILIES["progressive"] | {"deviation": 0, "labels": "concat"},
    }
    settings = own.get(family, FAMILIES[family]) | {"kind": family} | more
    config: Any = TypeAdapter(DiscriminatorConfig).validate_python(settings)
    torch.manual_seed(0)
    return grown(config.build(PICTURES, conditions).eval())


def grown(network: Any) -> Any:
    """Return a network at its finest level, if it has several."""
    if hasattr(network, "growth"):
        network.growth.set(len(network.sizes) - 1, 1.0)
    return network


def some(n: int, conditions: Conditions, seed: int = 0) -> Batch:
    """Return conditions of n items, in network units."""
    chance, fields = torch.Generator().manual_seed(seed), {}
    for name, domain in conditions.items():
        if domain.classes:
            fields[name] = torch.randint(domain.classes, (n,), generator=chance)
        else:
            fields[name] = torch.randn(n, *domain.shape, generator=chance)
    return Batch(fields, main=next(iter(fields)))


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "r3"])
def test_a_projected_vector_e_k_is_class_k(family: str) -> None:
    """F(x, y) = ψ(φ) + yᵀVφ: the rows of V are those of the classes."""
    of_classes = discriminator(family, CLASSES, labels="projection")
    of_numbers = discriminator(family, NUMBERS, labels="projection")
    of_numbers.load_state_dict(of_classes.state_dict())
    x, k = torch.randn(4, *PICTURES.shape), torch.arange(4)
    torch.testing.assert_close(of_numbers(x, torch.eye(4)), of_classes(x, k))
    y = torch.randn(4, 4)
    by_hand = of_classes.head.score(h := of_classes.features(x)).squeeze(1) + (
        (y @ of_classes.head.table.weight) * h
    ).sum(1)
    torch.testing.assert_close(of_numbers(x, y), by_hand)


def test_norms_are_tables_of_one_class_and_linear_in_all_else() -> None:
    assert type(norm("batch", 3)) is BatchNorm
    x, plain = torch.randn(6, 3, 2, 2), BatchNorm(3, affine=False)
    tables, linear = norm("batch", 3, CLASSES), norm("batch", 3, SEVERAL)
    assert isinstance(tables, ConditionalBatchNorm)
    assert isinstance(linear, ConditionalBatchNorm)
    torch.testing.assert_close(tables(x, torch.arange(6) % 4), plain(x))
    torch.testing.assert_close(linear(x, torch.zeros(6, SEVERAL.width)), plain(x))
    h = torch.randn(6, SEVERAL.width)
    a, b = (p.weight for p in (linear.condition.gain, linear.condition.offset))
    wanted = plain(x) * (1 + h @ a.T)[..., None, None] + (h @ b.T)[..., None, None]
    torch.testing.assert_close(linear(x, h), wanted)


@pytest.mark.parametrize("conditions", [SEVERAL, COARSE, Conditions({"c": PICTURES})])
@pytest.mark.parametrize("family", FAMILIES)
def test_conditions_reach_both_networks(family: str, conditions: Conditions) -> None:
    """Each field changes samples and scores, those of its own item alone."""
    told, z = some(3, conditions), torch.randn(3, 5)
    x = torch.randn(3, *PICTURES.shape)
    g, d = generator(family, conditions), discriminator(family, conditions)
    concat = {} if family == "cgan_mlp" else {"labels": "concat"}
    for net, first in ((g, z), (d, x), (discriminator(family, conditions, **concat), x)):
        with torch.no_grad():
            for parameter in net.parameters():  # tables of classes start equal
                parameter += 0.1 * torch.randn_like(parameter)
        before: Tensor = net(first, conditions.of(told))
        assert before.shape[0] == 3
        for name in conditions:
            other = told[name].clone()
            other[1] = some(3, conditions, seed=9)[name][1] if told[name].dim() > 1 else (
                (told[name][1] + 1) % conditions[name].classes
            )  # fmt: skip
            after: Tensor = net(first, conditions.of(told.replace(**{name: other})))
            same = [torch.equal(before[i], after[i]) for i in range(3)]
            assert same == [True, False, True], (name, type(net).__name__)


def test_maps_are_laid_beside_one_another_at_the_size_of_what_sees_them() -> None:
    conditions = Conditions(
        {"label": Classes(count=2), "a": PICTURES, "b": PICTURES.at_size((4, 4))}
    )
    told = some(3, conditions)
    assert (conditions.planes, conditions.vectors.width) == (2, 2)
    assert conditions.width == 2 + SIZE**2 + 16
    laid = conditions.laid(conditions.of(told), (8, 8))
    torch.testing.assert_close(laid[:, :1], torch.nn.functional.avg_pool2d(told["a"], 2))
    torch.testing.assert_close(laid[:, 1, 2:4, 6:8], told["b"][:, 0, 1:2, 3:4].expand(3, 2, 2))
    assert torch.equal(conditions.vector(conditions.of(told)), told["label"])
    flat = conditions.flat(conditions.of(told))
    assert flat is not None
    assert torch.equal(flat[:, 2 : 2 + SIZE**2], told["a"].flatten(1))
    guess = torch.cat([torch.zeros(3, 2), flat[:, 2:]], 1)  # right but for the class
    batch = told.replace(x=torch.zeros(3, 1))
    assert conditions.mismatch(guess, batch).item() == pytest.approx(torch.tensor(2.0).log().item())


@pytest.mark.parametrize("more", [{}, {"labels": "norm"}, {"full_resolution": True, "extra": 1}])
@pytest.mark.parametrize("conditions", [COARSE, Conditions({"c": PICTURES})])
def test_each_place_depends_on_all_that_an_encoder_sees(
    conditions: Conditions, more: dict[str, Any]
) -> None:
    """Resized maps reach as far as the convolutions do; an encoder's vector reaches everywhere."""
    told, z = some(2, conditions), torch.randn(2, 5)
    name = next(iter(conditions.maps))
    other = told[name].clone()
    other[0, :, 0, 0] += 1  # the upper left corner of the first item
    for maps in ("resized", "encoded"):
        network = generator("dcgan", conditions, maps=maps, **more)
        with torch.no_grad():
            for parameter in network.parameters():  # as if it had been trained
                parameter += 0.1 * torch.randn_like(parameter)
            before = network(z, conditions.of(told))
            after = network(z, conditions.of(told.replace(**{name: other})))
        assert before.shape == (2, *PICTURES.shape)
        changed = (before != after).any(1)
        assert changed[0, 0, 0]
        assert bool(changed[0].all()) is (maps == "encoded")
        assert not changed[1].any()
        assert network.extends is (maps == "resized")


def test_skips_tell_the_place_that_a_vector_does_not() -> None:
    """Without its vector an encoder's maps still stand beside those of every level."""
    conditions = Conditions({"c": PICTURES})
    network, z = generator("dcgan", conditions, maps="encoded"), torch.randn(1, 5)
    torch.nn.init.zeros_(network.encoder.vector.weight)
    with torch.no_grad():
        plain = network(z, torch.zeros(1, *PICTURES.shape))
        corner = torch.zeros(1, *PICTURES.shape)
        corner[..., 0, 0] = 1
        changed = (network(z, corner) != plain)[0, 0]
    assert changed[0, 0]
    assert not changed[-1, -1]


def test_what_is_shown_of_a_picture_stands_in_samples() -> None:
    hidden = MaskedImages(channels=2, height=SIZE, width=SIZE)
    conditions = Conditions({"masked": hidden, "label": Classes(count=4)})
    given = torch.rand(3, 2, SIZE, SIZE) * 2 - 1
    known = torch.rand(3, SIZE, SIZE) < 0.5
    given[:, 1] = known * 2.0 - 1
    told = Batch({"masked": given, "label": torch.arange(3)}, main="masked")
    z = torch.randn(3, 5)
    free, kept = (generator("dcgan", conditions, keep=keep) for keep in (False, True))
    with torch.no_grad():
        plain = free(z, conditions.of(told))[:, 0]
        found = kept(z, conditions.of(told))[:, 0]
    assert torch.equal(found[known], given[:, 0][known])
    assert torch.equal(found[~known], plain[~known])
    assert not torch.equal(plain[known], given[:, 0][known])


def test_networks_that_take_no_maps_say_so() -> None:
    config: Any = TypeAdapter(GeneratorConfig).validate_python({"kind": "dcgan_labelled"})
    with pytest.raises(UsageError, match="'coarse' holds images, which .* networks do not take"):
        config.build(PICTURES, 5, COARSE)
