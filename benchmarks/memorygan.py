"""memoryGAN against its three ablations: equal rounds, equal settings, several seeds.

    python benchmarks/memorygan.py [--data digits] [--seeds 3] [--jobs 2] [--rounds N] [--out DIR]
        [--set game.memory.neighbours=128]...

Each run stops half-way to keep some of its fakes, goes on to its end, and is measured; a run that
was cut off goes on from its checkpoint, one that is in the results is not repeated. Appends a JSON
line a run to benchmarks/results/memorygan.jsonl and prints mean ± standard deviation over seeds;
`--table` only prints. `--set` tries settings, alike for all variants that have them. Measures:

is          Inception score of SAMPLES samples by the data set's own classifier, 10 splits
classes     classes with at least a fifth of their fair share of the samples
confidence  mean largest class probability of the samples
purity      share of the most frequent predicted class among 32 samples that belong together, mean
            of 64 such sets: samples of one slot, or, where the generator is given no slot, the 32
            of 8,192 latents nearest to a random one (the prior mass of one of 256 slots)
between     mean largest class probability over the 64 pictures of a square between four samples,
            mean of 16 squares: by query and z where there are slots, by z otherwise
slots       effective number of slots (exp of the prior's entropy) after 1/10, half and all rounds
memory      P(D rates a held-out image above a fake of half-way), of fakes that G no longer makes
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from common import commit, spread

VARIANTS = {"memoryGAN": "", "- EM": "_no_em", "- MCGN": "_no_mcgn", "- Memory": "_no_memory"}
"""The recipes' names after ``memorygan/DATA``."""

RATE = "{kind: adam, lr: 0.001, beta1: 0.5, beta2: 0.999}"
SCALE = {
    "digits": [
        *("data.size=16", "data.resize=stretch", "train.precision=bf16"),
        *(f"game.{player}_optimiser={RATE}" for player in ("generator", "discriminator")),
    ],
    "fashion_mnist": ["train.precision=bf16"],
}
"""What makes the recipes small enough for a CPU, alike for all variants."""

TUNED = {
    "digits": [
        *("game.memory.neighbours=32", "game.memory.correct_in_top=8", "game.information=0.03"),
    ],
    "fashion_mnist": [],
}
"""What was chosen for the memory, alike for all variants that have one: for clothes, nothing."""

OF_MEMORY = ("game.memory.", "game.information=")

ROUNDS = {"digits": 2000, "fashion_mnist": 3000}
QUIET = ["train.threads=1", "train.sample_every=0", "train.watch_every=0", "evaluate.at_end=false"]
SAMPLES, SETS, MEMBERS, CELLS, SQUARES = 10_000, 64, 32, 256, 16
SEED = 777
RESULTS = Path(__file__).parent / "results" / "memorygan.jsonl"
KEY = ("data", "variant", "rounds", "tuned")
COLUMNS = ("is", "classes", "confidence", "purity", "between", "memory")


def attempt(
    data: str, variant: str, seed: int, rounds: int, tuned: list[str], out: Path
) -> dict[str, Any]:
    """Train one variant, or the rest of it, and return the line about it."""
    import torch

    from ganvas import api, load
    from ganvas.recipes import load_recipe
    from ganvas.training.folder import RunFolder

    torch.set_num_threads(1)
    words = [*SCALE[data], *tuned, *QUIET, f"seed={seed}", f"train.rounds={rounds}"]
    recipe = load_recipe(
        f"memorygan/{data}{VARIANTS[variant]}", [*words, f"train.stop_at={rounds // 2}"]
    )
    settings = "".join("-" + word.partition("=")[0].rpartition(".")[2] for word in tuned)
    settings += "".join(f"-{word.partition('=')[2]}" for word in tuned)
    name = f"{data}-{variant.replace('- ', 'minus-')}-{rounds}-{seed}{settings}"
    folder = RunFolder(out / name)
    fakes = folder.path / "half-way.pt"
    started = time.process_time()
    if not fakes.is_file():
        if folder.list_checkpoints():
            api.resume(folder.path, [f"train.stop_at={rounds // 2}"], quiet=True)
        else:
            api.train(recipe, folder.path, overwrite=folder.path.exists(), quiet=True)
        torch.save(torch.from_numpy(load(folder.path).sample(2000, seed=SEED).x), fakes)
    api.resume(folder.path, quiet=True)
    trained = time.process_time() - started
    old = torch.load(fakes, weights_only=True).numpy()
    return {
        "data": data,
        "variant": variant,
        "seed": seed,
        "rounds": rounds,
        "tuned": tuned,
        "batch": recipe.train.batch,
        "precision": recipe.train.precision,
        "cpu_seconds": round(trained, 1),
        **measured(folder.path, recipe, old),
        "slots": slots_along(folder.rows(), rounds),
        "commit": commit(),
    }


def measured(folder: Path, recipe: Any, old: Any) -> dict[str, Any]:
    """Return the scores of a finished run."""
    import torch

    from ganvas import load
    from ganvas.data.open import open_data
    from ganvas.diagnosis.look import preference
    from ganvas.metrics.extractor import extract
    from ganvas.metrics.extractors import default_extractor
    from ganvas.metrics.inception_score import mean_confidence

    model, source = load(folder), open_data(recipe.data)
    judge = default_extractor(recipe.data.source, channels=1)

    def probabilities(images: Any) -> torch.Tensor:
        found = extract(judge, images).probabilities
        assert found is not None
        return found

    squares = [model.square(range(4 * i, 4 * i + 4)) for i in range(SQUARES)]
    real = torch.from_numpy(model.score(source.items("test").x[:2000]))
    return {
        "classifier": judge.name,
        "weights": judge.weights,
        **judged(probabilities(model.sample(SAMPLES, seed=SEED).x)),
        "purity": round(purity(probabilities(together(model)).argmax(1)), 4),
        "between": round(statistics.mean(mean_confidence(probabilities(x)) for x in squares), 4),
        "memory": round(preference(real, torch.from_numpy(model.score(old))), 4),
    }


def judged(p: Any) -> dict[str, Any]:
    """Return what class probabilities (N, K) say of images."""
    from ganvas.metrics.inception_score import class_shares, inception_score, mean_confidence
    from ganvas.metrics.modes import strictly_covered

    score, shares = inception_score(p), class_shares(p)
    return {
        "samples": len(p),
        "is": round(score.value, 4),
        "is_over_splits": round(score.spread or 0.0, 4),
        "classes": strictly_covered((shares * len(p)).round().long().numpy(), len(p)),
        "confidence": round(mean_confidence(p), 4),
        "class_shares": [round(float(share), 4) for share in shares],
    }


def real(data: str) -> dict[str, Any]:
    """Return the same of the held-out images, in the size that the runs have."""
    from ganvas.data.open import open_data
    from ganvas.metrics.extractor import extract
    from ganvas.metrics.extractors import default_extractor
    from ganvas.recipes import load_recipe

    settings = load_recipe(f"memorygan/{data}", SCALE[data]).data
    judge = default_extractor(settings.source, channels=1)
    return judged(extract(judge, open_data(settings).items("test").x).probabilities)


def together(model: Any) -> Any:
    """Return SETS × MEMBERS samples, those that belong together in a row."""
    import torch

    from ganvas.play import Noise

    game, noise = model.game, Noise(SEED)
    with torch.inference_mode():
        if game.keyed:
            slots = game.slots(SETS, noise).repeat_interleave(MEMBERS)
            return model.generate(game.with_keys(slots, game.latent.draw(len(slots), noise)))
        z, centres = game.prior(CELLS * MEMBERS, noise), game.prior(SETS, noise)
        nearest = torch.cdist(centres, z).topk(MEMBERS, largest=False).indices
        return model.generate(z[nearest.flatten()])


def purity(predicted: Any) -> float:
    """Return the mean share of the most frequent class in each set of predicted classes."""
    shares = [row.bincount().max() / MEMBERS for row in predicted.reshape(SETS, MEMBERS)]
    return float(sum(shares) / SETS)


def slots_along(rows: list[dict[str, Any]], rounds: int) -> list[float] | None:
    """Return the effective number of slots after a tenth, half and all of the rounds."""
    found = {int(row["round"]): row["memory/slots"] for row in rows if "memory/slots" in row}
    if not found:
        return None
    marks = (rounds // 10, rounds // 2, rounds)
    return [round(found[min(found, key=lambda r: abs(r - mark))], 1) for mark in marks]


def kept() -> list[dict[str, Any]]:
    """Return the lines that are there."""
    lines = RESULTS.read_text().splitlines() if RESULTS.is_file() else []
    return [json.loads(line) for line in lines]


def table(data: str, rounds: int, tuned: list[str]) -> str:
    """Return what is known of one data set as Markdown."""
    lines = [f"| variant | {' | '.join(COLUMNS)} | slots | seeds |\n|{'---|' * (len(COLUMNS) + 3)}"]
    for variant in VARIANTS:
        key = (data, variant, rounds, settings_of(variant, tuned))
        mine = [row for row in kept() if tuple(row[name] for name in KEY) == key]
        if mine:
            cells = [spread([row[name] for row in mine]) for name in COLUMNS]
            along = [row["slots"] for row in mine if row["slots"]]
            slots = " → ".join(spread(list(v)) for v in zip(*along, strict=True)) if along else ""
            lines.append(f"| {variant} | {' | '.join(cells)} | {slots} | {len(mine)} |")
    held_out = real(data)
    cells = [f"{held_out[name]:.3g}" if name in held_out else "" for name in COLUMNS]
    return "\n".join([*lines, f"| held-out images | {' | '.join(cells)} | | |"])


def settings_of(variant: str, tuned: list[str]) -> list[str]:
    """Return the settings that a variant has: not those of a memory, where there is none."""
    if variant != "- Memory":
        return tuned
    return [word for word in tuned if not word.startswith(OF_MEMORY)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", choices=SCALE, default="digits")
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--set", action="append", metavar="KEY=VALUE")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/memorygan"))
    parser.add_argument("--table", action="store_true", help="print what is known, run nothing")
    options = parser.parse_args()
    rounds = options.rounds or ROUNDS[options.data]
    tuned = TUNED[options.data] if options.set is None else options.set
    done = [[row[name] for name in (*KEY, "seed")] for row in kept()]
    work = [
        (options.data, variant, seed, rounds, settings_of(variant, tuned), options.out)
        for seed in range(options.seeds)
        for variant in options.variant or VARIANTS
        if [options.data, variant, rounds, settings_of(variant, tuned), seed] not in done
    ]
    if not options.table and work:
        context = get_context("spawn")
        with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
            for future in [pool.submit(attempt, *job) for job in work]:
                row = future.result()
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                print(row["variant"], row["seed"], *(row[name] for name in COLUMNS), flush=True)
    print(table(options.data, rounds, tuned))


if __name__ == "__main__":
    main()
