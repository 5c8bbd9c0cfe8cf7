"""The training loop: plays rounds of any game, and keeps everything about them safe.

It knows no method by name. What a round is stands in the game; what may go wrong stands here.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import torch

from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.diagnosis.finding import Finding
from ganvas.errors import GanvasError, quoted
from ganvas.nn import arrange, drawing, everyones, from_first_, traffic
from ganvas.play import Game, Noise, Turns, digests, expect, global_seed, networks_of, seeded
from ganvas.training.agreement import Poll
from ganvas.training.arithmetic import arithmetic_of
from ganvas.training.average import MovingAverage
from ganvas.training.beside import Hooks
from ganvas.training.best import Champion
from ganvas.training.checkpoint import all_finite, refuse_others, refuse_unalike
from ganvas.training.compiling import stopwatch
from ganvas.training.folder import CONFIG, DAMAGED, METRICS, RunFolder
from ganvas.training.intervening import in_force, words
from ganvas.training.launch import Launched
from ganvas.training.resting import rest
from ganvas.training.settings import TrainSettings
from ganvas.training.signals import caught
from ganvas.training.stopping import Plateau

Outcome = Literal["finished", "stopped", "interrupted", "collapsed", "converged"]

Accept = Callable[[dict[str, Any]], None]


class Loop:
    """One run of one game, from its first round or from a checkpoint to its horizon.

    Attributes:
        signal: the one that interrupted the run, if one did.
        identity: what makes the run this one and no other; kept in every checkpoint.
        frozen: the hashes of the networks that nobody trains; likewise.
    """

    def __init__(
        self,
        game: Game,
        source: Source,
        settings: TrainSettings,
        folder: RunFolder,
        launched: Launched,
        seed: int = 0,
        hooks: Hooks | None = None,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        self.identity = dict(identity or {})
        self.device, self.settings, self.folder = launched.device, settings, folder
        self.hooks = hooks or Hooks()
        ranks = launched.ranks
        if ranks.world > 1 and game.one_process:
            raise GanvasError(f"{game.system} trains in one process only: {game.one_process}")
        self.frozen = digests(game)
        rest(game, source, settings.freeze)
        self.game = game.to(self.device)
        for tensor in self.game.state_dict().values():  # processors differ in the last digit
            from_first_(tensor)
        arrange(networks_of(game), arithmetic_of(settings))
        self.feed = Feed(
            source,
            batch=settings.batch,
            seed=seed,
            device=self.device,
            rank=ranks.rank,
            world=ranks.world,
            streams=game.streams(),
        )
        self.turns = Turns(game.players, Noise(seed, self.device, ranks), ranks, game.accumulate)
        self.turns.cosines = settings.cosines
        self.rest = Plateau(settings.stop_on, folder.rows) if settings.stop_on else None
        self.best = Champion(settings.best) if settings.best else None
        self.average = MovingAverage.of(game, settings.average)
        if settings.compile:
            for network in game.children():
                network.compile(dynamic=False)
            self._compiled = stopwatch().seconds
        self.stages = game.stages()
        for stage in reversed(self.stages):  # what cannot be served is refused now; the first stays
            stage.serve(game, self.feed)
        self.stage = 0
        self.stage_seen = 0
        self.rounds = 0
        self.rollbacks = 0
        self.elapsed = 0.0
        self._checked = (0, 0)
        self._set_mark()
        self._saved = 0
        self.signal: int | None = None
        self._stop = Poll(ranks, self.device)
        self._global_seed = global_seed(seed, ranks.rank)

    # ---- playing --------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Play until the horizon, ``stop_at`` or a signal; the run folder is then up to date."""
        self.game.train()
        self.turns.hold()
        with seeded(self._global_seed, self.device), caught(self._noted):
            self._load_pending()
            started = time.monotonic() - self.elapsed
            self._set_mark()
            outcome: Outcome | None = None
            while outcome is None:
                if self._stage_over():
                    if self.stage + 1 == len(self.stages):
                        outcome = "finished"
                        break
                    self._next_stage()
                self.play_round()
                self.elapsed = time.monotonic() - started
                outcome = self.after_round()
            self._finish(outcome)
        return outcome

    def play_round(self) -> None:
        """Play one round of the current stage and move the averages."""
        seen = self.feed.seen
        self._intervene()
        self.turns.progress = self.progress
        self.stages[self.stage].play(self.feed, self.turns)
        self.turns.round += 1
        self.rounds += 1
        self.average.update(self.feed.seen - seen, self.feed.seen, self.turns.progress)

    def _intervene(self) -> None:
        """Let rates and resting players be as the interventions so far have it."""
        if not self.settings.interventions:
            return
        holding = in_force(self.settings.interventions, self.turns.players, self.rounds)
        self.turns.rates = {name: told.rate for name, told in holding.items()}
        self.turns.resting = frozenset(name for name, told in holding.items() if told.frozen)
        for told in self.settings.interventions:
            if told.at == self.rounds:
                for name in told.players or self.turns.players if told.reset else ():
                    self.turns.players[name].restart()
                # Of the round to be played: a run that goes on from here says so once.
                row = {"round": self.rounds + 1, "event": "intervention", "message": words(told)}
                self._record(row)

    @property
    def progress(self) -> float:
        """Share of the current stage's horizon already played."""
        rounds, kimg = self.stages[self.stage].length(self.settings.rounds, self.settings.kimg)
        if rounds is not None:
            return self.turns.round / rounds
        assert kimg is not None
        return (self.feed.seen - self.stage_seen) / (kimg * 1000)

    def _stage_over(self) -> bool:
        return self.progress >= 1.0

    @property
    def _ends(self) -> bool:
        """Whether the round that was played is the last of the horizon."""
        return self._stage_over() and self.stage + 1 == len(self.stages)

    def _next_stage(self) -> None:
        self.stage += 1
        self.stage_seen = self.feed.seen
        self.stages[self.stage].begin(self.game, self.feed, self.turns)
        self._event("stage", f"{self.stages[self.stage].name} begins")

    def after_round(self) -> Outcome | None:
        """Log, look, picture and save where due; say whether the run ends here."""
        settings, n = self.settings, self.rounds
        if settings.compile:
            self._tell_compiling()
        ends = self._ends
        if (n % settings.log_every == 0 or ends) and self._lost_too_many_steps():
            self._roll_back("too many steps had gradients that are not finite")
            return None
        finding = None
        watched = settings.watch_every and not self.stages[self.stage].prepares
        if watched and (n % settings.watch_every == 0 or ends):
            finding = self._look()
        row = self._log(finding) if n % settings.log_every == 0 or ends else None
        if settings.sample_every and (n % settings.sample_every == 0 or ends):
            self._picture()
        if finding and finding.warning:
            self._event("warning", finding.warning)
        if settings.guard.on_collapse != "warn" and self._agree(finding and finding.collapsed):
            if settings.guard.on_collapse == "stop":
                return "collapsed"
            if self.folder.list_checkpoints():
                self._roll_back("the generator collapsed")
                return None
        if n % settings.checkpoint_every == 0 and not ends and not self._save():
            self._roll_back("weights or buffers are not finite")
            return None
        if row is not None and not ends and self._at_rest(row):
            return "converged"
        if self._stop.any(self.signal is not None):
            return "interrupted"
        return "stopped" if n == settings.stop_at and not ends else None

    def _finish(self, outcome: Outcome) -> None:
        unsaved = self.rounds != self._saved or outcome == "finished"
        if unsaved and not self._save():
            self._give_up("weights or buffers are not finite")
        if outcome == "interrupted":
            self._event("interrupted", f"saved at round {self.rounds}")
            self.signal = self.signal or signal.SIGTERM  # another process was told to stop

    # ---- what a run leaves behind ---------------------------------------------------------------

    def _set_mark(self) -> None:
        """Let speed and traffic of the next row count from here."""
        self._mark = (time.monotonic(), self.feed.seen, self.rounds, replace(traffic))

    @property
    def _first(self) -> bool:
        return self.turns.ranks.rank == 0

    def _log(self, finding: Finding | None) -> dict[str, Any]:
        numbers = self.turns.take_statistics()
        now, seen = time.monotonic(), self.feed.seen
        since, before, rounds, sent = self._mark
        row: dict[str, Any] = {
            "round": self.rounds,
            "kimg": seen / 1000,
            "stage": self.stages[self.stage].name,
            "progress": round(self.progress, 6),
            "time": round(self.elapsed, 2),
            "img_per_s": round((seen - before) / max(now - since, 1e-9), 1),
            **numbers,
            **(finding.numbers if finding else {}),
        }
        if self.device.type == "cuda":
            row["gpu_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        if self.turns.ranks.world > 1:
            row |= traffic.since(sent, self.rounds - rounds)
        self._set_mark()
        self._record(row)
        return row

    def _tell_compiling(self) -> None:
        """Say how long networks were compiled in a round, if they were."""
        before, self._compiled = self._compiled, stopwatch().seconds
        if self._compiled > before:
            spent = f"{self._compiled - before:.1f} s of round {self.rounds}"
            self._event("compile", f"networks were compiled for {spent}")

    def _at_rest(self, row: dict[str, Any]) -> bool:
        """Whether the number that ``train.stop_on`` watches has stopped getting better."""
        if self.rest is None:
            return False
        told = self.rest.reached(row) if self._first else False
        if self._first and (complaint := self.rest.complaint(row)):
            self._event("warning", complaint)
        return self._agree(told)

    def _event(self, kind: str, message: str) -> None:
        self._record({"round": self.rounds, "event": kind, "message": message})

    def _record(self, row: dict[str, Any]) -> None:
        if self._first:
            self.folder.append(row)
            for show in self.hooks.show:
                show(row)

    @contextmanager
    def _inference(self) -> Generator[None]:
        """Averaged weights in place, evaluation mode, no gradients."""
        self.game.eval()
        # Looks and pictures come in batches of their own: not worth compiling for. Layers that
        # draw do so from a stream of their own, which the run does not notice.
        eager = torch.compiler.set_stance("force_eager") if self.settings.compile else nullcontext()
        noise = drawing(self.game, self.turns.noise.branch("inference").whole())
        with eager, noise, self.average.applied(), torch.no_grad():
            yield
        self.game.train()

    def _look(self) -> Finding | None:
        if not self._first or self.hooks.watch is None:
            return None
        with self._inference():
            return self.hooks.watch(self.game)

    def _picture(self) -> None:
        if self._first and self.hooks.picture is not None:
            with self.folder.writing(), self._inference():
                self.hooks.picture(self.game, self.folder.samples / f"{self.rounds:09d}.png")

    # ---- checkpoints ----------------------------------------------------------------------------

    def _save(self) -> bool:
        """Write a checkpoint and the model; False, with nothing written, if they hold NaN."""
        if not all_finite(dict(self.game.state_dict())):
            return False
        self._measure()
        state = self.state_dict()
        if self._first:
            self.folder.save_checkpoint(self.rounds, state, self.settings.keep)
            self._save_model(self.folder.model)
            self._keep_best()
        self._saved = self.rounds
        return True

    def _save_model(self, folder: Path) -> None:
        if self.hooks.save_model is not None:
            with self.folder.writing(), self._inference():
                self.hooks.save_model(self.game, folder, self.rounds, self.feed.seen / 1000)

    def _measure(self) -> None:
        """Compare this round's model with the best so far, where it is due.

        Only rounds that every run of the recipe comes by count: an interruption chooses nothing.
        """
        due = self.rounds % self.settings.checkpoint_every == 0 or self._ends
        if self.best is None or self.hooks.measure is None or not (due and self._first):
            return
        with self._inference():
            value = self.hooks.measure(self.game)
        if self.best.beaten(value, self.rounds):
            self._event("best", self.best.told())

    def _keep_best(self) -> None:
        """Write this round's model as the best one if it is; after its checkpoint, which says so.

        A run that was killed between the two writes it when it goes on.
        """
        if self.best is not None and self.best.value is not None and self.best.round == self.rounds:
            self._save_model(self.folder.best)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the run's continuation depends on."""
        cuda = self.device.type == "cuda"
        return {
            "system": self.game.system,
            "identity": self.identity,
            "frozen": self.frozen,
            "game": dict(self.game.state_dict()),
            "turns": self.turns.state_dict(),
            "average": self.average.state_dict(),
            "feed": self.feed.state_dict(),
            "global_rng": everyones(torch.get_rng_state()),
            "cuda_rng": everyones(torch.cuda.get_rng_state()) if cuda else [],
            "stage": self.stage,
            "stage_seen": self.stage_seen,
            "rounds": self.rounds,
            "rollbacks": self.rollbacks,
            "checked": self._checked,
            "elapsed": self.elapsed,
            "best": self.best.state_dict() if self.best else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave."""
        if state["system"] != self.game.system:
            raise GanvasError(
                f"this checkpoint is of {state['system']}, and the recipe plays {self.game.system}"
            )
        refuse_others(self.game.state_dict(), state["game"], self.folder.path)
        self.game.load_state_dict(state["game"])
        self.stages[state["stage"]].serve(self.game, self.feed)
        self.turns.load_state_dict(state["turns"])
        self.average.load_state_dict(state["average"])
        self.feed.load_state_dict(state["feed"])
        rank = min(self.turns.ranks.rank, len(state["global_rng"]) - 1)
        torch.set_rng_state(state["global_rng"][rank])
        if state["cuda_rng"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"][rank])
        self.stage, self.stage_seen = state["stage"], state["stage_seen"]
        self.rounds, self.rollbacks = state["rounds"], state["rollbacks"]
        self._saved = self.rounds
        self._checked, self.elapsed = state["checked"], state["elapsed"]
        if self.best is not None and state.get("best"):
            self.best.load_state_dict(state["best"])

    def resume(self, accept: Accept = lambda state: None) -> int:
        """Go back to the newest sound checkpoint, and return its round (0: none was written).

        Args:
            accept: sees the checkpoint before anything is changed, and raises if it may not be
                gone on from.

        Raises:
            GanvasError: no checkpoint can be read, all have gone, or a frozen network is another.
        """
        path = self.folder.path
        state, problems = self.folder.load_checkpoint()
        if state is None and (problems or self.folder.has_trained(self.settings.checkpoint_every)):
            told = f"no checkpoint of {path} can be read: {problems[0]}" if problems else (
                f"{path} was trained, and its checkpoints are gone, so it cannot go on"
            )  # fmt: skip
            raise GanvasError(
                f"{told}: bring {self.folder.checkpoints} back, or start anew with: "
                f"ganvas train {quoted(path / CONFIG)} --out {quoted(path)} --overwrite"
            )
        if state is not None:
            accept(state)
            expect(self.game, state.get("frozen", {}), f"the run in {path}")
        self._pending = state
        rounds = int(state["rounds"]) if state else 0
        refuse_unalike(rounds, path)
        self._cut_back(rounds)
        for problem in problems:
            message = f"{problem}: the run goes on from round {rounds}"
            self._record({"round": rounds, "event": "warning", "message": message})
        return rounds

    def _cut_back(self, rounds: int) -> None:
        """Forget what the folder has of later rounds, and say what was damaged in its log."""
        lost = self.folder.cut_back(rounds) if self._first else 0
        if lost:
            message = (
                f"{lost} damaged {'line' if lost == 1 else 'lines'} of {METRICS} were set aside in "
                f"{DAMAGED}"
            )
            self._record({"round": rounds, "event": "warning", "message": message})

    _pending: dict[str, Any] | None = None

    def _load_pending(self) -> None:
        if self._pending is None:
            self.game.begin(self.feed)
            return
        self.load_state_dict(self._pending)
        self._pending = None
        if self._first:
            self._keep_best()

    # ---- when things go wrong -------------------------------------------------------------------

    def _lost_too_many_steps(self) -> bool:
        """Whether too large a share of the steps since the last check had to be left out."""
        steps, cancelled = sum(self.turns.steps.values()), int(self.turns.cancelled)
        before_steps, before_cancelled = self._checked
        self._checked = (steps, cancelled)
        share = (cancelled - before_cancelled) / max(steps - before_steps, 1)
        return share > self.settings.guard.tolerance

    def _roll_back(self, reason: str) -> None:
        """Return to the last checkpoint with halved rates and other random draws, or give up."""
        rollbacks, rate, at = self.rollbacks + 1, self.turns.rate / 2, self.rounds
        if rollbacks > self.settings.guard.rollbacks:
            self._give_up(reason)
        state, problems = self.folder.load_checkpoint()
        if state is None:
            self._give_up(f"{reason}, before the first checkpoint")
        self.load_state_dict(state)
        self.rollbacks, self.turns.rate = rollbacks, rate
        self.turns.statistics = {}
        self.turns.noise.advance(rollbacks)
        self.feed.advance(rollbacks)
        self._set_mark()
        changed = self.state_dict()
        self._cut_back(self.rounds)
        if self._first:
            self.folder.save_checkpoint(self.rounds, changed, self.settings.keep)
        for problem in problems:
            self._event("warning", problem)
        self._event(
            "rollback",
            f"at round {at} {reason}: back to round {self.rounds}, learning rates × {rate:g}, "
            f"other random draws (roll-back {rollbacks} of {self.settings.guard.rollbacks})",
        )

    def _give_up(self, reason: str) -> NoReturn:
        self._event("failed", reason)
        report: dict[str, Any] = {
            "reason": reason,
            "round": self.rounds,
            "rollbacks": self.rollbacks,
            "statistics": self.turns.take_statistics(),
            "not_finite": [name for name, t in self.game.state_dict().items() if not all_finite(t)],
            "last_rows": self.folder.rows()[-5:],
        }
        if self._first:
            self.folder.write_json("crash.json", report)
        raise GanvasError(
            f"training stopped at round {self.rounds}: {reason} ({self.rollbacks} roll-backs "
            f"tried). See {self.folder.path / 'crash.json'}; try a lower learning rate"
        )

    # ---- signals --------------------------------------------------------------------------------

    def _noted(self, number: int) -> None:
        self.signal = number

    def _agree(self, mine: object) -> bool:
        """Whether ``mine`` is true on any process."""
        return any(everyones(bool(mine)))
