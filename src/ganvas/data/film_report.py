"""What ``ganvas data`` tells of videos: their lengths and rates, how many clips they give."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.data.readers.videos import Reels, windowed
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError


def film_facts(found: Reels, settings: DataSettings) -> tuple[list[str], list[str]]:
    """Return lines about sound videos and the clips that settings make of them, and warnings."""
    seen = list(found.seen.values())
    if not seen:
        return [], []
    counts = sorted(len(one.times) for one in seen)
    rates = sorted(one.rate for one in seen if one.rate is not None)
    facts = [f"frames: {_spread(counts)} a video, {sum(counts):,} in all"]
    if rates:
        facts.append(f"rates: {_spread([round(rate, 2) for rate in rates])} frames a second")
    if len(rates) < len(seen):
        facts.append(f"without times: {len(seen) - len(rates):,}")
    try:
        windows, short, _ = windowed(found, settings)
    except UsageError as error:
        return facts, [str(error)]
    facts += [
        f"clips, {split}: {sum(len(one.apart()) for one in some):,} that share no frame, "
        f"{sum(one.starts for one in some):,} at every start"
        for split, some in windows.items()
    ]
    return [*facts, *([f"too short: {len(short):,} ({settings.short})"] if short else [])], []


def _spread(values: Sequence[float]) -> str:
    """Return the smallest, the middle and the largest of ascending numbers, or the one there is."""
    low, middle, high = values[0], values[len(values) // 2], values[-1]
    return f"{low:g}" if low == high else f"{low:g} to {high:g}, half at most {middle:g}"
