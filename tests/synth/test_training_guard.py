"""What the loop does when something goes wrong: bad numbers, damaged states, other options, too little memory."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from footage import tree
from loopkit import batches, curve, go, model, run_in, stop_at, weights
from torch import Tensor, nn

from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.trainingstate import STATE, abandoned, back_up, backups, newest_good, read_state, restore
from synth.method import Budget
from synth.training import Run, Schedule, read_metrics


class Wilting(nn.Module):
    """A model whose output is NaN at the given calls; ``inf`` gradients where ``steep``."""

    def __init__(self, bad: set[int], steep: bool = False) -> None:
        super().__init__()
        self.net, self.bad, self.steep, self.calls = model(), bad, steep, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y = self.net(x)
        if self.calls not in self.bad:
            return y
        # The value is fine; the slope, at the square root's 0, is not.
        return y + (y - y.detach()).abs().sqrt().sum() if self.steep else y * float("nan")


def wilting(folder: Path, bad: set[int], steep: bool = False, **options: Any) -> Run:
    torch.manual_seed(0)
    return Run(Wilting(bad, steep), folder, {"seed": 1}, Schedule(rate=1e-2, rise=5), **options)


def events(folder: Path) -> list[str]:
    return [line["event"] for line in read_metrics(folder) if "event" in line]


@pytest.mark.parametrize("steep", [False, True])
def test_a_bad_step_changes_nothing_and_is_counted(tmp_path: Path, steep: bool) -> None:
    run = wilting(tmp_path, {3}, steep)
    seen = []

    def loss_of(batch: Any) -> Tensor:
        seen.append([value.clone() for value in run.model.state_dict().values()])
        return (run.model(batch[0]) - batch[1]).square().mean()

    go(run, Budget(6), loss_of=loss_of)
    assert run.state.step == 6 and run.state.skipped == 1 and events(tmp_path) == ["skipped"]
    assert all(torch.equal(a, b) for a, b in zip(seen[2], seen[3], strict=True))
    assert not torch.equal(seen[3][0], seen[4][0])
    assert all(np.isfinite(values).all() for values in weights(run))


def test_after_several_bad_steps_it_goes_back_and_on_with_a_lower_rate(tmp_path: Path) -> None:
    go(wilting(tmp_path, set()), Budget(10))
    run = wilting(tmp_path, set(range(5, 13)))
    said: list[str] = []
    go(run, Budget(40), progress=Hearing(said))
    assert run.state.step == 40 and run.state.slowed == 0.5 and run.state.skipped == 8
    assert any("went back to step 10" in line and "0.5 of the learning rate" in line for line in said)
    back = next(line for line in read_metrics(tmp_path) if line.get("event") == "went back")
    assert back["step"] == 10 and "step 22" in back["note"] and back["note"] in run.notes
    steps = [line["step"] for line in read_metrics(tmp_path) if "loss" in line]
    assert steps == [10, 20, 30, 40]
    again = wilting(tmp_path, set())
    assert again.state.slowed == 0.5 and again.notes == run.notes


def test_without_a_saved_state_it_goes_back_to_where_it_began(tmp_path: Path) -> None:
    run = wilting(tmp_path, set(range(4, 12)))
    begun = [value.clone() for value in run.model.state_dict().values()]
    first: list[list[Tensor]] = []

    def loss_of(batch: Any) -> Tensor:
        if run.state.slowed < 1 and not first:
            first.append([value.clone() for value in run.model.state_dict().values()])
        return (run.model(batch[0]) - batch[1]).square().mean()

    go(run, Budget(12), loss_of=loss_of)
    assert all(torch.equal(a, b) for a, b in zip(begun, first[0], strict=True)) and run.state.step == 12


def test_a_training_that_never_recovers_stops_with_one_sentence_and_its_last_good_state(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(10))
    good = read_state(tmp_path / STATE)[1]
    run = run_in(tmp_path)
    calls = 0

    def bad(batch: Any) -> tuple[Tensor, dict[str, float]]:
        nonlocal calls
        calls += 1
        return run.model(batch[0]).mean() * float("inf"), {}

    with pytest.raises(CounterfaceError, match=r"came apart at step 18.*step 10 is kept") as said:
        go(run, Budget(50), loss_of=bad)
    assert calls == 4 * 8 and "\n" not in str(said.value) and said.value.exit_code == 2
    held = read_state(tmp_path / STATE)[1]
    assert held.keys() == good.keys() and all(torch.equal(held[k], good[k]) for k in good)
    assert events(tmp_path).count("went back") == 3
    assert go(run_in(tmp_path), Budget(20)).state.step == 20


def test_a_state_with_a_number_that_is_none_is_never_written(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(5))
    before = (tmp_path / STATE).read_bytes()
    run = run_in(tmp_path)
    with torch.no_grad():
        run.ema.values["0.weight"][0, 0] = float("nan")
    assert not run.save() and (tmp_path / STATE).read_bytes() == before


class Hearing:
    """A listener that keeps the sentences it is told."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def __call__(self, step: str, done: float, total: float | None, note: str = "") -> None: ...

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


# -- damaged and foreign states -----------------------------------------------------------------------------------


def damaged(content: bytes, how: str) -> bytes:
    return {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "garbage": b"not a state" * 50,
        "altered": content[:-40] + bytes([content[-40] ^ 64]) + content[-39:],
    }[how]


@pytest.mark.parametrize("how", ["cut", "empty", "garbage", "altered"])
def test_a_damaged_state_is_said_with_the_backup_to_go_on_from(tmp_path: Path, how: str) -> None:
    go(run_in(tmp_path), Budget(10))
    go(run_in(tmp_path), Budget(20))
    (tmp_path / STATE).write_bytes(damaged((tmp_path / STATE).read_bytes(), how))
    newest = tmp_path / "backups" / "step-000020.safetensors"
    newest.write_bytes(damaged(newest.read_bytes(), how))
    before = tree(tmp_path)
    with pytest.raises(InputError, match=r"damaged.*newest good backup is that of step 10.*--restore 10") as said:
        run_in(tmp_path)
    assert "\n" not in str(said.value) and tree(tmp_path) == before
    assert restore(tmp_path, "last") == 10
    assert go(run_in(tmp_path), Budget(30)).state.step == 30


def test_a_state_that_is_none_of_a_training_is_said(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / STATE)
    with pytest.raises(InputError, match=r"no state of a training.*no good backup.*--force"):
        run_in(tmp_path)


def test_a_backup_without_its_state_is_not_overwritten_by_a_new_beginning(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(5))
    (tmp_path / STATE).unlink()
    with pytest.raises(InputError, match="--restore last"):
        run_in(tmp_path)


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"method": "liae"}, {"method": "df"}, r"is of the method liae, not df.*--force"),
        ({"size": 128}, {"size": 96}, r"other size \(128 then, 96 now\).*--force"),
        ({"dims": {"e": 48, "d": 24}}, {"dims": {"e": 64, "d": 24}}, r"other dims\.e \(48 then, 64 now\)"),
        ({}, {"fold": 2}, r"other fold \(none then, 2 now\)"),
    ],
)
def test_a_state_of_another_method_size_or_option_is_refused_with_what_differs(
    tmp_path: Path, then: dict[str, Any], now: dict[str, Any], said: str
) -> None:
    go(run_in(tmp_path, {"seed": 1} | then), Budget(3))
    before = tree(tmp_path)
    with pytest.raises(InputError, match=said):
        run_in(tmp_path, {"seed": 1} | now)
    assert tree(tmp_path) == before


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(3))
    with pytest.raises(InputError, match="does not fit this network"):
        Run(nn.Linear(3, 3), tmp_path, {"seed": 1}, Schedule())


# -- backups ------------------------------------------------------------------------------------------------------


def test_the_newest_backups_are_kept_and_any_can_be_gone_back_to(tmp_path: Path) -> None:
    for steps in (5, 10, 15, 20, 30):
        go(run_in(tmp_path), Budget(steps))
    assert list(backups(tmp_path)) == [15, 20, 30] and newest_good(tmp_path) == 30
    with pytest.raises(InputError, match=r"no backup of step '7' \(there are: 15, 20, 30\)"):
        restore(tmp_path, "7")
    assert restore(tmp_path, "15") == 15
    run = run_in(tmp_path)
    assert run.state.step == 15
    assert [line["step"] for line in read_metrics(tmp_path) if "loss" in line] == [10]


def test_a_state_newer_than_its_backups_is_kept_when_an_older_one_is_restored(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(10))
    with pytest.raises(Interrupted):
        go(run_in(tmp_path), Budget(20), progress=stop_at(13))
    assert list(backups(tmp_path)) == [10]
    restore(tmp_path, "10")
    assert list(backups(tmp_path)) == [10] and list(abandoned(tmp_path)) == [13]
    restore(tmp_path, "13")
    assert run_in(tmp_path).state.step == 13


def test_a_full_disk_leaves_the_state_and_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(run_in(tmp_path), Budget(5))
    before = (tmp_path / STATE).read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(InputError, match="No room left on the disk"):
        back_up(tmp_path, 99, 3)
    assert (tmp_path / STATE).read_bytes() == before and list(backups(tmp_path)) == [5]
    said: list[str] = []
    run = go(run_in(tmp_path), Budget(10), progress=Hearing(said))
    assert run.state.step == 10 and any("backup of step 10 was not made: No room left" in line for line in said)
    assert read_state(tmp_path / STATE)[0]["step"] == 10 and list(backups(tmp_path)) == [5]


# -- memory, faces, budget ----------------------------------------------------------------------------------------


def test_too_little_memory_is_one_sentence_and_what_was_learnt_is_kept(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    calls = 0

    def loss_of(batch: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return (run.model(batch[0]) - batch[1]).square().mean()

    with pytest.raises(InputError, match=r"batch.*size.*The state of step 5 is kept") as said:
        go(run, Budget(10), loss_of=loss_of)
    assert "\n" not in str(said.value) and run_in(tmp_path).state.step == 5


def test_what_was_learnt_is_saved_before_the_last_measuring(tmp_path: Path) -> None:
    run = run_in(tmp_path)

    def measure() -> dict[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def loss_of(batch: Any) -> Tensor:
        return (run.model(batch[0]) - batch[1]).square().mean()

    with pytest.raises(torch.OutOfMemoryError):
        run.train(batches, loss_of, Budget(6), lambda *_: None, measure)
    assert run_in(tmp_path).state.step == 6 and run_in(tmp_path).state.finished


def test_other_faces_and_other_settings_are_said_and_kept_with_the_model(tmp_path: Path) -> None:
    def run(faces: str, batch: int) -> Run:
        data = {"source": faces, "destination": "b"}
        texture = torch.full((2, 2), float(batch))
        identity, schedule = {"seed": 1}, Schedule(rate=1e-2, rise=5)
        return Run(
            model(), tmp_path, identity, schedule, data=data, settings={"batch": batch}, kept={"texture": texture}
        )

    go(run("a", 8), Budget(5))
    said: list[str] = []
    changed = go(run("other", 4), Budget(10), progress=Hearing(said))
    assert any("faces of the source are others than before; from step 5" in line for line in said)
    assert any("batch 4 (was 8)" in line for line in said)
    assert changed.begun_with["source"] == "a" and events(tmp_path)[:2] == ["other faces", "other settings"]
    # The weights were trained with the first texture, and go on with it.
    assert torch.equal(changed.kept["texture"], torch.full((2, 2), 8.0))
    again = run("other", 4)
    assert again.notes == changed.notes and again.begun_with["source"] == "a"


def test_a_finished_model_with_a_larger_budget_warms_up_again_and_says_so(tmp_path: Path) -> None:
    go(run_in(tmp_path), Budget(20))
    said: list[str] = []
    run = go(run_in(tmp_path), Budget(80), progress=Hearing(said))
    assert any("finished at step 20" in line and "rises again" in line for line in said)
    assert run.state.warm_from == 20
    rates = {line["step"]: line["rate"] for line in read_metrics(tmp_path) if "rate" in line}
    assert rates[20] < rates[30] and rates[80] < rates[50]
    assert "larger budget" in events(tmp_path) and curve(tmp_path)[-1]["step"] == 80
