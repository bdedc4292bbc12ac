"""The device is the one that was asked for or an error; threads follow the cores and the user's word."""

from __future__ import annotations

import pytest
import torch

from datasets.device import MOST_THREADS, half_the_cores, pick_device, thread_count, torch_threads, usable_cores
from datasets.errors import InputError


def test_auto_takes_the_best_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for here, wanted in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda here=here: here)
        assert pick_device("auto") == pick_device() == wanted
    assert pick_device("cpu") == "cpu"


def test_what_is_not_here_is_said_and_not_swapped_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no cuda device"):
        pick_device("cuda")
    with pytest.raises(InputError, match="no device 'tpu'"):
        pick_device("tpu")


def test_threads_follow_the_cores_and_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert thread_count() == min(usable_cores(), MOST_THREADS) and thread_count(1) == 1
    assert 1 <= half_the_cores() <= max(1, usable_cores() // 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count() == thread_count(1) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert thread_count(1) == 1


def test_threads_are_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), torch_threads(before + 1) as count:
        assert count == torch.get_num_threads() == before + 1
        raise RuntimeError
    assert torch.get_num_threads() == before
