"""What is trained, and one step of it: the model and its extra parts, each with an optimiser of its own.

A step whose loss or gradient is no number changes no weight.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from datasets.errors import InputError
from synth.hardware import Hardware, compiled, is_out_of_memory, memory_sentence
from synth.schedule import Ema

MODEL = "model"
Losses = Tensor | Mapping[str, Tensor]
LossOf = Callable[[Any], Losses | tuple[Losses, dict[str, float]]]


@dataclass
class Owner:
    """A network that learns from its own loss.

    Attributes:
        rate: what the schedule's learning rate is taken times.
    """

    name: str
    module: nn.Module
    optimizer: torch.optim.Optimizer
    rate: float = 1.0

    @property
    def prefix(self) -> str:
        """What the names of its tensors begin with in a saved state."""
        return "" if self.name == MODEL else f"part.{self.name}."

    def parameters(self) -> list[nn.Parameter]:
        return [p for p in self.module.parameters() if p.requires_grad]


@dataclass(frozen=True)
class Stepped:
    """How a step went.

    Attributes:
        loss: the model's loss; None where no weight was changed.
        figures: what is to be logged.
        why: what was no number, if anything.
        overflow: nothing is wrong but the scale of the fp16 gradients, which adapts.
        stop, part: whether anyone asked to stop, and how far the training is, agreed over all processes.
    """

    loss: float | None
    figures: dict[str, float]
    why: str = ""
    overflow: bool = False
    stop: bool = False
    part: float = 0.0


class OutOfMemory(InputError):
    """The device's memory is used up; the weights are those of the last whole step."""


class Learner:
    """Model and parts on their device.

    Args:
        model: the network, whose weights are averaged (``ema``).
        parts: further networks by name, such as an adversary.
        optimizers: ready-made ones by name (``model`` is the model's), of all the parameters in their own order; Adam
            for those that are not given.
        rates: what the schedule's rate is taken times, by name.
        clip: largest norm of each owner's gradient.
    """

    def __init__(
        self,
        model: nn.Module,
        hardware: Hardware,
        rate: float,
        parts: Mapping[str, nn.Module] | None = None,
        optimizers: Mapping[str, torch.optim.Optimizer] | None = None,
        rates: Mapping[str, float] | None = None,
        ema_decay: float = 0.998,
        clip: float = 1.0,
        compile: bool = False,
    ) -> None:
        self.hardware, self.clip = hardware, clip
        modules = {MODEL: model, **(parts or {})}
        if any("." in name for name in modules) or len(modules) != 1 + len(parts or {}):
            raise ValueError(f"parts need names of their own, without a dot: {list(parts or {})}")
        given, factors = optimizers or {}, rates or {}
        self.owners = {
            name: Owner(
                name,
                module.to(hardware.device) if hardware.world > 1 else module,
                given.get(name) or torch.optim.Adam(module.parameters(), rate, betas=(0.9, 0.99)),
                factors.get(name, 1.0),
            )
            for name, module in modules.items()
        }
        hardware.share(modules)
        self.ema = Ema(model, ema_decay)
        self.compiling = compile
        self.compile_failure = ""
        if compile:
            compiled(model, True)

    @property
    def model(self) -> nn.Module:
        return self.owners[MODEL].module

    # -- one step ------------------------------------------------------------------------------------------------

    def step(
        self,
        batch: Any,
        loss_of: LossOf,
        number: int,
        seed: int,
        rate_at: Callable[[float], float],
        stop: bool = False,
        part: float = 0.0,
    ) -> Stepped:
        """Learn from one batch.

        Args:
            number: of the step, from 0 on; with ``seed`` it decides what torch draws at random in it.
            rate_at: learning rate, by the part of the training that is done.

        Raises:
            OutOfMemory: the device has too little memory.
        """
        torch.manual_seed(_seed(seed, number, self.hardware.rank))
        memory: BaseException | None = None
        values: dict[str, float] = {}
        figures: dict[str, float] = {}
        try:
            values, figures = self._gradients(batch, loss_of)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            memory = error
        wrong = [name for name, value in values.items() if not math.isfinite(value)]
        present = [float(name in values) for name in self.owners]
        bad, full, halt, done, *there = self.hardware.worst(bool(wrong), memory is not None, stop, part, *present)
        if full:
            raise OutOfMemory(memory_sentence("")) from memory
        agreed = {"stop": bool(halt), "part": done}
        if bad:
            self._forget()
            return Stepped(None, figures, f"the loss of {' and '.join(wrong) or 'another process'}", **agreed)  # type: ignore[arg-type]
        stepping = [owner for owner, with_loss in zip(self.owners.values(), there, strict=True) if with_loss]
        norms = {owner.name: self._norm(owner) for owner in stepping}
        wrong = [name for name, norm in norms.items() if not math.isfinite(norm)]
        overflow = self.hardware.settle(not wrong)
        if wrong:
            self._forget()
            said = f"the gradient of {' and '.join(wrong)}"
            return Stepped(None, figures, "" if overflow else said, overflow, **agreed)  # type: ignore[arg-type]
        for owner in stepping:
            for group in owner.optimizer.param_groups:
                group["lr"] = rate_at(done) * owner.rate
            owner.optimizer.step()
        self.ema.update(self.model, number + 1)
        lost = {f"loss_{name}": value for name, value in values.items() if name != MODEL}
        loss = values.get(MODEL, 0.0)
        return Stepped(loss, {"loss": loss} | lost | figures, **agreed)  # type: ignore[arg-type]

    def _gradients(self, batch: Any, loss_of: LossOf) -> tuple[dict[str, float], dict[str, float]]:
        """Losses and figures of a batch; the gradients lie at the parameters."""
        if not self.compiling:
            return self._backward(batch, loss_of)
        try:
            return self._backward(batch, loss_of)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            compiled(self.model, False)
            self.compiling = False
            again = self._backward(batch, loss_of)
            self.compile_failure = f"torch.compile failed ({type(error).__name__}): training goes on uncompiled."
            return again

    def _backward(self, batch: Any, loss_of: LossOf) -> tuple[dict[str, float], dict[str, float]]:
        for owner in self.owners.values():
            owner.optimizer.zero_grad(set_to_none=True)
        with self.hardware.autocast():
            given = loss_of(batch)
        losses, figures = given if isinstance(given, tuple) else (given, {})
        if isinstance(losses, Tensor):
            self.hardware.scaled(losses).backward()
            return {MODEL: float(losses.detach())}, figures
        unknown = sorted(set(losses) - set(self.owners))
        if unknown:
            raise ValueError(f"a loss for {', '.join(unknown)}, and there are: {', '.join(self.owners)}")
        for count, (name, loss) in enumerate(losses.items(), 1):
            torch.autograd.backward(
                self.hardware.scaled(loss),
                inputs=self.owners[name].parameters(),
                retain_graph=count < len(losses),
            )
        return {name: float(loss.detach()) for name, loss in losses.items()}, figures

    def _norm(self, owner: Owner) -> float:
        """Average over the processes, unscale and clip an owner's gradient; its norm before."""
        self.hardware.average(owner.parameters())
        self.hardware.unscale(owner.optimizer)
        return float(nn.utils.clip_grad_norm_(owner.module.parameters(), self.clip))

    def _forget(self) -> None:
        for owner in self.owners.values():
            owner.optimizer.zero_grad(set_to_none=True)

    # -- state ---------------------------------------------------------------------------------------------------

    def pack(self) -> dict[str, Tensor]:
        """All that is needed to go on, by name, as copies on the CPU."""
        tensors: dict[str, Tensor] = {f"ema.{name}": value for name, value in self.ema.values.items()}
        for owner in self.owners.values():
            tensors |= {f"{owner.prefix}model.{k}": v for k, v in owner.module.state_dict().items()}
            held = owner.optimizer.state_dict()["state"]
            for number, (name, _) in enumerate(owner.module.named_parameters()):
                for key, value in held.get(number, {}).items():
                    if value is not None:
                        tensors[f"{owner.prefix}optimizer.{key}.{name}"] = torch.as_tensor(value)
        return {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}

    def unpack(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """Take up what :meth:`pack` gave; a part that is not in it stays as it is.

        Returns:
            The names of those parts.

        Raises:
            KeyError, RuntimeError, ValueError: the tensors are those of another network.
        """
        fresh = []
        for owner in self.owners.values():
            held = {k.removeprefix(owner.prefix): v for k, v in tensors.items() if k.startswith(owner.prefix)}
            weights = {k.removeprefix("model."): v for k, v in held.items() if k.startswith("model.")}
            if not weights and owner.name != MODEL:
                fresh.append(owner.name)
                continue
            owner.module.load_state_dict(weights)
            packed: dict[str, Any] = owner.optimizer.state_dict()
            packed["state"] = {}
            for number, (name, parameter) in enumerate(owner.module.named_parameters()):
                mine = {
                    key.split(".")[1]: value
                    for key, value in held.items()
                    if key.startswith("optimizer.") and key.split(".", 2)[2] == name
                }
                if any(value.dim() and value.shape != parameter.shape for value in mine.values()):
                    raise ValueError(f"the optimiser's state of {name} has another shape")
                if mine:
                    packed["state"][number] = mine
            owner.optimizer.load_state_dict(packed)
        for name, value in self.ema.values.items():
            value.copy_(tensors[f"ema.{name}"])
        return fresh


def sound(tensors: Mapping[str, Tensor]) -> bool:
    """Whether every number in a state is one."""
    return all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.dtype.is_floating_point)


def _seed(seed: int, step: int, rank: int) -> int:
    digest = hashlib.sha256(json.dumps([seed, step, rank]).encode()).digest()
    return int.from_bytes(digest[:7], "big")
