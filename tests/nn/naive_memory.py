"""The memory's update as the paper writes it: loops over samples and slots, whole vectors."""

from __future__ import annotations

import math

from torch import Tensor

from ganvas.nn import Memory


def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(x - max(logits)) for x in logits]
    return [p / sum(powers) for p in powers]


def naive_update(memory: Memory, real: Tensor, fake: Tensor) -> int:
    """Do to ``memory`` what `Memory.update` does; return how many slots were refilled."""
    keys, values = memory.keys.clone(), memory.values.clone()
    ages, histogram = memory.ages.clone(), memory.histogram.clone()
    samples = [(q, 1.0) for q in real] + [(q, 0.0) for q in fake]
    lost: list[int] = []
    found: dict[int, list[int]] = {}
    for b, (q, y) in enumerate(samples):
        joint = memory.kappa * keys @ q + (histogram + memory.beta).log()
        order = sorted(range(memory.slots), key=lambda i: -float(joint[i]))
        right = [i for i in order if values[i] == y and keys[i].norm() > 0]
        if not set(right) & set(order[: memory.correct_in_top]):
            lost.append(b)
            continue
        found[b] = right[: memory.neighbours]
    if memory.rule == "kaiser":
        touched = kaiser(memory, samples, found, keys, histogram)
    elif memory.merge == "winner":
        touched = winners(memory, samples, found, keys, histogram)
    else:
        touched = together(memory, samples, found, keys, histogram)
    oldest = sorted(range(memory.slots), key=lambda i: (-int(ages[i]), i))
    memory.ages += 1
    for slot in touched:
        memory.ages[slot] = 0
    level = histogram.mean()
    for slot, b in zip(oldest, lost, strict=False):
        memory.keys[slot], memory.values[slot] = samples[b]
        memory.ages[slot] = 0
        memory.histogram[slot] = level
    return min(len(lost), memory.slots)


def em(
    memory: Memory, q: Tensor, slots: list[int], keys: Tensor, histogram: Tensor
) -> dict[int, tuple[float, Tensor, float]]:
    """Return (γ, K̂, ĥ) of each slot after T iterations of Eq. 5 with explicit vectors."""
    k = {i: keys[i].clone() for i in slots}
    h = {i: memory.decay * float(histogram[i]) for i in slots}
    gamma = dict.fromkeys(slots, 0.0)
    for step in range(memory.iterations):
        logits = [memory.kappa * float(k[i] @ q) + math.log(h[i] + memory.beta) for i in slots]
        for i, new in zip(slots, softmax(logits), strict=True):
            change, gamma[i] = new - gamma[i], new
            h[i] += change if memory.increment == "posterior" else float(step == 0)
            k[i] = k[i] + change / h[i] * (q - k[i])
            k[i] = k[i] / k[i].norm()
    return {i: (gamma[i], k[i], h[i]) for i in slots}


def winners(memory: Memory, samples, found, keys: Tensor, histogram: Tensor) -> set[int]:
    best: dict[int, tuple[float, Tensor, float]] = {}
    for b, slots in found.items():
        for i, proposal in em(memory, samples[b][0], slots, keys, histogram).items():
            if i not in best or proposal[0] > best[i][0]:
                best[i] = proposal
    for i, (_, key, h) in best.items():
        memory.keys[i], memory.histogram[i] = key, h
    return set(best)


def kaiser(memory: Memory, samples, found, keys: Tensor, histogram: Tensor) -> set[int]:
    best: dict[int, tuple[float, Tensor]] = {}
    for b, slots in found.items():
        q, i = samples[b][0], slots[0]
        if i not in best or float(keys[i] @ q) > best[i][0]:
            best[i] = (float(keys[i] @ q), (keys[i] + q) / (keys[i] + q).norm())
    for i, (_, key) in best.items():
        memory.keys[i], memory.histogram[i] = key, memory.decay * histogram[i] + 1
    return set(best)


def together(memory: Memory, samples, found, keys: Tensor, histogram: Tensor) -> set[int]:
    touched = {i for slots in found.values() for i in slots}
    k = {i: keys[i].clone() for i in touched}
    h = {i: memory.decay * float(histogram[i]) for i in touched}
    gamma = {b: dict.fromkeys(slots, 0.0) for b, slots in found.items()}
    for step in range(memory.iterations):
        total = {i: h[i] * k[i] for i in touched}
        gain = dict.fromkeys(touched, 0.0)
        for b, slots in found.items():
            q = samples[b][0]
            logits = [memory.kappa * float(k[i] @ q) + math.log(h[i] + memory.beta) for i in slots]
            for i, new in zip(slots, softmax(logits), strict=True):
                total[i] = total[i] + (new - gamma[b][i]) * q
                gain[i] += new - gamma[b][i]
                gamma[b][i] = new
        for i in touched:
            k[i] = total[i] / total[i].norm()
            h[i] += gain[i] if memory.increment == "posterior" else float(step == 0)
    for i in touched:
        memory.keys[i], memory.histogram[i] = k[i], h[i]
    return touched
