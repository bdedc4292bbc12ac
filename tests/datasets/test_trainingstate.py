"""The state of a training on disk: it comes back as it was, and damage is never taken for a state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.trainingstate import (
    STATE,
    abandoned,
    back_up,
    backups,
    newest_good,
    read_state,
    restore,
    step_on_disk,
    write_state,
)

HEADER = {"step": 12, "seconds": 3.5, "identity": {"seed": 1, "name": "é"}}
TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "scalar": torch.tensor(2.5),
    "none": torch.zeros(0, 3),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "count": torch.tensor([1, 2]),
}


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    write_state(tmp_path / STATE, HEADER, TENSORS)
    header, tensors = read_state(tmp_path / STATE)
    assert header == HEADER and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[k], v) and tensors[k].dtype == v.dtype for k, v in TENSORS.items())
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=300)
def test_no_damage_goes_unseen(tmp_path_factory: pytest.TempPathFactory, where: float, bit: int, cut: bool) -> None:
    file = tmp_path_factory.getbasetemp() / "state" / STATE
    write_state(file, HEADER, TENSORS)
    content = bytearray(file.read_bytes())
    at = int(where * len(content))
    content = content[:at] if cut else content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]
    file.write_bytes(content)
    try:
        header, tensors = read_state(file)
    except InputError:
        return
    # What did change then means nothing, such as white space between two words of the file's header.
    assert header == HEADER and all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_backups_are_rotated_and_restored(tmp_path: Path) -> None:
    assert backups(tmp_path) == {} and newest_good(tmp_path) is None
    with pytest.raises(InputError, match="no backup that can be read"):
        restore(tmp_path, "last")
    for step in (1, 2, 3, 4):
        write_state(tmp_path / STATE, HEADER | {"step": step}, {"a": torch.tensor(float(step))})
        back_up(tmp_path, step, 3)
    assert list(backups(tmp_path)) == [2, 3, 4]
    backups(tmp_path)[4].write_bytes(b"damaged")
    assert newest_good(tmp_path) == 3 and restore(tmp_path, "last") == 3
    assert read_state(tmp_path / STATE)[1]["a"] == 3
    with pytest.raises(InputError, match="damaged"):
        restore(tmp_path, "4")
    assert read_state(tmp_path / STATE)[1]["a"] == 3


def test_a_damaged_state_is_put_aside_when_a_backup_takes_its_place(tmp_path: Path) -> None:
    write_state(tmp_path / STATE, HEADER, TENSORS)
    back_up(tmp_path, 12, 1)
    (tmp_path / STATE).write_bytes(b"damaged")
    assert restore(tmp_path, "12") == 12
    assert (tmp_path / STATE).with_suffix(".damaged").read_bytes() == b"damaged"
    back_up(tmp_path, 13, 0)
    assert list(backups(tmp_path)) == [12]


def test_after_a_return_the_later_backups_leave_the_rotation_and_can_be_returned_to(tmp_path: Path) -> None:
    def reach(step: int) -> None:
        write_state(tmp_path / STATE, HEADER | {"step": step}, {"a": torch.tensor(float(step))})

    for step in (10, 20, 30):
        reach(step)
        back_up(tmp_path, step, 3)
    reach(35)
    assert restore(tmp_path, "10") == 10 == step_on_disk(tmp_path)
    assert list(backups(tmp_path)) == [10] and list(abandoned(tmp_path)) == [20, 30, 35]
    for step in (12, 14, 16):
        reach(step)
        back_up(tmp_path, step, 3)
    assert list(backups(tmp_path)) == [12, 14, 16] and newest_good(tmp_path) == 16
    assert restore(tmp_path, "30") == 30 and read_state(tmp_path / STATE)[1]["a"] == 30
    assert restore(tmp_path, "last") == 16 and len(abandoned(tmp_path)) == 3
    assert step_on_disk(tmp_path / "nowhere") is None
