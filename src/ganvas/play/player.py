"""A player: networks that are updated together, by one optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.nn import Source, Tracking, adopt, bind
from ganvas.play.optim import OptimiserConfig, supports_device_skip
from ganvas.play.ranks import Ranks

if TYPE_CHECKING:
    from ganvas.play.turn import Turns

Term = Callable[[Sequence[Tensor], float], Tensor]
"""What weights cost, a 0-d tensor, of all parameters of a player at a share of the horizon.

A lookahead asks for other weights than the player has: they are given, and stand in its networks
meanwhile. A term that follows what it is given is a `Tracking` layer, then held.
"""


MOVED = ("params", "lr", "betas", "alpha", "momentum")
"""What of an optimiser's groups is no constant: each step sets it."""


class Player:
    """Networks updated together, with their optimiser settings.

    Args:
        networks: one network or several; their parameters step together.
        optimiser: how they step.
        lazy: interval k of this player's lazy turns; 0 if it has none. The optimiser's rate and
            betas are then corrected by c = k/(k+1) in all of its turns (StyleGAN2, appendix B).
        terms: what its weights cost in each of its turns, by name in the log.
        afterwards: what is done at the end of each of its turns, such as a projection.
    """

    def __init__(
        self,
        networks: nn.Module | Sequence[nn.Module],
        optimiser: OptimiserConfig,
        lazy: int = 0,
        *,
        terms: Mapping[str, Term] | None = None,
        afterwards: Sequence[Callable[[Turns], object]] = (),
    ) -> None:
        self.networks = [networks] if isinstance(networks, nn.Module) else list(networks)
        for network in self.networks:
            adopt(network)
        self.settings = optimiser
        self.lazy = lazy
        self.terms = dict(terms or {})
        self.afterwards: list[Callable[[Turns], object]] = list(afterwards)
        self._optimiser: torch.optim.Optimizer | None = None
        self._parameters: list[nn.Parameter] | None = None
        self._tracked: list[Tracking] | None = None
        self._resting: set[int] = set()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The player's parameters that move, each once, in a fixed order."""
        if self._parameters is None:
            unique = {id(p): p for net in self.networks for p in net.parameters()}
            self._parameters = [p for key, p in unique.items() if key not in self._resting]
        return self._parameters

    def rest(self, parameters: Iterable[nn.Parameter]) -> None:
        """Let some of the parameters stay as they are, whatever the turn."""
        for parameter in parameters:
            parameter.requires_grad_(False)
            self._resting.add(id(parameter))
        self._parameters = self._optimiser = None

    def rests(self, parameter: nn.Parameter) -> bool:
        """Whether a parameter stays as it is."""
        return id(parameter) in self._resting

    @property
    def tracked(self) -> list[Tracking]:
        """The player's layers whose buffers follow what they see in training."""
        if self._tracked is None:
            layers = (m for net in self.networks for m in net.modules())
            self._tracked = [m for m in layers if isinstance(m, Tracking)]
        return self._tracked

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """The live optimiser; built at first use, when the networks are on their device."""
        if self._optimiser is None:
            self._optimiser = self.settings.build(self.parameters)
        return self._optimiser

    def restart(self) -> None:
        """Let the optimiser begin anew, with no memory of earlier steps."""
        self._optimiser = None

    def take_up(self, state: dict[str, Any]) -> None:
        """Take up a state of the optimiser.

        Moments come from a file in the usual layout. They are put into that of their parameters:
        fused steps take what lies at the same place for the same entry. Constants, such as ε, are
        those of this player's settings.

        Raises:
            GanvasError: other parameters moved then than do now.
        """
        moved = sum(len(group["params"]) for group in state["param_groups"])
        if moved != len(self.parameters):
            raise GanvasError(
                f"{moved} tensors of a player moved in this run, and {len(self.parameters)} would "
                "now: parts rest from a run's first round on; begin a new one with its networks: "
                "ganvas train --from"
            )
        groups = self.optimiser.param_groups
        own = [{k: v for k, v in group.items() if k not in MOVED} for group in groups]
        self.optimiser.load_state_dict(state)
        for group, constants in zip(self.optimiser.param_groups, own, strict=True):
            group.update(constants)
        for parameter, moments in cast(dict[Tensor, dict[str, Any]], self.optimiser.state).items():
            for key, moment in moments.items():
                if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                    moments[key] = torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)

    @property
    def correction(self) -> float:
        """C = k/(k+1) for lazy turns every k rounds, else 1."""
        return self.lazy / (self.lazy + 1) if self.lazy else 1.0

    def free(self, free: bool) -> None:
        """Let gradients reach the player's parameters, or stop them there."""
        for parameter in self.parameters:
            parameter.requires_grad_(free)

    def track(self, on: bool) -> None:
        """Let the player's buffers follow the data they see, or hold them."""
        for layer in self.tracked:
            layer.tracking = on

    def draw_from(self, noise: Source) -> None:
        """Let the player's layers that draw do so from a stream."""
        for network in self.networks:
            bind(network, noise)

    def clear(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def gradients(self) -> list[Tensor]:
        """Return the gradients of all parameters, zeros where a loss did not reach."""
        for parameter in self.parameters:
            if parameter.grad is None:
                layout = torch.sparse_coo if self.settings.sparse else torch.strided
                parameter.grad = torch.zeros_like(parameter, layout=layout)
        return [p.grad for p in self.parameters if p.grad is not None]

    def cosine(self, before: Sequence[Tensor]) -> Tensor:
        """Return the cosine between −gradient and the way from weights ``before``, 0-d.

        It is negative where momentum carries a step uphill (Arjovsky et al. 2017, section 4), and
        0 where there was no step.
        """
        way = torch.cat(
            [(p - was).reshape(-1) for p, was in zip(self.parameters, before, strict=True)]
        )
        slope = torch.cat([g.to_dense().reshape(-1) for g in self.gradients()])
        return -torch.nn.functional.cosine_similarity(way.double(), slope.double(), dim=0)

    def step(
        self, progress: float, rate: float, ranks: Ranks, veto: Tensor | None
    ) -> tuple[Tensor, Tensor | bool]:
        """Take one step on the gradients gathered.

        The step is cancelled, parameters and optimiser state untouched, where the gradients' norm
        is not finite or ``veto`` is true. On an accelerator this costs no synchronisation.

        Returns:
            The norm, a 0-d tensor, and whether it was not finite.
        """
        gradients = self.gradients()
        ranks.average_(gradients)
        norm = _norm(gradients)
        for group in self.optimiser.param_groups:
            self.settings.apply(group, progress, rate, self.correction)
        if norm.device.type == "cpu":  # the host may look: that is cheaper than a flag
            lost = not math.isfinite(norm.item())
            if not (lost or (veto is not None and bool(veto))):
                self.optimiser.step()
            return norm, lost
        lost = ~norm.isfinite()
        cancel = lost if veto is None else lost | veto
        if supports_device_skip(self.optimiser):
            self.optimiser.found_inf = cancel.float()  # pyright: ignore[reportAttributeAccessIssue]
            self.optimiser.step()
        else:
            self._step_unless(cancel)
        return norm, lost

    @torch.no_grad()
    def _step_unless(self, cancel: Tensor) -> None:
        """Step with any optimiser, then put everything back where ``cancel`` is true."""
        state = cast(dict[nn.Parameter, dict[str, Any]], self.optimiser.state)
        weights = [p.detach().clone() for p in self.parameters]
        moments = {(p, key): v.clone() for p in state for key, v in _on_device(state[p], cancel)}
        self.optimiser.step()
        for parameter, before in zip(self.parameters, weights, strict=True):
            parameter.copy_(torch.where(cancel, before, parameter))
        for parameter in state:
            for key, now in _on_device(state[parameter], cancel):
                before = moments.get((parameter, key), torch.zeros_like(now))
                now.copy_(torch.where(cancel, before, now))


def _on_device(state: dict[str, Any], like: Tensor) -> list[tuple[str, Tensor]]:
    """The state's tensors beside ``like``: step counts stay on the host, and are left alone."""
    return [
        (key, v) for key, v in state.items() if isinstance(v, Tensor) and v.device == like.device
    ]


_length = cast(Callable[[Tensor], Tensor], torch.linalg.vector_norm)


def _norm(gradients: list[Tensor]) -> Tensor:
    dense = [g.coalesce().values() if g.is_sparse else g for g in gradients]
    if dense[0].device.type == "cpu":  # one by one is faster there than all at once
        return _length(torch.stack([_length(gradient) for gradient in dense]))
    return torch.nn.utils.get_total_norm(dense)
