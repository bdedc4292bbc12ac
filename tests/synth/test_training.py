"""The training loop: stopped and gone on it ends where an unbroken one does, and what is wrong is said."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.progress import silent
from synth.method import Budget
from synth.training import METRICS, STATE, Ema, Run, Schedule, read_metrics

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


@pytest.mark.parametrize("stop", [1, 10, 25])
def test_stopped_and_gone_on_gives_the_weights_and_the_curve_of_an_unbroken_run(tmp_path: Path, stop: int) -> None:
    whole = go(run_in(tmp_path / "whole"))
    with pytest.raises(Interrupted, match=f"stopped at step {stop}; the same command goes on"):
        go(run_in(tmp_path / "broken"), progress=stop_at(stop))
    again = run_in(tmp_path / "broken")
    assert again.state.step == stop
    go(again)
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))
    assert curve(tmp_path / "whole") == curve(tmp_path / "broken")
    assert [line["step"] for line in curve(tmp_path / "whole")] == [10, 20, 30, 30]


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    go(run_in(tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    go(run_in(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_longer_budget_goes_on(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(10))
    assert go(run_in(tmp_path), Budget(20)).state.step == 20


def test_the_loss_falls(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(200))
    losses = [line["loss"] for line in read_metrics(tmp_path) if "loss" in line]
    assert np.mean(losses[-3:]) < 0.2 * losses[0]


def test_minutes_count_what_earlier_runs_took(tmp_path: Path) -> None:
    run = go(run_in(tmp_path), Budget(minutes=0.01))
    assert 0.6 <= run.state.seconds < 30 and run.state.step > 1
    done = run.state.step
    assert go(run_in(tmp_path), Budget(minutes=0.01)).state.step == done


def test_a_model_begun_on_other_data_is_refused_and_kept(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(5))
    before = (tmp_path / STATE).read_bytes()
    with pytest.raises(InputError, match=r"other data.*--force"):
        run_in(tmp_path, {"seed": 1, "data": "other"})
    with pytest.raises(InputError, match="other seed"):
        run_in(tmp_path, {"seed": 2})
    assert (tmp_path / STATE).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a state", None])
def test_a_damaged_state_is_said(tmp_path: Path, content: bytes | None) -> None:
    go(run_in(tmp_path), Budget(5))
    held = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(held[: len(held) // 2] if content is None else content)
    with pytest.raises(InputError, match="damaged"):
        run_in(tmp_path)


def test_a_line_of_the_curve_that_a_kill_cut_is_left_out(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text('{"step": 10, "loss": 1.0}\n{"step": 20, "lo')
    assert read_metrics(tmp_path) == [{"step": 10, "loss": 1.0}]
    assert read_metrics(tmp_path / "nowhere") == []


def test_lines_after_the_last_save_are_dropped_when_a_killed_run_goes_on(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(20))
    with (tmp_path / METRICS).open("a") as file:
        file.write(json.dumps({"step": 30, "loss": 9.0}) + "\n")
    run_in(tmp_path)
    assert [line["step"] for line in read_metrics(tmp_path)] == [10, 20, 20]


def test_a_bad_step_is_left_out_and_many_end_the_training(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    calls = 0

    def one_bad(batch: Any) -> tuple[Tensor, dict[str, float]]:
        nonlocal calls
        calls += 1
        loss = (run.model(batch[0]) - batch[1]).square().mean()
        return loss * float("nan") if calls == 3 else loss, {}

    go(run, Budget(6), loss_of=one_bad)
    assert run.state.step == 6 and calls == 7 and all(np.isfinite(values).all() for values in weights(run))

    def bad(batch: Any) -> tuple[Tensor, dict[str, float]]:
        return run.model(batch[0]).mean() * float("inf"), {}

    before = (tmp_path / STATE).read_bytes()
    with pytest.raises(CounterfaceError, match="came apart"):
        go(run, Budget(50), loss_of=bad)
    assert (tmp_path / STATE).read_bytes() == before


def test_the_average_follows_the_model_and_is_weighted_towards_the_past() -> None:
    net = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        net.weight.fill_(0.0)
    ema = Ema(net, 0.9)
    with torch.no_grad():
        net.weight.fill_(1.0)
    seen = []
    for step in range(1, 200):
        ema.update(net, step)
        seen.append(float(ema.values["weight"]))
    assert seen[0] == pytest.approx(1 - 2 / 11) and seen == sorted(seen) and seen[-1] == pytest.approx(1, abs=1e-4)
    with torch.no_grad():
        net.weight.fill_(0.0)
    ema.update(net, 200)
    assert float(ema.values["weight"]) == pytest.approx(0.9, abs=1e-4)


def test_the_schedule_rises_stays_and_falls() -> None:
    schedule = Schedule(rate=1.0, rise=10, fall=0.4, floor=0.03, unwarp=0.3, warp_floor=0.1)
    assert schedule.learning_rate(0, 0.0) == pytest.approx(0.1) and schedule.learning_rate(9, 0.1) == 1.0
    assert schedule.learning_rate(99, 0.8) == pytest.approx(0.5) and schedule.learning_rate(99, 1.0) == 0.03
    assert schedule.warp(0.5) == 1.0 and schedule.warp(0.85) == pytest.approx(0.5) and schedule.warp(1.0) == 0.1
