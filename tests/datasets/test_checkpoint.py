"""Checkpoints: what was saved comes back, and what was tampered with does not."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from datasets.checkpoint import CARD, WEIGHTS, load_checkpoint, read_card, save_checkpoint
from datasets.errors import InputError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2], dtype=torch.int64)}
MADE = {"kind": "swap", "name": "test", "size": 96}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "m", MADE, TENSORS)
    return tmp_path / "m"


def test_what_was_saved_comes_back(saved: Path) -> None:
    card, tensors = load_checkpoint(saved, "swap")
    assert card == MADE and set(tensors) == set(TENSORS)
    assert all(
        torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in TENSORS.items()
    )
    assert sorted(p.name for p in saved.iterdir()) == [CARD, WEIGHTS]


def test_views_and_transposed_tensors_are_saved(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, MADE, {"t": TENSORS["a"].T})
    assert torch.equal(load_checkpoint(tmp_path, "swap")[1]["t"], TENSORS["a"].T)


def test_another_kind_of_model_is_said(saved: Path) -> None:
    with pytest.raises(InputError, match="holds a swap model, and a detector model is needed"):
        load_checkpoint(saved, "detector")


def flipped(blob: bytes, at: int) -> bytes:
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


@pytest.mark.parametrize("at", [-1, -20])
def test_weights_that_were_tampered_with_are_refused(saved: Path, at: int) -> None:
    blob = (saved / WEIGHTS).read_bytes()
    (saved / WEIGHTS).write_bytes(flipped(blob, len(blob) + at))
    with pytest.raises(InputError, match="checksum"):
        load_checkpoint(saved, "swap")


@pytest.mark.parametrize("content", [b"", b"not weights", pickle.dumps({"a": 1}), None])
def test_weights_that_are_none_are_refused(saved: Path, content: bytes | None) -> None:
    (saved / WEIGHTS).write_bytes((saved / WEIGHTS).read_bytes()[:40] if content is None else content)
    with pytest.raises(InputError):
        load_checkpoint(saved, "swap")


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "5", '"text"', "\xff\xfe"])
def test_a_card_that_is_none_is_said(saved: Path, content: str) -> None:
    (saved / CARD).write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="card"):
        read_card(saved)
    with pytest.raises(InputError):
        load_checkpoint(saved, "swap")


def test_missing_parts_are_said(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no model"):
        load_checkpoint(tmp_path / "nothing", "swap")
    (saved / WEIGHTS).unlink()
    with pytest.raises(InputError, match="has a card but no"):
        load_checkpoint(saved, "swap")


def test_a_kill_between_the_two_writes_leaves_a_pair_that_works(saved: Path) -> None:
    """New weights beside the old card: the card that travels inside the weights is the one that counts."""
    old = (saved / CARD).read_bytes()
    save_checkpoint(saved, MADE | {"step": 2}, {"a": TENSORS["a"] + 1})
    (saved / CARD).write_bytes(old)
    card, tensors = load_checkpoint(saved, "swap")
    assert card == MADE | {"step": 2} and torch.equal(tensors["a"], TENSORS["a"] + 1)


def test_a_card_says_the_hash_of_its_weights(saved: Path) -> None:
    from datasets.workspace import sha256

    assert json.loads((saved / CARD).read_text())["weights_sha256"] == sha256(saved / WEIGHTS)


def test_a_damaged_model_names_what_is_left_of_its_training(saved: Path) -> None:
    from datasets.trainingstate import STATE, back_up, write_state

    write_state(saved / STATE, {"step": 7, "seconds": 1.0, "identity": {}}, TENSORS)
    back_up(saved, 7, 3)
    (saved / WEIGHTS).write_bytes(b"cut")
    with pytest.raises(InputError, match=r"damaged.*state of its training \(step 7\) is whole: counterface train"):
        load_checkpoint(saved, "swap")
    (saved / STATE).write_bytes(b"cut too")
    (saved / CARD).write_text("{")
    for read in (lambda: load_checkpoint(saved, "swap"), lambda: read_card(saved)):
        with pytest.raises(InputError, match=r"newest good backup is that of step 7.*--restore 7") as said:
            read()
        assert "\n" not in str(said.value)
