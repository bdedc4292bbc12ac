"""The training loop: stopped and gone on it ends where an unbroken one does, and what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from footage import tree
from loopkit import curve, go, model, run_in, stop_at, weights
from torch import Tensor, nn

from datasets.errors import InputError, Interrupted
from synth.method import Budget
from synth.training import METRICS, STATE, Ema, Run, Schedule, read_metrics


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
    before = tree(tmp_path)
    go(run_in(tmp_path))
    assert tree(tmp_path) == before and {"backups/step-000030.safetensors", STATE, METRICS} < set(before)


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


# -- parts with losses of their own -------------------------------------------------------------------------------


def judged(folder: Path, **options: Any) -> tuple[Run, Any]:
    """A model with an adversary, which draws at random and comes in at step 6."""
    torch.manual_seed(3)
    judge = nn.Sequential(nn.Linear(1, 6), nn.Dropout(0.3), nn.ReLU(), nn.Linear(6, 1))
    run = Run(
        model(), folder, {"seed": 1}, Schedule(rate=1e-2, rise=5), parts={"adversary": judge}, rates={"adversary": 0.5},
        **options,
    )  # fmt: skip

    def loss_of(batch: tuple[Tensor, Tensor]) -> tuple[dict[str, Tensor], dict[str, float]]:
        made, truth = run.net(batch[0]), batch[1]
        error = (made - truth).square().mean()
        if run.state.step < 6:
            return {"model": error}, {}
        fooled = nn.functional.softplus(-judge(made)).mean()
        caught = nn.functional.softplus(judge(made.detach())).mean() + nn.functional.softplus(-judge(truth)).mean()
        return {"model": error + 0.1 * fooled, "adversary": caught}, {"fooled": float(fooled.detach())}

    return run, loss_of


def judge_weights(run: Run) -> list[np.ndarray]:
    return [value.numpy() for value in run.learner.owners["adversary"].module.state_dict().values()]


@pytest.mark.parametrize("stop", [3, 14])
def test_a_second_optimiser_goes_on_to_the_same_curve_too(tmp_path: Path, stop: int) -> None:
    whole, loss_of = judged(tmp_path / "whole")
    go(whole, loss_of=loss_of)
    broken, loss_of = judged(tmp_path / "broken")
    with pytest.raises(Interrupted):
        go(broken, loss_of=loss_of, progress=stop_at(stop))
    again, loss_of = judged(tmp_path / "broken")
    go(again, loss_of=loss_of)
    for of in (weights, judge_weights):
        assert all(np.array_equal(a, b) for a, b in zip(of(whole), of(again), strict=True))
    assert curve(tmp_path / "whole") == curve(tmp_path / "broken")
    assert {"loss", "loss_adversary", "fooled", "rate"} <= set(curve(tmp_path / "whole")[1])


def test_a_loss_moves_its_own_part_alone(tmp_path: Path) -> None:
    run, _ = judged(tmp_path)
    judge = run.learner.owners["adversary"].module
    before, begun = judge_weights(run)[0].copy(), weights(run)[0].copy()
    go(run, Budget(1), loss_of=lambda batch: {"model": (judge(run.net(batch[0])) - batch[1]).square().mean()})
    assert np.array_equal(judge_weights(run)[0], before) and not np.array_equal(weights(run)[0], begun)
    with pytest.raises(ValueError, match="a loss for critic"):
        go(run, Budget(2), loss_of=lambda batch: {"critic": run.net(batch[0]).mean()})


def test_a_part_that_is_new_begins_afresh_and_one_that_is_gone_is_left_out(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(8))
    run, loss_of = judged(tmp_path)
    assert go(run, Budget(12), loss_of=loss_of).state.step == 12
    assert go(run_in(tmp_path), Budget(14)).state.step == 14


def test_an_optimiser_of_ones_own_is_saved_and_restored(tmp_path: Path) -> None:
    def run(folder: str) -> Run:
        net = model()
        own = torch.optim.RMSprop(net.parameters(), 1e-2, momentum=0.5)
        return Run(net, tmp_path / folder, {"seed": 1}, Schedule(rate=1e-2), optimizers={"model": own})

    whole = go(run("whole"))
    with pytest.raises(Interrupted):
        go(run("broken"), progress=stop_at(11))
    again = go(run("broken"))
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))


# -- TensorBoard --------------------------------------------------------------------------------------------------


def scalars(folder: Path, name: str) -> list[int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    return [event.step for event in read.Scalars(name)]


def test_tensorboard_has_the_curves_without_a_step_twice(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    go(run_in(tmp_path), Budget(20))
    held = (tmp_path / STATE).read_bytes()
    go(run_in(tmp_path), Budget(40))
    (tmp_path / STATE).write_bytes(held)  # as after a kill: what came later is trained again
    go(run_in(tmp_path), Budget(60))
    assert scalars(tmp_path, "loss") == [10, 20, 30, 40, 50, 60]
    assert scalars(tmp_path, "rate") == [10, 20, 30, 40, 50, 60] and scalars(tmp_path, "ssim") == [20, 60]
    assert scalars(tmp_path, "s_per_step")


def test_without_tensorboard_it_is_said_once_and_the_metrics_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said: list[str] = []

    class Listener:
        def __call__(self, *_: Any) -> None: ...

        def say(self, sentence: str) -> None:
            said.append(sentence)

    go(run_in(tmp_path), Budget(30), progress=Listener())
    assert said == ["TensorBoard is not installed: the curves are in metrics.jsonl alone."]
    assert [line["step"] for line in read_metrics(tmp_path)] == [10, 20, 30, 30]
    assert not (tmp_path / "tensorboard").exists()
