"""The training loop of a swap model: seeded, resumable, and guarded against a bad step.

Every step draws its samples from (seed, step) alone, so that a run that was stopped and went on sees what an unbroken
one would have seen. The state on disk is safetensors with a JSON header; nothing is pickled.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from datasets.atomic import disk_error, replacing
from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.interrupt import StopRequested
from datasets.progress import Progress
from synth.method import Budget

STATE, METRICS = "training.safetensors", "metrics.jsonl"
BAD_STEPS_ALLOWED = 20


@dataclass(frozen=True)
class Schedule:
    """How the learning rate and the random warp run over a training.

    Attributes:
        rate: peak learning rate.
        rise: steps of linear warm-up.
        fall: part of the training, at its end, over which the rate falls to ``floor`` of its peak.
        unwarp: part of the training, at its end, over which the random warp fades to ``warp_floor``.
    """

    rate: float = 1e-3
    rise: int = 50
    fall: float = 0.4
    floor: float = 0.03
    unwarp: float = 0.3
    warp_floor: float = 0.1

    def learning_rate(self, step: int, part: float) -> float:
        """The rate at ``step``, where ``part`` in [0, 1] of the training is done."""
        fade = 1.0 if part < 1 - self.fall else max(self.floor, (1 - part) / self.fall)
        return self.rate * min(1.0, (step + 1) / self.rise) * fade

    def warp(self, part: float) -> float:
        """Strength of the random warp, where ``part`` in [0, 1] of the training is done."""
        return 1.0 if part < 1 - self.unwarp else max(self.warp_floor, (1 - part) / self.unwarp)


class Ema:
    """An exponential moving average of a model's floating-point state, which is what gets used."""

    def __init__(self, model: nn.Module, decay: float = 0.998) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        mine, theirs = [], []
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                mine.append(self.values[name])
                theirs.append(value)
        torch._foreach_lerp_(mine, theirs, weight)


@dataclass
class State:
    """What a run must remember to go on: step, wall time so far, and the tensors."""

    step: int = 0
    seconds: float = 0.0


class Run:
    """One training run in a folder.

    Args:
        model: the network.
        folder: where state and metrics are kept.
        identity: what must be the same to go on (method, seed, batch); a state of another identity is refused.
    """

    def __init__(self, model: nn.Module, folder: Path, identity: Mapping[str, Any], schedule: Schedule) -> None:
        self.model, self.folder, self.identity, self.schedule = model, Path(folder), dict(identity), schedule
        self.optimizer = torch.optim.Adam(model.parameters(), schedule.rate, betas=(0.9, 0.99))
        self.ema = Ema(model)
        self.state = State()
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / STATE).is_file():
            self._restore()

    def _names(self) -> list[str]:
        return [name for name, _ in self.model.named_parameters()]

    def save(self) -> None:
        """Write the state, whole or not at all."""
        from safetensors.torch import save

        tensors: dict[str, Tensor] = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.values.items()}
        held = self.optimizer.state_dict()["state"]
        for number, name in enumerate(self._names()):
            if number in held:
                tensors |= {f"optimizer.{key}.{name}": torch.as_tensor(v) for key, v in held[number].items()}
        header = {"step": self.state.step, "seconds": self.state.seconds, "identity": self.identity}
        blob = save({k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}, {"run": json.dumps(header)})
        with replacing(self.folder / STATE) as temporary:
            temporary.write_bytes(blob)

    def _restore(self) -> None:
        from safetensors import SafetensorError, safe_open

        file = self.folder / STATE
        try:
            with safe_open(str(file), framework="pt") as opened:
                header = json.loads((opened.metadata() or {})["run"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no iteration)
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise InputError(f"{file} is damaged; remove {self.folder} to train anew.") from error
        if header["identity"] != self.identity:
            changed = sorted(k for k in self.identity if header["identity"].get(k) != self.identity[k])
            raise InputError(
                f"The model in {self.folder} was begun with other {', '.join(changed) or 'settings'}; "
                "give the same as then, or train anew with --force."
            )
        self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        device = next(self.model.parameters()).device
        for name in self.ema.values:
            self.ema.values[name].copy_(tensors[f"ema.{name}"])
        packed = self.optimizer.state_dict()
        for number, name in enumerate(self._names()):
            keys = {"step", "exp_avg", "exp_avg_sq"}
            found = {key: tensors[f"optimizer.{key}.{name}"] for key in keys if f"optimizer.{key}.{name}" in tensors}
            if found:
                packed["state"][number] = {k: v if k == "step" else v.to(device) for k, v in found.items()}
        self.optimizer.load_state_dict(packed)
        self.state = State(int(header["step"]), float(header["seconds"]))
        self._drop_metrics_after(self.state.step)

    def _drop_metrics_after(self, step: int) -> None:
        lines = read_metrics(self.folder)
        kept = [line for line in lines if line["step"] <= step]
        if len(kept) != len(lines):
            with replacing(self.folder / METRICS) as temporary:
                temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def log(self, **figures: float) -> None:
        """Append one line to ``metrics.jsonl``."""
        line = {"step": self.state.step, "seconds": round(self.state.seconds, 2)} | {
            name: round(float(value), 5) for name, value in figures.items()
        }
        try:
            with (self.folder / METRICS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise disk_error(error, self.folder / METRICS) or error from error

    def train(
        self,
        batches: Callable[[int, Callable[[int], float]], Iterator[Any]],
        loss_of: Callable[[Any], tuple[Tensor, dict[str, float]]],
        budget: Budget,
        progress: Progress,
        measure: Callable[[], dict[str, float]],
        show: Callable[[int], None] | None = None,
        measure_every: float = 20.0,
        save_every: float = 60.0,
    ) -> None:
        """Train until the budget is used up.

        Args:
            batches: called with (first step, a function that tells what part of the training is done at a step) for
                an endless iterator. It is drawn from ahead of the training, so it must not look at the run's own step.
            loss_of: a batch to (loss, figures to log).
            measure: figures on held-out faces with the averaged weights.
            show: called with the step after each measuring, to draw a preview.
            measure_every, save_every: seconds.

        Raises:
            Interrupted: Ctrl-C; the state is saved first.
            CounterfaceError: the loss stopped being a number.
        """
        from datasets.ahead import ahead

        begun, before = time.monotonic(), self.state.seconds
        first = self.state.step

        def part(step: int) -> float:
            if budget.steps is not None:
                return min(1.0, step / max(1, budget.steps))
            return min(1.0, (before + time.monotonic() - begun) / (60 * (budget.minutes or 1.0)))

        def total() -> float | None:
            if budget.steps is not None:
                return float(budget.steps)
            done = part(self.state.step)
            return None if done < 0.02 else self.state.step / done

        last_measure = last_save = begun
        bad = 0
        with StopRequested() as stop:
            steps = ahead(batches(first, part), 3) if part(first) < 1 else iter(())
            for batch in steps:
                loss, figures = self._step(batch, loss_of, part(self.state.step))
                bad = bad + 1 if loss is None else 0
                if bad >= BAD_STEPS_ALLOWED:
                    raise CounterfaceError(
                        "Training came apart: the loss is not a number any more. The last state that was saved is "
                        "kept; run the command again to go on from it, or train anew with --force."
                    )
                now = time.monotonic()
                self.state.seconds = before + now - begun
                if loss is not None:
                    speed = (now - begun) / (self.state.step - first)
                    progress("training", self.state.step, total(), f"loss {loss:.3f}, {speed:.2f} s/step")
                    self._report(figures, measure if now - last_measure >= measure_every else None, show)
                    if now - last_measure >= measure_every:
                        last_measure = time.monotonic()
                if part(self.state.step) >= 1:
                    break
                if now - last_save >= save_every or stop.now:
                    self.save()
                    last_save = now
                if stop.now:
                    raise Interrupted(
                        f"Training stopped at step {self.state.step}; the same command goes on from there."
                    )
        if self.state.step > first:
            self._report({}, measure, show)
            self.save()

    def _report(
        self,
        figures: dict[str, float],
        measure: Callable[[], dict[str, float]] | None,
        show: Callable[[int], None] | None,
    ) -> None:
        """Log every tenth step, and whatever was measured on held-out faces."""
        if measure:
            self.log(**figures, **measure())
            if show:
                show(self.state.step)
        elif self.state.step % 10 == 0:
            self.log(**figures)

    def _step(
        self, batch: Any, loss_of: Callable[[Any], tuple[Tensor, dict[str, float]]], part: float
    ) -> tuple[float | None, dict[str, float]]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(self.state.step, part)
        loss, figures = loss_of(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            return None, figures
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not math.isfinite(float(norm)):
            return None, figures
        self.optimizer.step()
        self.state.step += 1
        self.ema.update(self.model, self.state.step)
        return value, {"loss": value} | figures


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``; a last line cut by a kill is left out."""
    file = Path(folder) / METRICS
    if not file.is_file():
        return []
    lines = []
    for text in file.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines
