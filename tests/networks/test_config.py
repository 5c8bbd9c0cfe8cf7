"""Networks as they stand in configurations."""

import pytest
from pydantic import TypeAdapter, ValidationError

from ganvas.networks import PRESETS, DiscriminatorConfig, GeneratorConfig

GENERATOR, DISCRIMINATOR = TypeAdapter(GeneratorConfig), TypeAdapter(DiscriminatorConfig)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_name_and_survives_a_round_trip(name):
    for adapter, settings in zip((GENERATOR, DISCRIMINATOR), PRESETS[name], strict=True):
        assert adapter.validate_python(name) == settings
        assert adapter.validate_json(settings.model_dump_json()) == settings
        assert adapter.validate_python(settings) is settings


def test_a_preset_may_be_changed():
    changed = GENERATOR.validate_python({"preset": "dcgan", "width": 16})
    assert changed == PRESETS["dcgan"][0].model_copy(update={"width": 16})


def test_kinds_choose_the_family():
    assert GENERATOR.validate_python({"kind": "mlp", "widths": [3]}).widths == (3,)
    with pytest.raises(ValidationError, match=r"(?=.*'dcgan').*'mlp'"):
        GENERATOR.validate_python({"kind": "transformer"})


@pytest.mark.parametrize("adapter", [GENERATOR, DISCRIMINATOR])
def test_unknown_presets_name_the_nearest(adapter):
    with pytest.raises(ValidationError, match=r"unknown network 'toyw'\. Did you mean 'toy"):
        adapter.validate_python("toyw")


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "mlp", "widths": []},
        {"kind": "mlp", "width": [3]},
        {"kind": "dcgan", "width": 0},
        {"kind": "dcgan", "norm": "layer", "labels": "norm"},
        {"kind": "dcgan", "norm": "layer", "projection_norm": "unit"},
        {"kind": "resnet", "norm": "layer"},
        {"kind": "r3", "width": 100},
        {"kind": "r3", "width": [64, 20]},
        {"kind": "bottleneck", "width": 6},
        {"kind": "cgan_mlp", "dropout": 1.0},
    ],
)
def test_wrong_values_are_refused(settings):
    with pytest.raises(ValidationError):
        GENERATOR.validate_python(settings)


@pytest.mark.parametrize("adapter", [GENERATOR, DISCRIMINATOR])
def test_json_schema_offers_families_and_names(adapter):
    text = str(adapter.json_schema())
    for kind in ("mlp", "cgan_mlp", "dcgan", "resnet", "bottleneck", "r3"):
        assert f"'{kind}'" in text
