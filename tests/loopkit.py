"""A small network, data that a seed decides, and one call that trains: what tests of the training loop share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.progress import silent
from synth.method import Budget
from synth.training import Run, Schedule, read_metrics

STEPS = 30


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def batches(first: int, part: Callable[[int], float]) -> Iterator[tuple[Tensor, Tensor]]:
    """The noise shrinks as the training goes on, as the warp of a swap method does."""
    step = first
    while True:
        rng = np.random.default_rng([1, step])
        x = rng.standard_normal((16, 4)).astype(np.float32)
        noise = Schedule().warp(part(step)) * rng.standard_normal((16, 1))
        yield torch.from_numpy(x), torch.from_numpy((x.sum(1, keepdims=True) + noise).astype(np.float32))
        step += 1


def run_in(folder: Path, identity: dict[str, Any] | None = None) -> Run:
    return Run(model(), folder, identity or {"seed": 1}, Schedule(rate=1e-2, rise=5))


def go(run: Run, budget: Budget = Budget(STEPS), progress: Any = silent, **options: Any) -> Run:
    def loss_of(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        loss = (run.model(batch[0]) - batch[1]).square().mean()
        return loss, {"loss_source": float(loss.detach())}

    run.train(options.pop("batches", batches), options.pop("loss_of", loss_of), budget, progress, lambda: {"ssim": 0.5})
    return run


def weights(run: Run) -> list[np.ndarray]:
    return [value.numpy() for value in (*run.model.state_dict().values(), *run.ema.values.values())]


def stop_at(step: int) -> Any:
    def listen(name: str, done: float, total: float | None, note: str = "") -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGINT)

    return listen


def curve(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(folder)]
