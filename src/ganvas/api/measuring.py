"""Scores and diagnosis of a trained run."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ganvas.api.run_data import as_trained, called_as, run_data
from ganvas.data.choice import CHOICE, at_most, places
from ganvas.data.items import Items
from ganvas.data.records import LABEL
from ganvas.data.source import REFERENCE, Source
from ganvas.data.spec import AnyArray
from ganvas.diagnosis.following import KAPPA, LATENTS, conditions_like, following_of
from ganvas.diagnosis.look import known_items
from ganvas.diagnosis.obeying import ASKED, LABELLED, obeying_of
from ganvas.diagnosis.verdicts import diagnose as judge
from ganvas.diagnosis.verdicts import label_faults
from ganvas.diagnosis.watch import diagnose_run
from ganvas.errors import GanvasError, UsageError
from ganvas.files import alone, explain
from ganvas.given import path_of, whole
from ganvas.metrics.gaussianity import GAUSSIANITY, KERNEL_SAMPLES, gaussianity
from ganvas.metrics.of import measures_of
from ganvas.metrics.own import MeasuresItself
from ganvas.metrics.protocol import Protocol, Score, Scores, measured, settings
from ganvas.metrics.unmeasurable import UnmeasurableError
from ganvas.model import Model, load
from ganvas.model.storage import digest_of, note_scores
from ganvas.play import Game, Noise, has
from ganvas.play.abilities import CanInfer, CanSample, HasLatentSpace
from ganvas.recipes.shipped import shipped
from ganvas.report import write_report
from ganvas.report.run import read_json
from ganvas.slices import bounded, slices
from ganvas.training.folder import RunFolder

if TYPE_CHECKING:
    from ganvas.diagnosis.verdicts import Diagnosis

log = logging.getLogger("ganvas")

EVALUATION = "evaluation.json"
AGAINST = "against"
"""Its part with the scores against other data than the run's own, by their place."""
BEST = "best"
"""Its part with the scores of the best model that ``train.best`` kept."""
CODES = 10_000
"""Items whose latents are compared with the prior."""
BATCH = 256
"""Items that are encoded at once."""


def evaluate(
    run: str | Path,
    samples: int | None = None,
    seed: int | None = None,
    *,
    data: str | Path | None = None,
    against: object = None,
    best: bool = False,
    i3d: str | Path | None = None,
    game: str | type[Game] | None = None,
) -> Scores:
    """Measure a run's model, and keep the scores in its folder, report and model card.

    Args:
        run: the run folder.
        samples: how many are drawn; None: as the recipe says.
        seed: with which they are drawn; None: as the recipe says.
        data: where the run's data lie now, if they were moved; they are known by their content.
        against: other data of the same kind and shape, to be measured against on purpose: a path, a
            name, or data in memory, as for `train`. Every protocol names them; scores against data
            that lie somewhere are kept beside those against the run's own.
        best: measure the best model that ``train.best`` kept, in place of the last iterate.
        i3d: a TorchScript file of the network by which the literature compares videos.
        game: the run's game, ``module:Class`` or the class, if it is one of the user's own.

    Returns:
        Scores by name; each carries the protocol under which it may be compared. What could not be
        measured is in their ``left_out``, with the reason.

    Raises:
        UsageError: there is no run or no model, or the data are gone or not those that they should
            be.
        GanvasError: some samples are not finite.
    """
    if best and against is not None:
        raise UsageError("--best measures against the run's own data: leave --against out")
    known = run_data(run, data, against, game)
    folder, recipe, source = known.folder, known.recipe, known.source
    model = load(_kept_best(folder) if best else folder.path, game=recipe.game_type)
    if known.others:
        as_trained(model, source)
    else:
        called_as(model.spec, source)
    n = recipe.evaluate.samples if samples is None else whole(samples, "samples")
    if n < 2:
        raise UsageError(f"samples={n}: scores need 2 or more")
    used = recipe.evaluate.seed if seed is None else seed
    scores = Scores()
    network = None if i3d is None else path_of(i3d, "i3d")
    for found in (measure(model, source, n, used, network), measure_codes(model, source, used)):
        scores.add(found)
    scores.add(measure_own(model, source, used))
    if not known.others or isinstance(against, str | Path):
        keep_scores(folder, model, scores, recipe.data.source if known.others else "", best)
    return scores


def _kept_best(folder: RunFolder) -> Path:
    """Return where the best model of a run is.

    Raises:
        UsageError: it kept none.
    """
    if digest_of(folder.best) is None:
        raise UsageError(
            f"{folder.path} kept no best model: train with train.best.measure=NAME, such as parzen "
            "or another score's name"
        )
    return folder.best


def keep_scores(
    folder: RunFolder, model: Model, scores: Scores, against: str = "", best: bool = False
) -> None:
    """Keep scores of a model in the folder, report and card of its run.

    Scores ``against`` other data than the run's own are kept beside these, and not in the card; so
    are those of the ``best`` model.

    The model itself is left as it is: a training may have replaced it since it was loaded. Then the
    card keeps silent about it, and scores of a newer model that are there already stay.
    """
    plain = {name: json.loads(score.to_json()) for name, score in scores.items()}
    shares = _class_shares(scores, model.spec.class_names)
    made = {"rounds": model.provenance.rounds, "sha256": model.digest}
    found = {"scores": plain, "left_out": scores.left_out, "class_shares": shares}
    if best:
        _keep(folder, {BEST: {**found, "model": made}})
        return
    if against:
        others: Any = read_json(folder.path, EVALUATION).get(AGAINST) or {}
        _keep(folder, {AGAINST: {**others, against: {**found, "model": made}}})
        return
    _keep(folder, {**found, "model": made})
    if os.access(folder.model, os.W_OK):
        with _kept_if_possible():
            note_scores(folder.model, model, {name: score.value for name, score in scores.items()})


def is_measured(folder: RunFolder) -> bool:
    """Whether the scores in a run folder are those of the model that is there now."""
    measured = _measured(read_json(folder.path, EVALUATION))
    return measured is not None and measured.get("sha256") == digest_of(folder.model)


def diagnose(
    run: str | Path,
    *,
    data: str | Path | None = None,
    game: str | type[Game] | None = None,
) -> Diagnosis:
    """Look afresh at a run's model and log, and keep the verdict in its folder and report.

    A run that broke off before it had a model is judged by its log.

    Args:
        run: the run folder.
        data: where the run's data lie now, if they were moved; they are known by their content.
        game: the run's game, ``module:Class`` or the class, if it is one of the user's own.

    Raises:
        UsageError: there is no run, nothing to judge it by, or the data are gone or others.
    """
    its = run_data(run, data, game=game)
    folder, recipe, source = its.folder, its.recipe, its.source
    rows, tree, known = folder.rows(), recipe.tree(), shipped(recipe)
    found = judge(rows, {}, tree, source.spec, recipe.game_type, known)
    if folder.has_model or found.verdict != "diverging":
        model = load(folder.path, game=recipe.game_type)
        found = diagnose_run(model.game, source, rows, tree, recipe.seed, known)
    _keep(folder, {"verdict": {"name": found.verdict, "evidence": list(found.evidence)}})
    return found


def drawn(
    model: Model, source: Source, n: int, seed: int = 0
) -> tuple[AnyArray, NDArray[np.int64] | None]:
    """Return the samples that are measured, in data units, and the classes asked for, if any.

    They are those of `samples_like`.
    """
    samples = samples_like(model, source, n, seed)
    return samples.x, samples[LABEL] if model.game.conditions.labelled else None


def samples_like(model: Model, source: Source, n: int, seed: int = 0) -> Items:
    """Return samples with the conditions that they were drawn for, in data units.

    Classes are as frequent as in the data that the samples are compared with; other conditions are
    those of its items.
    """
    conditions = model.game.conditions
    draw = partial(model.sample, n, seed=seed, batch=bounded(BATCH, math.prod(model.spec.shape)))
    if conditions and not conditions.labelled:
        return draw(given=_asked(model, source, n))
    asked = source.classes_like(reference(source), n) if conditions else None
    return draw(label=None if asked is None else asked.tolist())


def _asked(model: Model, source: Source, n: int) -> dict[str, AnyArray]:
    """Return conditions of n samples in data units: those of the items that are compared with."""
    conditions = model.game.conditions
    told = conditions_like(conditions, source, reference(source), n)
    return {name: domain.decode(told[name]) for name, domain in conditions.items()}


def measure(
    model: Model, source: Source, samples: int, seed: int = 0, network: Path | None = None
) -> Scores:
    """Return all scores that fit the data, of so many samples drawn with ``seed``.

    None fit a model that draws no samples. Videos are compared by a ``network`` of the user's, too.
    """
    if not has(model.game, CanSample):
        return Scores()
    measures = measures_of(source, model.device)
    if network is not None:
        measures.take(network)
    x, labels = drawn(model, source, samples, seed)
    scores = measures.scores(x, labels, seed)
    if labels is not None and model.game.conditions.labelled:
        scores.add(measured({LABELLED: lambda: _label_scores(source, x, labels, seed)}))
    elif model.game.conditions:
        names = (*(f"{KAPPA}_{name}" for name in model.game.conditions), LATENTS)
        scores.add(measured({names: lambda: _condition_scores(model, source, x, seed)}))
    return scores


def _label_scores(
    source: Source, x: AnyArray, labels: NDArray[np.int64], seed: int
) -> Iterator[Score]:
    """Yield how samples follow the labels (N,) that they were drawn for, as a look tells it."""
    obeying = obeying_of(source, known_items(source))
    if obeying is None:
        return
    numbers = obeying(x[:ASKED], labels[:ASKED])
    for name in LABELLED:
        protocol = Protocol(
            metric=name,
            samples=len(x[:ASKED]),
            reference=f"{source.spec.name}, train",
            reference_samples=obeying.known,
            seed=seed,
        )
        yield Score(value=numbers[name], floor=numbers.get(f"{name}_fresh", 1.0), protocol=protocol)


def _condition_scores(model: Model, source: Source, x: AnyArray, seed: int) -> Iterator[Score]:
    """Yield how samples follow conditions that are no single class, and what latents change."""
    following = following_of(source, known_items(source), model.game.conditions)
    if following is None:
        return
    n = min(ASKED, len(x))
    again = model.sample(n, seed=seed + 1, given=_asked(model, source, n)).x
    told = conditions_like(model.game.conditions, source, reference(source), n)
    encode = source.spec.domain.encode
    numbers = following(encode(x[:n]), encode(again), told)
    latents = [LATENTS] if model.latents(1)[0].numel() else []  # some models have none
    for name in (*(f"{KAPPA}_{name}" for name in model.game.conditions), *latents):
        protocol = Protocol(
            metric=name, samples=n, reference=f"{source.spec.name}, train", seed=seed
        )
        yield Score(value=numbers[name], floor=numbers.get(f"{name}_fresh"), protocol=protocol)


def faults(scores: Mapping[str, Score]) -> dict[str, list[str]]:
    """Return what scores of a conditional model say of its labels and latents, by verdict."""
    known = [n for n in scores if n in (*LABELLED, LATENTS) or n.startswith(f"{KAPPA}_")]
    numbers = {f"coverage/{name}": scores[name].value for name in known}
    fresh = {f"coverage/{name}_fresh": scores[name].floor for name in known}
    return label_faults({**numbers, **{k: v for k, v in fresh.items() if v is not None}})


def measure_codes(model: Model, source: Source, seed: int = 0) -> Scores:
    """Return how near encoded data are to the prior, of a game that infers normal latents.

    The data are the held-out items, or the training ones, at most 10,000.
    """
    game = model.game
    if not (has(game, CanInfer) and has(game, HasLatentSpace) and game.latent.kind == "normal"):
        return Scores()
    return measured({GAUSSIANITY: lambda: _code_scores(model, source, seed)})


def _code_scores(model: Model, source: Source, seed: int) -> Iterator[Score]:
    split = source.splits[-1]
    known = source.items(split)[model.game.reads.get("draw", source.spec.main)]
    codes = _codes(model, at_most(known, CODES), seed)
    # Another stream than the one that the measure itself compares with.
    (fresh,) = np.random.SeedSequence(seed).spawn(1)
    floors = gaussianity(np.random.default_rng(fresh).standard_normal(codes.shape), seed)
    for name, value in gaussianity(codes, seed).items():
        n = min(len(codes), KERNEL_SAMPLES) if name == "latent_mmd" else len(codes)
        protocol = Protocol(
            metric=name,
            samples=n,
            reference=f"{source.spec.name}, {split}, against N(0, 1)",
            reference_samples=n,
            seed=seed,
            settings=settings(choice=CHOICE) if n < len(known) else (),
        )
        yield Score(value=value, floor=floors[name], protocol=protocol)


def measure_own(model: Model, source: Source, seed: int = 0) -> Scores:
    """Return what the game measures of itself, if it has ``measures(source, seed)``."""
    if not has(model.game, MeasuresItself):
        return Scores()
    try:
        found = model.game.measures(source, seed)
    except UnmeasurableError as error:
        return Scores(left_out={f"measures of {model.system}": str(error)})
    broken = [name for name, score in found.items() if math.isnan(score.value)]
    reasons = dict.fromkeys(broken, "what the network says of some items is not finite")
    return Scores((score for name, score in found.items() if name not in reasons), reasons)


def reference(source: Source) -> Items:
    """Return what samples are compared with, in random order: held-out items if there are any."""
    items = source.items(next(s for s in ("test", REFERENCE, "train") if s in source.splits))
    return items.rows(places(len(items)))


@torch.inference_mode()
def _codes(model: Model, items: AnyArray, seed: int) -> AnyArray:
    """Return codes (N, K) of items, drawn where the encoder is a distribution."""
    draw = model.asked(CanInfer).draw
    noise = Noise(seed, model.device)
    parts = (model.read_by("draw").encode(items[part]) for part in slices(len(items), BATCH))
    codes = [draw(x.to(model.device), noise).cpu() for x in parts]
    return torch.cat(codes).numpy()


def _class_shares(scores: dict[str, Score], names: list[str]) -> dict[str, float]:
    """Return the share of each class among the samples, by the classes' own names."""
    prefix = "class_share_"
    shares = {
        score.protocol.metric.removeprefix(prefix): score.value
        for score in scores.values()
        if score.protocol.metric.startswith(prefix)
    }
    shares.pop("min", None)
    own = dict(enumerate(names)) if len(names) == len(shares) else {}
    return {own.get(int(number), number): share for number, share in shares.items()}


def _keep(folder: RunFolder, found: dict[str, Any]) -> None:
    """Add findings to ``evaluation.json`` and write the report anew.

    Scores of an older model than those that are there stay out: they were begun before. A run of
    somebody else, whose folder may only be read, is measured all the same, and so is one on a disk
    that is full by now: what was found is worth more than the file.
    """
    if not os.access(folder.path, os.W_OK):
        log.warning("%s may only be read: what was found is not kept there", folder.path)
        return
    with _kept_if_possible(), alone(folder.path):
        before = read_json(folder.path, EVALUATION)
        ours, theirs = _measured(found), _measured(before)
        if not (ours and theirs) or ours["rounds"] >= theirs["rounds"]:
            folder.write_json(EVALUATION, {**before, **found})
        write_report(folder.path)


@contextmanager
def _kept_if_possible() -> Generator[None]:
    """Say what the disk refuses, where results are told in any case."""
    try:
        yield
    except (GanvasError, OSError) as error:
        if isinstance(error, UsageError) and not isinstance(error.__cause__, OSError):
            raise  # somebody else has the folder
        why = explain(error) if isinstance(error, OSError) else error
        log.warning("what was found is not kept: %s", why)


def _measured(findings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return which model the scores among some findings are of, if they say so."""
    told = findings.get("model")
    if not isinstance(told, dict):
        return None
    model = cast(dict[str, Any], told)
    return model if isinstance(model.get("rounds"), int) else None
