"""Where and how a training computes: device, precision, one process or several, compiled or not.

The plain way (one device, 32 bit) is torch alone. Everything else goes through Lightning Fabric, which is imported
only then: it starts a process a device, and knows each precision. Gradients are averaged here, over each owner's
parameters, so that a method may call any part of its network in any order.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from datasets.device import usable_cores
from datasets.errors import InputError

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def precision_name(said: Any) -> str:
    """``32``, ``bf16`` or ``fp16``. Raises InputError for anything else."""
    short = str(said).lower().removesuffix("-mixed").removesuffix("-true")
    short = {"16": "fp16", "fp32": "32"}.get(short, short)
    if short not in PRECISIONS:
        raise InputError(f"There is no precision {said!r}; there are: {', '.join(PRECISIONS)}.")
    return short


def rank() -> int:
    """The number of this process among those that train one model together: 0 for the one that writes."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def own_device() -> None:
    """Make ``cuda`` mean this process's own GPU, where several processes train together."""
    if rank() and torch.cuda.is_available():
        torch.cuda.set_device(rank())


class Hardware:
    """The device that a model lies on, used at a precision, alone or with others of its kind.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        precision: ``32``, ``bf16`` or ``fp16`` (mixed: weights stay 32 bit; fp16 with scaled gradients).
        devices: how many; a process is started for each, by running this very command again beside this one.

    Raises:
        InputError: this machine has no such precision or not that many devices, or Lightning Fabric is missing.
    """

    def __init__(self, device: str, precision: str = "32", devices: int = 1) -> None:
        self.precision = precision_name(precision)
        self.kind, self.device, self.rank, self.world = device, torch.device(device), 0, 1
        self._fabric: Any = None
        self._scaler: torch.amp.GradScaler | None = None
        if self.precision != "32" or devices > 1:
            self._check(devices)
            self._begin(devices)
        if self.precision == "fp16":
            self._scaler = torch.amp.GradScaler(self.kind)

    def _check(self, devices: int) -> None:
        if self.precision == "fp16" and self.kind != "cuda":
            raise InputError(f"Precision fp16 needs a CUDA GPU, and this is {self.kind}; use --precision bf16 or 32.")
        if self.precision == "bf16" and (
            self.kind == "mps" or (self.kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False))
        ):
            raise InputError(f"This {self.kind} device has no bf16; use --precision 32.")
        there = {"cuda": torch.cuda.device_count(), "cpu": usable_cores()}.get(self.kind, 1)
        if devices > there:
            what = {"cuda": "CUDA GPU", "cpu": "CPU core"}.get(self.kind, f"{self.kind} device")
            raise InputError(
                f"{devices} devices were asked for, and this machine has {there} {what}{'s'[: there != 1]}."
            )

    def _begin(self, devices: int) -> None:
        try:
            from lightning_fabric import Fabric
        except ImportError as error:
            raise InputError(
                "Mixed precision and several devices need Lightning Fabric, which is not installed here: "
                "pip install lightning-fabric, or use --precision 32 and one device."
            ) from error
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its greetings are no progress of ours
        logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
        several = devices > 1
        self._fabric = Fabric(
            accelerator=self.kind,
            devices=devices,
            strategy="ddp" if several else "auto",
            precision=PRECISIONS[self.precision],  # type: ignore[arg-type]
        )
        if several:
            self._fabric.launch()
            self.rank, self.world = self._fabric.global_rank, self._fabric.world_size
            self.device = self._fabric.device
            if self.kind == "cuda":
                torch.cuda.set_device(self.device)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context that losses are computed in."""
        return self._fabric.autocast() if self._fabric else nullcontext()

    def share(self, modules: Mapping[str, nn.Module]) -> None:
        """Give every process the values of the first."""
        if self.world > 1:
            for module in modules.values():
                for value in module.state_dict().values():
                    torch.distributed.broadcast(value, 0)

    def worst(self, *flags: float) -> list[float]:
        """Each figure's largest over all processes."""
        if self.world == 1:
            return list(flags)
        return self._fabric.all_reduce(torch.tensor(flags, device=self.device), reduce_op="max").tolist()

    def first(self, *values: float) -> list[float]:
        """The first process's values."""
        if self.world == 1:
            return list(values)
        held = torch.tensor(values, dtype=torch.float64 if self.kind == "cpu" else torch.float32, device=self.device)
        torch.distributed.broadcast(held, 0)
        return held.tolist()

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.world > 1:
            self._fabric.barrier()

    def end_others(self) -> None:
        """End the processes that this one started, because it can't go on."""
        if self.world > 1 and self.rank == 0:
            watched = getattr(getattr(self._fabric.strategy, "launcher", None), "procs", [])
            processes = list(watched)
            watched.clear()  # Fabric's observer would kill this process too, for the loss of the others
            for process in processes:
                process.kill()

    def average(self, parameters: list[nn.Parameter]) -> None:
        """Put the mean of all processes' gradients in the place of each one's own."""
        if self.world == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.reshape(-1) for p in parameters if p.grad is not None])
        flat = self._fabric.all_reduce(flat, reduce_op="mean")
        at = 0
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter))
            at += parameter.numel()

    # -- gradient scaling of fp16 --------------------------------------------------------------------------------

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to go backward from."""
        return self._scaler.scale(loss) if self._scaler else loss

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring gradients back to their own size before they are clipped."""
        if self._scaler:
            self._scaler.unscale_(optimizer)

    def settle(self, fine: bool) -> bool:
        """After a step's gradients were seen: adapt the scale. Whether a bad step was the scale's own doing.

        An overflow halves the scale, as it is meant to; it is the model's fault only when the scale is down to 1.
        """
        if not self._scaler:
            return False
        before = self._scaler.get_scale()
        self._scaler.update()
        return not fine and before > 1

    @property
    def scale(self) -> dict[str, Any]:
        """What gradient scaling must remember, JSON values."""
        return dict(self._scaler.state_dict()) if self._scaler else {}

    @scale.setter
    def scale(self, held: Mapping[str, Any]) -> None:
        if self._scaler and held:
            self._scaler.load_state_dict(dict(held))


def compiled(model: nn.Module, on: bool) -> None:
    """Have torch.compile make the model and its blocks, in place, or take that back; names of its state stay.

    Blocks too, because a method may call them one by one. They are compiled when they are first called.
    """
    blocks = [model]
    for child in model.children():
        blocks += list(child.children()) if isinstance(child, nn.ModuleDict | nn.ModuleList) else [child]
    for block in blocks:
        if on:
            block.compile()
        else:
            block._compiled_call_impl = None


def full_precision(device: str) -> AbstractContextManager[Any]:
    """What must not be computed in 16 bit (variances, as in SSIM) is computed inside this; give it ``.float()``."""
    return torch.autocast(torch.device(device).type, enabled=False)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory, or the machine's, is used up."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def memory_sentence(kept: str) -> str:
    """What to say when memory is used up; ``kept`` says what is left."""
    return (
        "The memory of the device is used up: take a smaller batch, a smaller size, narrower networks or --precision "
        f"bf16, as far as the method has such options, or --device cpu. {kept}"
    )


@contextmanager
def enough_memory(kept: str) -> Iterator[None]:
    """Turn an error of memory that is used up into one sentence. Raises InputError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(memory_sentence(kept)) from error
