"""G13 and G14: growing images, copies, and the blur of likelihood."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ganvas.data.packaged import digits
from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.modes import grid_panel
from ganvas.gallery.playing import images, table
from ganvas.games.parts.growing import Growing, faded
from ganvas.games.progressive import Progressive
from ganvas.metrics.duplicates import copy_share
from ganvas.metrics.neighbours import nearest
from ganvas.nn import downsample_average, upsample_nearest
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Line
from ganvas.slices import slices

Pixels = NDArray[np.float32]
ROUNDS = 1200
"""Rounds of the short GAN: about forty seconds on one core."""
FALLING = {"kind": "adam", "lr": {"start": 6e-3, "end": 2e-4}, "beta1": 0.0, "beta2": 0.99}
LATENT = 16
"""Width of the VAE's code."""
EPOCHS, BATCH = 15, 100


def real_digits(split: str) -> Tensor:
    """Return a split of the packaged digits, (N, 1, 28, 28) in [−1, 1]."""
    held = digits().splits[split].x[..., 0]
    return torch.from_numpy(held.astype(np.float32) / 127.5 - 1)[:, None]


@lru_cache(maxsize=2)
def gan_digits(seed: int, rounds: int = ROUNDS) -> Pixels:
    """Return 2,000 digits of an R3GAN trained for a short while, (N, 1, 28, 28)."""
    made = table(
        "r3gan",
        images("digits"),
        seed,
        batch=64,
        latent={"kind": "normal", "dim": 64},
        generator={"kind": "dcgan", "width": 12, "activation": "leaky_relu"},
        discriminator={"kind": "dcgan", "width": 12, "norm": "none", "head_bias": False},
        gamma={"start": 0.2, "end": 0.02},
        generator_optimiser=FALLING,
        discriminator_optimiser=FALLING,
    )
    made.play(rounds)
    return made.samples(2000)


class Autoencoder(nn.Module):
    """A small VAE of 28×28 pixels in [0, 1] (Kingma & Welling 2014): 784 → 400 → 16 → 400 → 784."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, 400), nn.ReLU(), nn.Linear(400, 784))

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the negative evidence bound per image in nats, pixels as chances of ink."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        code = mean + (log_variance / 2).exp() * noise
        ink = F.binary_cross_entropy_with_logits(self.decoder(code), x, reduction="sum")
        prior = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return (ink + prior) / len(x)


def vae_digits(seed: int, epochs: int = EPOCHS) -> tuple[Pixels, Pixels, list[float]]:
    """Train a VAE; return 2,000 samples, reconstructions of held-out digits, and the loss."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Autoencoder()
    rng = torch.Generator().manual_seed(seed)
    x = (real_digits("train").flatten(1) + 1) / 2
    descent = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = list[float]()
    for _ in range(epochs):
        total = 0.0
        order = torch.randperm(len(x), generator=rng)
        for part in slices(len(x), BATCH):
            rows = order[part]
            loss = model.loss(x[rows], torch.randn(len(rows), LATENT, generator=rng))
            descent.zero_grad()
            loss.backward()
            descent.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / len(x))
    with torch.no_grad():
        drawn = model.decoder(torch.randn(2000, LATENT, generator=rng))
        held = (real_digits("test")[:2000].flatten(1) + 1) / 2
        rebuilt = model.decoder(model.encoder(held)[:, :LATENT])
    shape = (-1, 1, 28, 28)
    return *((2 * part.sigmoid() - 1).numpy().reshape(shape) for part in (drawn, rebuilt)), losses


def sharpness(images: Tensor) -> float:
    """Return the mean variance of the Laplacian of images (N, 1, H, W): high for sharp edges."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    edges = F.conv2d(images, kernel)
    return float(edges.flatten(1).var(1).mean())


def blur(seed: int) -> Exhibit:
    """G14: samples of a VAE and of a GAN, and how sharp they are."""
    drawn, rebuilt, losses = vae_digits(seed)
    shown = {
        "data": real_digits("test")[:2000].numpy(),
        "VAE": drawn,
        "VAE, data rebuilt": rebuilt,
        "GAN": gan_digits(seed),
    }
    found = {name: sharpness(torch.from_numpy(part)) for name, part in shown.items()}
    rows = [Row(f"{name}: mean variance of the Laplacian", value) for name, value in found.items()]
    rows += [
        Row(f"{name}: sharpness as a share of the data's", found[name] / found["data"])
        for name in list(found)[1:]
    ]
    panels = [
        grid_panel(f"{name}: sharpness {found[name]:.2f}", part[:48], 8)
        for name, part in shown.items()
    ]
    return Exhibit(
        "A VAE averages over what it cannot tell apart, and blurs; a GAN must pass for real, and "
        "is sharp, also where it is wrong. Both trained for under a minute on one core.",
        figure("G14 The blur of a VAE, the edges of a GAN", panels, columns=4),
        rows,
        {"VAE loss by epoch, nats an image": losses, "GAN rounds": ROUNDS, **found},
    )


# ---- G13 ----------------------------------------------------------------------------------------

SIZES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
PHASES = Growing().phases([(size, size) for size in SIZES])
"""Those of the game's defaults, the published ones."""
LAST = 800.0
"""Thousand images of the last phase, which is as long as a recipe says."""
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
HALF, REST = 2.0, 4.0
"""Thousand images of each half of a level of the run that is drawn, and of its last one."""


def stage(shown: float) -> tuple[int, float]:
    """Return the resolution and α after so many thousand images."""
    for phase in PHASES:
        kimg = phase.kimg or LAST
        if shown < kimg:
            return phase.size[0], phase.alpha(shown / kimg)
        shown -= kimg
    return SIZES[-1], 1.0


class Growth(NamedTuple):
    """What was seen of a Progressive GAN while it grew.

    Attributes:
        shown: thousand real images before each round.
        heights: pixels along an edge of its level, in each round.
        alphas: weight of the level's own layers, in each round.
        sheets: samples of the same latents, by the level's height and α, (8, 1, 28, 28).
        drawn: samples in the end, (1000, 1, 28, 28).
    """

    shown: list[float]
    heights: list[int]
    alphas: list[float]
    sheets: dict[tuple[int, float], Pixels]
    drawn: Pixels


@lru_cache(maxsize=2)
def grown_digits(seed: int, kimg: float = HALF, last: float = REST) -> Growth:
    """Let a narrow Progressive GAN grow on digits from 7 to 28 pixels.

    Args:
        seed: of the run.
        kimg: thousand images of each half of a level.
        last: of the finest level, once it has faded in.
    """
    adam = {"kind": "adam", "lr": 2e-3, "beta1": 0.0, "beta2": 0.99}
    narrow = {"kind": "progressive", "maps": 128, "max_maps": 32}
    made = table(
        "progressive",
        images("digits"),
        seed,
        batch=32,
        latent={"kind": "normal", "dim": 64},
        generator=narrow,
        discriminator=narrow,
        growing={"fade": kimg, "rest": kimg},
        objective={"kind": "nonsaturating"},
        penalties={"gradient": None, "drift": None, "r1": {"kind": "r1", "weight": 0.2}},
        penalty_every=8,
        generator_optimiser=adam,
        discriminator_optimiser=adam,
    )
    game, seen = cast(Progressive, made.game), Growth([], [], [], {}, np.empty(0, np.float32))
    at = 0.0
    for stage, phase in zip(game.stages(), game.phases, strict=True):
        stage.begin(game, made.feed, made.turns)
        rounds = max(round(1000 * (stage.kimg or last) / 32), 2)
        for number in range(rounds):
            made.turns.round, made.turns.progress = number, number / rounds
            game.train()
            stage.play(made.feed, made.turns)
            made.turns.statistics = {}
            level, alpha = game.stands
            seen.shown.append(at)
            seen.heights.append(game.sizes[level][0])
            seen.alphas.append(alpha)
            at += 32 / 1000
            if phase.fades and number == rounds // 2:
                seen.sheets[phase.size[0], 0.5] = made.samples(8)
        if not phase.fades:
            seen.sheets[phase.size[0], 1.0] = made.samples(8)
    return seen._replace(drawn=made.samples(1000))


def growing(seed: int) -> Exhibit:
    """G13: a run that grows, real digits faded from 16² to 32², and a check for copies."""
    run = grown_digits(seed)
    source = images("digits", size=32, resize="stretch")
    x = torch.from_numpy(source.items("test").x[:8, :, :, 0].astype(np.float32) / 127.5 - 1)[
        :, None
    ]
    strip = torch.cat([faded(x, alpha) for alpha in ALPHAS])
    coarse = upsample_nearest(downsample_average(x))
    distance = [_length(faded(x, a) - coarse) / _length(x - coarse) for a in ALPHAS]
    total = sum(phase.kimg or LAST for phase in PHASES)
    rows = [
        Row(
            "α = 0: largest difference from the 16² image doubled",
            float((faded(x, 0.0) - coarse).abs().max()),
            0.0,
        ),
        Row(
            "α = 1: largest difference from the 32² image",
            float((faded(x, 1.0) - x).abs().max()),
            0.0,
        ),
        Row("α = 1/2: share of the way from 16² to 32²", distance[2], 0.5),
        Row(
            "α = 1/2: pooled image unchanged, largest difference",
            float((downsample_average(faded(x, 0.5)) - downsample_average(x)).abs().max()),
            0.0,
        ),
        Row("as published: resolution after 3,000 thousand images", float(stage(3000.0)[0]), 16.0),
        Row("as published: α after 2,800 thousand images", stage(2800.0)[1], 0.5),
        Row("as published: thousand images until 1024² is done", float(total), 13_600.0),
        Row("the run: thousand images until 28² is done", len(run.shown) * 32 / 1000),
    ]
    copies, panel = _neighbours(run.drawn)
    panels = [
        Panel(
            "resolution of the run",
            [Line(np.array(run.shown), run.heights, None, 0)],
            x_label="real images shown, thousands",
            y_label="pixels along an edge",
            y=(0, 30),
        ),
        Panel(
            "α: weight of the new layers",
            [Line(np.array(run.shown), run.alphas, None, 1)],
            x_label="real images shown, thousands",
            y_label="α",
            y=(0, 1.05),
        ),
        grid_panel(
            "one latent a column, from 7² to 28²",
            np.concatenate([run.sheets[moment] for moment in sorted(run.sheets)]),
            8,
        ),
        grid_panel("16² into 32²: α = 0, ¼, ½, ¾, 1", strip.numpy(), 8),
        panel,
    ]
    return Exhibit(
        "A Progressive GAN, narrow and short, grows on digits from 7 to 28 pixels: new layers, and "
        "the real images with them, fade in over the first half of each level. The published "
        "schedule doubles the resolution every 1.6 million images. Last: its samples above their "
        "nearest training digits, to see that they are no copies.",
        figure("G13 Progressive growing", panels, columns=5),
        [*rows, *copies],
        {
            "thousand images": run.shown,
            "resolution": run.heights,
            "alpha": run.alphas,
            "share of the way": distance,
        },
    )


def _length(x: Tensor) -> float:
    """Return the Euclidean norm of all entries."""
    return float(x.square().sum().sqrt())


def _neighbours(samples: Pixels) -> tuple[list[Row], Panel]:
    """Compare samples (N, 1, 28, 28), held-out digits and copies with training digits."""
    train, test = (real_digits(split).flatten(1) for split in ("train", "test"))
    drawn = torch.from_numpy(samples).flatten(1)
    shown: dict[str, Any] = {
        "samples": drawn[:1000],
        "held-out digits": test[1000:],
        "training digits": train[:1000],
    }
    rows = list[Row]()
    for name, part in shown.items():
        share = copy_share(part, train, test[:1000])
        expected = {"held-out digits": 0.01, "training digits": 1.0}.get(name)
        rows += [
            Row(
                f"{name}: median distance to the nearest training digit",
                float(nearest(part, train)[0].median()),
                0.0 if part is shown["training digits"] else None,
            ),
            Row(f"{name}: share nearer than 1 % of real ones", share, expected),
        ]
    chosen = drawn[:24]
    found = train[nearest(chosen, train)[1]]
    # Rows of eight samples, each above the row of their neighbours.
    pairs = torch.stack([chosen.view(3, 8, -1), found.view(3, 8, -1)], 1)
    return rows, grid_panel(
        "samples above their nearest digits", pairs.view(-1, 1, 28, 28).numpy(), 8
    )
