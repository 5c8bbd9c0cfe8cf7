"""Shards: the folder's images, each once an epoch, exact on resume, as fast as memory.

    python benchmarks/shards.py --folder shards              # 20,000 images, about two minutes
    python benchmarks/shards.py --folder shards --count 500  # half a minute

Writes blobs of 64×64 with noise (PNG, some 200 MiB) into a folder, and it into 8 shards by what
`ganvas data --shards` does. Prints whether two epochs of the stream (data.cache=none) hold the
folder's images once each, whether a feed that goes on in the middle of a shard gives the same
batches, how much anonymous memory a process that streams an epoch of the set under three names
takes above one that has only imported the same, and images a second of whole rounds (DCGAN in
single precision) from the stream over those from memory, in alternating blocks of one process, with
the share of a round that waits for data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from common import commit
from disk import Watched, make

SHARDS = 8
RECIPE = "dcgan/images"
STREAM = """
import sys
from ganvas.data.feed import Feed
from ganvas.data.open import DataSettings, open_data
if sys.argv[2:]:
    feed = Feed(open_data(DataSettings(source=sys.argv[1], cache="none")), batch=64, seed=0)
    for _ in range(int(sys.argv[2])):
        feed.next()
"""


def shards(folder: Path) -> str:
    """Write the folder into shards; return the pattern of their names."""
    from ganvas.data.check import find_images
    from ganvas.data.sharding import write_shards

    found = find_images(str(folder / "set"))
    assert found is not None
    out = folder / "out"
    for path in out.glob("*.tar"):
        path.unlink()
    room = sum(-(-file.size // 512) * 512 + 1536 for file in found.files)
    return write_shards(found, out, room // SHARDS + 1)


def thrice(folder: Path, pattern: str) -> str:
    """Give every shard two more names; return the pattern of all."""
    (folder / "thrice").mkdir(exist_ok=True)
    for path in (folder / "out").glob("*.tar"):
        for letter in "abc":
            named = folder / "thrice" / f"{letter}{path.name}"
            named.unlink(missing_ok=True)
            named.symlink_to(path)
    return f"{folder / 'thrice'}/{{a,b,c}}{Path(pattern).name}"


def exact(memory: Any, pattern: str, batch: int) -> dict[str, Any]:
    """Return whether the stream holds the images of a source once an epoch, and resumes exactly."""
    from ganvas.data.feed import Feed
    from ganvas.data.open import DataSettings, open_data

    def opened() -> Feed:
        source = open_data(DataSettings(source=pattern, cache="none"))
        return Feed(source, batch=batch, seed=0)

    plain = memory.items("train")
    labels = plain["label"].tolist()
    there = Counter(
        (zlib.crc32(x.tobytes()), label) for x, label in zip(plain.x, labels, strict=True)
    )
    count = len(plain)
    feed, decode = opened(), opened().spec.domain.decode
    epochs: list[Counter[tuple[int, int]]] = []
    for _ in range(2):
        seen = Counter[tuple[int, int]]()
        for start in range(0, count, batch):
            some = feed.next(n=min(batch, count - start))
            seen.update(
                (zlib.crc32(x.tobytes()), label)
                for x, label in zip(decode(some.x), some["label"].tolist(), strict=True)
            )
        epochs.append(seen)
    for _ in range(count // SHARDS // 2 // batch):  # into the middle of a shard
        feed.next()
    state = json.loads(json.dumps(feed.state_dict()))
    resumed = opened()
    resumed.load_state_dict(state)
    pairs = [(feed.next(), resumed.next()) for _ in range(50)]
    return {
        "epochs hold the folder's images": [seen == there for seen in epochs],
        "batches after a resume are equal": all(
            a.x.equal(b.x) and a["index"].equal(b["index"]) for a, b in pairs
        ),
    }


def speed(places: dict[str, Any], blocks: int, rounds: int, batch: int) -> dict[str, Any]:
    """Return images a second of whole rounds from each source, over those from memory."""
    import torch

    from ganvas.data.feed import Feed
    from ganvas.play import Noise, Turns, build
    from ganvas.recipes import load_recipe

    feeds: dict[str, Feed] = {}
    waits = dict.fromkeys(places, 0.0)

    class Waiting(Feed):
        """A feed that counts the seconds in which its round waits."""

        name = ""

        def next(self, *args: Any, **more: Any) -> Any:
            began = time.perf_counter()
            found = super().next(*args, **more)
            waits[self.name] += time.perf_counter() - began
            return found

    games: dict[str, Any] = {}
    device = torch.device("cpu")
    recipe = load_recipe(RECIPE)
    for name, source in places.items():
        feed = feeds[name] = Waiting(source, batch=batch, seed=0, device=device)
        feed.name = name
        game = build(recipe.game_type, recipe.game_config, source.spec, 0).to(device).train()
        turns = Turns(game.players, Noise(0, device))
        turns.hold()
        games[name] = (game.stages()[0], turns)

    def played(name: str) -> tuple[float, float]:
        """Return the seconds of some rounds, and those of all cores, which load does not change."""
        stage, turns = games[name]
        began, work = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            stage.play(feeds[name], turns)
            turns.round += 1
        turns.take_statistics()
        return time.perf_counter() - began, time.process_time() - work

    times: dict[str, list[tuple[float, float]]] = {name: [] for name in places}
    for name in places:
        played(name)
        waits[name] = 0.0
    for block in range(blocks):
        for name in sorted(places, reverse=bool(block % 2)):
            times[name].append(played(name))
    found: dict[str, Any] = {}
    for kind, what in enumerate(("seconds", "core-seconds")):
        memory, stream = ([one[kind] for one in times[name]] for name in places)
        ratios = [m / s for m, s in zip(memory, stream, strict=True)]
        quartiles = [round(q, 3) for q in statistics.quantiles(ratios, n=4)[::2]]
        found[f"{what} of a round from memory"] = statistics.median(memory) / rounds
        found[f"stream over memory by {what}"] = statistics.median(ratios)
        found[f"stream over memory by {what}, quartiles"] = quartiles
    for name, taken in times.items():
        found[f"{name}: share of a round that waits"] = waits[name] / sum(t for t, _ in taken)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where everything is written")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1, help="rounds in a block")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--json", type=Path, help="write the numbers there, too")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    make(folder, arguments.count, ".png", noise=25, compress_level=1)
    found: dict[str, Any] = {"commit": commit(), "images": arguments.count}

    def say(numbers: dict[str, Any]) -> None:
        found.update(numbers)
        for name, value in numbers.items():
            print(f"{name}: {f'{value:,.3f}' if isinstance(value, float) else value}", flush=True)

    began = time.monotonic()
    pattern = shards(folder)
    say({"pattern": Path(pattern).name, "seconds to write": time.monotonic() - began})
    large = thrice(folder, pattern)
    steps = str(3 * arguments.count // 64)
    bare, streamed = (Watched("-c", STREAM, large, *more) for more in ((), (steps,)))
    size = 3 * sum(path.stat().st_size for path in (folder / "out").glob("*.tar"))
    say(
        {
            "MiB of shards under three names": size / 2**20,
            "MiB of anonymous memory above the imports": (streamed.peak - bare.peak) / 2**20,
        }
    )
    import torch

    from ganvas.data.open import DataSettings, open_data

    torch.set_num_threads(arguments.threads)
    memory = open_data(DataSettings(source=str(folder / "set"), cache="memory"))
    say(exact(memory, pattern, arguments.batch))
    stream = open_data(DataSettings(source=pattern, cache="none"))
    places = {"memory": memory, "stream": stream}
    say(speed(places, arguments.blocks, arguments.rounds, arguments.batch))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
