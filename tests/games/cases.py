"""The smallest networks of every system, on real data, for the conformance suite."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from ganvas.data import graph_laws
from ganvas.data.graph_source import GraphSource
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.games import find_game
from ganvas.testing import Case
from tests.games.clips import futures, shapes

MLP = {"kind": "mlp", "widths": [16, 16]}
DCGAN = {"kind": "dcgan", "width": 4, "stages": 2}
RESNET = {"kind": "resnet", "width": 8}
GROWING = {"kind": "progressive", "maps": 16, "max_maps": 4}
STYLED = {"kind": "stylegan2", "maps": 16, "max_maps": 4}
PLAIN = STYLED | {"architecture": "original", "grows": True}
BIG = {"kind": "biggan", "width": 1}
DEEP = {"kind": "biggan_deep", "width": 1}
SCENE = {"kind": "vgan", "width": 2}
LEVELS = {"kind": "tganv2", "width": 2, "levels": 3}
SEQUENCE = {"kind": "resnet1d", "width": 4, "blocks": 1, "kernel": 3}
CRITIC = {"kind": "video", "width": 4, "time": "slide"}
R3 = {"kind": "r3", "width": 8, "group_width": 4}


def ring() -> Source:
    return open_data(DataSettings(source="ring8"))


@cache
def digits8() -> Source:
    return open_data(DataSettings(source="digits8"))


@cache
def digits8_given() -> Source:
    """Return the same with each picture beside itself."""
    derive = {"image": {"kind": "whole"}}
    return open_data(DataSettings.model_validate({"source": "digits8", "derive": derive}))


@cache
def digits16() -> Source:
    return open_data(DataSettings(source="digits8", size=16, resize="stretch"))


@cache
def sentences() -> Source:
    return open_data(DataSettings(source="grammar"))


@cache
def blocks() -> Source:
    law = graph_laws.blocks(40, 4, inside=5)
    return GraphSource(law.collection, DataSettings(source="papers", hold_out=0.2), law)


def case(system: str, source: Any, networks: dict[str, Any], **settings: Any) -> Case:
    game = find_game(system)
    latent = {"kind": "normal", "dim": 4}
    pair = {"generator": networks, "discriminator": networks, "latent": latent}
    return Case(game, game.Config.model_validate(pair | settings), source)


def without_norm(networks: dict[str, Any]) -> dict[str, Any]:
    return {"discriminator": networks | {"norm": "none", "head_bias": False}}


MEMORY = {"slots": 40, "dim": None, "neighbours": 16}
SLIM = {"kind": "memory_dcgan", "width": 4, "stages": 2}


def autoencoder(**settings: Any) -> Case:
    game = find_game("svae")
    networks = {"encoder": MLP, "decoder": MLP}
    return Case(game, game.Config.model_validate(networks | settings), digits8)


def two_latents(**settings: Any) -> Case:
    game = find_game("svae-m2")
    networks = {"encoder": MLP, "decoder": MLP, "between": MLP}
    few = {"labels": 20, "labelled_batch": 10}
    return Case(game, game.Config.model_validate(networks | few | settings), digits8)


def graph_autoencoder(**settings: Any) -> Case:
    game = find_game("svgae")
    return Case(game, game.Config.model_validate({"encoder": {"width": 8}} | settings), blocks)


SHORT = {"warm_up": {"rounds": 1, "every": 3, "steps": 4}, "discriminator_steps": 2}
REPRESENTED = {
    "encoder": MLP,
    "decoder": MLP,
    "representatives": 8,
    "candidates": 40,
    "autoencoder_rounds": 2,
    "autoencoder_batch": 40,
}
CASES: dict[str, Case] = {
    "gan points": case("gan", ring, MLP),
    "gan k=3, accumulated": case("gan", ring, MLP, discriminator_steps=3, accumulate=2),
    "lsgan points": case("lsgan", ring, MLP),
    "cgan digits": Case(
        find_game("cgan"),
        find_game("cgan").Config.model_validate({}),
        digits8,
    ),
    "acgan digits": case("acgan", digits8, DCGAN, discriminator=DCGAN | {"labels": "auxiliary"}),
    "dcgan digits": case("dcgan", digits8, DCGAN),
    "dcgan with labels": case("dcgan", digits8, DCGAN, conditional=True),
    "wgan points": case("wgan", ring, MLP, **SHORT),
    "wgan digits": case("wgan", digits8, DCGAN, **SHORT),
    "wgan-gp points": case("wgan-gp", ring, MLP),
    "wgan-gp resnet": case("wgan-gp", digits16, RESNET, discriminator_steps=2),
    "wgan-gp text": case("wgan-gp", sentences, SEQUENCE, discriminator_steps=2),
    "sngan resnet": case(
        "sngan",
        digits16,
        RESNET,
        discriminator=RESNET | {"spectral": True, "labels": "projection"},
        conditional=True,
        discriminator_steps=2,
    ),
    "gan with remedies": case(
        "gan",
        ring,
        MLP,
        packing=2,
        instance_noise=0.1,
        minibatch={"kind": "discrimination", "kernels": 4},
        feature_matching={"alone": False},
        historical_averaging=0.1,
    ),
    "dcgan with remedies": case(
        "dcgan",
        digits8,
        DCGAN,
        minibatch={"kind": "deviation"},
        virtual_batch_norm={"reference": 4},
    ),
    "dcgan augmented": case("dcgan", digits8, DCGAN, augment={"probability": 0.5}),
    "gan weight-normalised": case("gan", ring, MLP, constraint={"kind": "weight"}),
    "gan orthonormal": case("gan", ring, MLP, constraint={"kind": "orthonormal"}, accumulate=2),
    "pacgan digits": case("pacgan", digits8, DCGAN, packing=2),
    "r3gan points": case("r3gan", ring, MLP),
    "r3gan lazy": case("r3gan", ring, MLP, penalty_every=2),
    "r3gan dcgan": case("r3gan", digits8, DCGAN, penalty_every=2, **without_norm(DCGAN)),
    "r3gan smR": case("r3gan", digits16, R3),
    "unrolled points": case("unrolled", ring, MLP, unrolling_steps=2),
    "unrolled digits": case("unrolled", digits8, DCGAN, unrolling_steps=2, second_order=False),
    "ali points": case("ali", ring, MLP, encoder=MLP | {"spread": True}),
    "veegan points": case("veegan", ring, MLP, encoder=MLP),
    "veegan pretrained digits": case(
        "veegan",
        digits8,
        DCGAN,
        discriminator=DCGAN | {"norm": "none", "z_width": 8, "head_width": 8},
        encoder=MLP,
        pretraining=2,
        theta_adv="ali",
    ),
    "memorygan points": case("memorygan", ring, MLP, memory=MEMORY | {"dim": 8}),
    "memorygan digits": case("memorygan", digits8, SLIM, memory=MEMORY),
    "memorygan minus EM": case(
        "memorygan", ring, MLP, memory=MEMORY | {"dim": 8, "rule": "kaiser"}
    ),
    "memorygan minus MCGN": case("memorygan", ring, MLP, memory=MEMORY | {"dim": 8}, mcgn=False),
    "memorygan minus Memory": case("memorygan", digits8, SLIM, memory=None),
    "gan with a memory": case("gan", ring, MLP, memory=MEMORY | {"dim": 8}, accumulate=2),
    "r3gan with a memory": case(
        "r3gan", digits8, DCGAN, memory=MEMORY | {"dim": 8}, **without_norm(DCGAN)
    ),
    "diwgan points": case("diwgan", ring, MLP, **REPRESENTED),
    "diwgan auction": case(
        "diwgan", ring, MLP, **REPRESENTED | {"representatives": 16}, pairing="auction"
    ),
    "progressive digits": case(
        "progressive",
        digits8,
        GROWING,
        growing={"fade": 0.012, "rest": 0.016, "levels": {8: {"batch": 4}}},
    ),
    "progressive least squares": case(
        "progressive",
        digits8,
        GROWING,
        discriminator=GROWING | {"noise": True, "deviation": 0},
        objective={"kind": "least_squares"},
        penalties={"gradient": None},
        growing={"fade": 0.016, "rest": 0.008},
        accumulate=2,
        conditional=True,
    ),
    "stylegan2 digits": case(
        "stylegan2",
        digits8,
        STYLED,
        generator=STYLED | {"width": 4, "depth": 2},
        conditional=True,
        path_length={"every": 2},
        penalty_every=2,
        ada={"probability": 0.3, "kimg": 0.1, "every": 2},
    ),
    "stylegan2 a": replace(
        case(
            "stylegan2",
            digits8,
            PLAIN,
            generator=PLAIN | {"width": 4, "depth": 1, "style": "adain"},
            path_length=None,
            penalty_every=1,
            growing={"fade": 0.008, "rest": 0.008, "restart": False},
        ),
        tolerance=1e-5,  # a constant's deviation is next to none, and maps are divided by it
    ),
    "biggan digits": case(
        "biggan",
        digits8,
        BIG,
        generator=BIG | {"shared": 4, "attention": [8]},
        discriminator=BIG | {"attention": [4]},
        monitor_every=2,
    ),
    "biggan-deep digits": case(
        "biggan-deep", digits8, DEEP, discriminator=DEEP | {"dropout": 0.2}, conditional=False
    ),
    "gan, few digits": case(
        "gan",
        digits8,
        DCGAN,
        **without_norm(DCGAN),
        penalties={"r1": {"kind": "r1"}},
        penalty_every=2,
        ada={"groups": "bgcfnc", "probability": 0.3, "kimg": 0.1, "every": 2},
        diffaugment="color,translation,cutout",
        lecam={"start": 1},
    ),
    "vgan shapes": case("vgan", shapes, SCENE, discriminator=SCENE | {"noise": 0.2}),
    "vgan future": case(
        "vgan",
        futures,
        SCENE,
        generator={"kind": "vgan_future", "width": 2},
        latent={"kind": "none"},
        conditional=["image"],
        mask=0,
    ),
    "vgan-actions shapes": Case(
        find_game("vgan-actions"),
        find_game("vgan-actions").Config.model_validate(
            {"discriminator": {"width": 2}, "labels": 20}
        ),
        shapes,
    ),
    "vgan-autoencoder shapes": Case(
        find_game("vgan-autoencoder"),
        find_game("vgan-autoencoder").Config.model_validate(
            {"encoder": {"width": 2}, "decoder": SCENE, "code": 5, "components": 3}
        ),
        shapes,
    ),
    "tganv2 shapes": case("tganv2", shapes, LEVELS, discriminator=LEVELS | {"blocks": 1}),
    "tganv2 thinned, two critic steps": case(
        "tganv2",
        shapes,
        LEVELS,
        discriminator=LEVELS | {"blocks": 0},
        subsampling={"stride": (4, 2), "thinning": 2},
        discriminator_steps=2,
    ),
    "mocogan clips": case(
        "mocogan",
        shapes,
        DCGAN,
        discriminator=CRITIC | {"labels": "auxiliary", "noise": 0.1},
        frame_discriminator={"kind": "patch", "width": 4, "noise": 0.1},
        conditional=["label"],
        categories="supervised",
    ),
    "mocogan equations": case(
        "mocogan",
        shapes,
        DCGAN,
        discriminator=CRITIC | {"labels": "auxiliary"},
        frame_discriminator=None,
        temporal="sde",
        categories="infogan",
        category_count=3,
        category_to="image",
    ),
    "tgan clips": case(
        "tgan",
        shapes,
        {"kind": "tgan", "width": 4, "max_width": 8},
        discriminator=CRITIC | {"time": "halve"},
        temporal={"kind": "conv1d", "widths": [8, 4]},
        latent={"kind": "uniform", "dim": 4},
        motion=4,
        conditional=["label"],
        constraint={"kind": "singular", "every": 2},
    ),
    "style-transfer digits": Case(
        find_game("style-transfer"),
        find_game("style-transfer").Config.model_validate({"generator": {"width": 2, "blocks": 1}}),
        digits8_given,
    ),
    "svgae vmf": graph_autoencoder(latent={"kind": "vmf", "dim": 3}),
    "svgae normal, last": graph_autoencoder(latent={"kind": "normal", "dim": 3}, keep="last"),
    "svae normal": autoencoder(latent={"kind": "normal", "dim": 3}),
    "svae vmf": autoencoder(latent={"kind": "vmf", "dim": 4}),
    "svae implicit, 3 samples": autoencoder(
        latent={"kind": "vmf", "dim": 4}, gradient="implicit", samples=3
    ),
    "svae-m2 both": two_latents(z1={"kind": "vmf", "dim": 4}, z2={"kind": "normal", "dim": 3}),
    "svae power spherical": autoencoder(latent={"kind": "power-spherical", "dim": 2}),
}
ROUNDS = dict.fromkeys(("r3gan smR", "sngan resnet", "wgan-gp resnet"), 2) | {
    **dict.fromkeys(("vgan shapes", "tganv2 shapes", "tganv2 thinned, two critic steps"), 2),
    **dict.fromkeys(("progressive digits", "progressive least squares"), 2),  # of five stages
}
"""Rounds of cases whose networks are deep, and where no turn is lazy."""
CASES = {name: replace(case, rounds=ROUNDS.get(name, 3)) for name, case in CASES.items()}
"""Lazy turns come every second round, and in the six rounds of a resume each comes more than once.
"""
