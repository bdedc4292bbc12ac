"""Where a training computes: what is not there is said, mixed precision learns, several processes learn as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loopkit import go, model, run_in, stop_at, weights

from datasets.errors import InputError, Interrupted
from datasets.trainingstate import STATE, read_state
from synth.hardware import Hardware, compiled, loop_options
from synth.method import Budget
from synth.training import Run, Schedule, read_metrics

ROOT = Path(__file__).parents[2]


def test_options_of_the_loop_are_parted_from_a_methods_own_and_checked() -> None:
    loop, own = loop_options({"precision": "bf16-mixed", "compile": "yes", "devices": "2", "backups": 0, "batch": "4"})
    assert loop == {"precision": "bf16", "compile": True, "devices": 2, "backups": 0} and own == {"batch": "4"}
    assert loop_options(None) == ({}, {})
    for wrong in ({"precision": "8"}, {"compile": "perhaps"}, {"devices": "0"}, {"backups": "-1"}, {"devices": "two"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            loop_options(wrong)


def test_what_this_machine_has_not_got_is_said_in_one_sentence(tmp_path: Path) -> None:
    for wrong in (("cpu", "fp16", 1), ("cpu", "32", 4096), ("mps", "bf16", 1), ("mps", "32", 2)):
        with pytest.raises(InputError) as said:
            Hardware(*wrong)
        assert "\n" not in str(said.value)
    with pytest.raises(InputError, match="fp16 needs a CUDA GPU"):
        Run(model(), tmp_path / "m", {"seed": 1}, Schedule(), precision="fp16")
    assert not (tmp_path / "m").exists()


def test_mixed_precision_without_fabric_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(InputError, match="Lightning Fabric, which is not installed"):
        Hardware("cpu", "bf16")
    assert Hardware("cpu").world == 1


def test_bf16_learns_and_goes_on_where_it_was(tmp_path: Path) -> None:
    def run(folder: str) -> Run:
        return Run(model(), tmp_path / folder, {"seed": 1}, Schedule(rate=1e-2, rise=5), precision="bf16")

    dtypes = set()
    whole = run("whole")

    def loss_of(batch: Any) -> torch.Tensor:
        made = whole.net(batch[0])
        dtypes.add(made.dtype)
        return (made.float() - batch[1]).square().mean()

    go(whole, Budget(100), loss_of=loss_of)
    assert dtypes == {torch.bfloat16} and {value.dtype for value in whole.model.parameters()} == {torch.float32}
    losses = [line["loss"] for line in read_metrics(tmp_path / "whole") if "loss" in line]
    assert losses[-1] < 0.7 * losses[0]
    with pytest.raises(Interrupted):
        go(run("broken"), Budget(100), progress=stop_at(33))
    again = go(run("broken"), Budget(100))
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))


def test_compiling_keeps_the_names_and_what_cannot_be_compiled_goes_on_uncompiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", lambda call, **_: broken)
    run = Run(model(), tmp_path, {"seed": 1}, Schedule(rate=1e-2, rise=5), compile=True)
    assert list(run.model.state_dict()) == list(model().state_dict())
    said: list[str] = []

    class Listener:
        def __call__(self, *_: Any) -> None: ...

        def say(self, sentence: str) -> None:
            said.append(sentence)

    go(run, Budget(10), progress=Listener())
    assert run.state.step == 10 and run.notes == [line for line in said if "uncompiled" in line] != []
    plain = go(run_in(tmp_path / "plain"), Budget(10))
    assert all(np.array_equal(a, b) for a, b in zip(weights(run), weights(plain), strict=True))


@pytest.mark.slow
def test_a_compiled_model_learns_the_same(tmp_path: Path) -> None:
    run = Run(model(), tmp_path / "c", {"seed": 1}, Schedule(rate=1e-2, rise=5), compile=True)
    go(run, Budget(20))
    plain = go(run_in(tmp_path / "p"), Budget(20))
    assert not run.notes and list(run.model.state_dict()) == list(plain.model.state_dict())
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(weights(run), weights(plain), strict=True))
    compiled(run.model, False)


TOGETHER = """
import sys
from pathlib import Path
import numpy as np
import torch
from datasets.errors import CounterfaceError
from datasets.progress import silent
from synth.method import Budget
from synth.training import Run, Schedule

folder, steps = Path(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(0)
run = Run(torch.nn.Linear(3, 1), folder, {"seed": 1}, Schedule(rate=1e-2, rise=5), devices=int(sys.argv[3]))
whole = int(sys.argv[3]) == 1

def batches(first, part):
    step = first
    while True:
        rng = np.random.default_rng(step)
        x = torch.from_numpy(rng.standard_normal((8, 3)).astype(np.float32))
        # One process takes all eight rows, each of two its own four.
        yield x if whole else x[4 * run.hardware.rank : 4 * run.hardware.rank + 4]
        step += 1

def loss_of(x):
    if "bad" in sys.argv and run.hardware.rank == 1 and run.state.step == 3:
        return run.net(x).mean() * float("nan")
    if "full" in sys.argv and run.hardware.rank == 1 and run.state.step == 3:
        raise torch.OutOfMemoryError("out of memory")
    return (run.net(x) - x.sum(1, keepdim=True)).square().mean()

try:
    run.train(batches, loss_of, Budget(steps), silent, lambda: {"ssim": 0.5})
except CounterfaceError as error:
    print("said", error)
print("came back", run.hardware.rank, run.state.skipped)
"""


def together(folder: Path, steps: int, devices: int, *more: str) -> list[str]:
    script = folder.parent / "together.py"
    script.write_text(TOGETHER)
    environment = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT")}
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(steps), str(devices), *more],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_two_processes_learn_what_one_does_and_the_first_writes(tmp_path: Path) -> None:
    assert "came back 0 0" in together(tmp_path / "one", 20, 1)
    said = together(tmp_path / "two", 20, 2)
    assert [line for line in said if line.startswith("came back")] == ["came back 0 0"]
    one, two = (read_state(tmp_path / name / STATE) for name in ("one", "two"))
    assert one[0]["step"] == two[0]["step"] == 20
    assert torch.allclose(one[1]["model.weight"], two[1]["model.weight"], atol=1e-5)
    assert [line["step"] for line in read_metrics(tmp_path / "two") if "loss" in line] == [10, 20]


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_what_goes_wrong_in_one_process_is_agreed_on_by_all(tmp_path: Path) -> None:
    assert "came back 0 1" in together(tmp_path / "bad", 8, 2, "bad")
    said = [line for line in together(tmp_path / "full", 8, 2, "full") if line.startswith("said")]
    assert len(said) == 1 and "memory of the device is used up" in said[0] and "step 3 is kept" in said[0]
