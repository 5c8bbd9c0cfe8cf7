"""Images on disk: what a set larger than memory costs, and what a kill leaves behind.

    python benchmarks/disk.py --count 120000 --folder disk     # about ten minutes on two cores
    python benchmarks/disk.py --count 6000 --folder disk       # a minute

Makes images of 64×64 in a folder, and prints how long they take to decode once and to open again,
what a kill while the cache is written leaves, how much anonymous memory training, evaluation and
`ganvas data` take above a process that has only imported ganvas (pages of the mapped file do not
count, since the system drops them at will), and how fast batches and rounds are from disk and from
memory, in alternating blocks of one process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

EDGE, CLASSES = 64, 8
RECIPE = "dcgan/images"
PLAIN = [
    *("train.batch=64", "train.threads=1"),
    *("game.generator.width=8", "game.discriminator.width=8"),
]
"""Networks so small that rounds of 16 images take less than 50 ms, and data most of the memory."""


def make(folder: Path, count: int, suffix: str = ".bmp", noise: int = 0, **how: Any) -> None:
    """Write images of blobs of colour in class folders.

    Args:
        folder: gets a folder ``set``.
        count: of images.
        suffix: .bmp costs no compression.
        noise: up to so much is added to each number.
        how: options of the format.
    """
    import numpy as np
    from PIL import Image

    done = folder / "done"
    if done.is_file() and int(done.read_text()) == count:
        return
    for label in range(CLASSES):
        (folder / "set" / f"class{label}").mkdir(parents=True, exist_ok=True)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, EDGE)] * 2), -1)

    def write(chunk: range) -> None:
        rng = np.random.default_rng(chunk.start)
        for i in chunk:
            blob = np.exp(-4 * ((grid - rng.uniform(-0.7, 0.7, 2)) ** 2).sum(-1))[..., None]
            picture = (255 - noise) * blob * rng.uniform(0.2, 1, 3)
            if noise:
                picture += rng.uniform(0, noise, picture.shape)
            path = folder / "set" / f"class{i % CLASSES}" / f"{i:06d}{suffix}"
            Image.fromarray(picture.astype(np.uint8)).save(path, **how)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, [range(i, min(i + 500, count)) for i in range(0, count, 500)]))
    done.write_text(str(count))


# ---- memory --------------------------------------------------------------------------------------


class Watched:
    """A process whose anonymous memory is read twenty times a second."""

    def __init__(self, *words: str) -> None:
        began = time.monotonic()
        self.peak = 0
        self._process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE)
        thread = threading.Thread(target=self._watch)
        thread.start()
        self.said = self._process.communicate()[0].decode()
        thread.join()
        self.seconds = time.monotonic() - began
        if self._process.returncode:
            raise SystemExit(f"failed: {' '.join(words)}\n{self.said}")

    def _watch(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        while self._process.poll() is None:
            if found := re.search(r"RssAnon:\s+(\d+) kB", status.read_text()):
                self.peak = max(self.peak, int(found[1]) * 1024)
            time.sleep(0.05)


def ganvas(*words: str) -> Watched:
    return Watched("-m", "ganvas", *words)


# ---- speed ---------------------------------------------------------------------------------------


def speed(settings: dict[str, Any], blocks: int, rounds: int, batch: int) -> dict[str, float]:
    """Return images a second of batches alone and of whole rounds, from disk over from memory."""
    import torch

    from ganvas.data.feed import Feed
    from ganvas.data.open import DataSettings, open_data
    from ganvas.play import Noise, Turns, build
    from ganvas.recipes import load_recipe

    torch.set_num_threads(1)
    recipe = load_recipe(RECIPE, [*PLAIN, f"train.batch={batch}"], settings["source"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    feeds: dict[str, Feed] = {}
    games: dict[str, Any] = {}
    for name, where in (("disk", settings["cache"]), ("memory", "memory")):
        source = open_data(DataSettings(**{**settings, "cache": where}))
        feeds[name] = Feed(source, batch=batch, seed=0, device=device)
        game = build(recipe.game_type, recipe.game_config, source.spec, 0).to(device).train()
        turns = Turns(game.players, Noise(0, device))
        turns.hold()
        games[name] = (game.stages()[0], turns)

    def batches(name: str) -> float:
        began = time.perf_counter()
        for _ in range(rounds):
            feeds[name].next()
        return time.perf_counter() - began

    def played(name: str) -> float:
        stage, turns = games[name]
        began = time.perf_counter()
        for _ in range(rounds):
            stage.play(feeds[name], turns)
            turns.round += 1
        turns.take_statistics()
        return time.perf_counter() - began

    found: dict[str, float] = {}
    for what, timed in (("batches", batches), ("rounds", played)):
        times: dict[str, list[float]] = {"disk": [], "memory": []}
        for name in times:
            timed(name)
        for block in range(blocks):
            for name in sorted(times, reverse=bool(block % 2)):
                times[name].append(timed(name))
        ratios = [m / d for d, m in zip(times["disk"], times["memory"], strict=True)]
        found[f"{what}: disk over memory"] = statistics.median(ratios)
        found[f"{what}: ms from disk"] = 1e3 * statistics.median(times["disk"]) / rounds
        found[f"{what}: img/s from disk"] = batch * rounds / statistics.median(times["disk"])
    return found


# ---- a kill --------------------------------------------------------------------------------------


def written(cache: Path) -> int:
    return sum(path.stat().st_size for path in cache.glob(".*.writing/planes"))


def kill(source: Path, cache: Path, least: int) -> dict[str, Any]:
    """Kill a process that has written so many bytes; return what lies there, and the next start."""
    code = (
        "import sys; from ganvas.data.catalogue import read; "
        "from ganvas.data.settings import DataSettings as S; "
        "x = read(S(source=sys.argv[1], cache=sys.argv[2])).splits['train'].x; "
        "import numpy as np, zlib; print(zlib.crc32(np.moveaxis(x, -1, 1).data.cast('B')))"
    )
    words = [sys.executable, "-c", code, str(source), str(cache)]
    job = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while written(cache) < least:
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    half = written(cache)
    complete = sum(not path.name.startswith(".") for path in cache.iterdir())
    plain = subprocess.run(
        [*words[:-1], "memory"], capture_output=True, text=True, check=True
    ).stdout
    began = time.monotonic()
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return {
        "bytes written at the kill": half,
        "sets visible after it": complete,
        "seconds of the next start": time.monotonic() - began,
        "unfinished folders left": len(list(cache.glob(".*.writing"))),
        "equal to decoding without a cache": said == plain,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where everything is written")
    parser.add_argument("--count", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of a training")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16, help="of the rounds that are timed")
    parser.add_argument("--samples", type=int, default=2000, help="samples of the evaluation")
    parser.add_argument("--json", type=Path, help="write the numbers there, too")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    source, cache, run = folder / "set", folder / "cache", folder / "run"
    make(folder, arguments.count)
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir()
    found: dict[str, Any] = {"images": arguments.count}

    def say(**numbers: Any) -> None:
        for name, value in numbers.items():
            found[name] = value
            shown = f"{value:,.3f}" if isinstance(value, float) else str(value)
            print(f"{name.replace('_', ' ')}: {shown}", flush=True)

    say(**kill(source, cache, arguments.count * EDGE * EDGE))
    sizes = [path.stat().st_size for path in cache.glob("*/planes")]
    say(decoded_bytes=sum(sizes))
    keep = f"data.cache={cache}"
    bare = Watched("-c", "import ganvas, torch; from ganvas import api; import ganvas.cli.app")
    say(bare_import_MiB=bare.peak / 2**20)
    looked = ganvas("data", str(source))
    say(
        ganvas_data_MiB_above=(looked.peak - bare.peak) / 2**20,
        ganvas_data_seconds=looked.seconds,
    )
    words = ["train", RECIPE, "--data", str(source), "--out", str(run), "--overwrite", keep, *PLAIN]
    words += [f"train.rounds={arguments.rounds}", f"evaluate.samples={arguments.samples}"]
    trained = ganvas(*words, "data.hold_out=0", "evaluate.at_end=false")
    say(
        training_MiB_above=(trained.peak - bare.peak) / 2**20,
        training_seconds=trained.seconds,
    )
    measured = ganvas("evaluate", str(run))
    say(
        evaluation_MiB_above=(measured.peak - bare.peak) / 2**20,
        evaluation_seconds=measured.seconds,
    )
    began = time.monotonic()
    from ganvas.data.catalogue import read
    from ganvas.data.settings import DataSettings

    read(DataSettings(source=str(source), cache=str(cache)))
    say(second_start_seconds=time.monotonic() - began)
    settings = {"source": str(source), "cache": str(cache)}
    say(**speed(settings, arguments.blocks, 40, arguments.batch))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
