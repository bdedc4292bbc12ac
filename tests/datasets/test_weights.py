"""The table of weights: honest rows, checked files, and a sentence that helps when there are none."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from datasets import weights
from datasets.errors import InputError

CONTENT = b"weights"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(weights.FOLDER, raising=False)
    known = replace(weights.TABLE["retinaface"], file="w.zip", sha256=hashlib.sha256(CONTENT).hexdigest()[:9])
    monkeypatch.setattr(weights, "TABLE", {"retinaface": known})
    return tmp_path


def test_every_row_says_all_that_is_needed() -> None:
    import datasets.faces.retinaface  # noqa: F401  (names its weights by the table)

    for name, row in weights.TABLE.items():
        assert row.name == name and row.address.startswith("https://") and row.megabytes > 0
        assert re.fullmatch(r"[0-9a-f]{8,64}", row.sha256) and row.licence and row.use


def test_a_file_provided_by_hand_is_found_and_checked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.local("retinaface") is None
    by_hand = home / "by hand"
    by_hand.mkdir()
    (by_hand / "w.zip").write_bytes(CONTENT)
    assert weights.local("retinaface", by_hand) == by_hand / "w.zip"
    monkeypatch.setenv(weights.FOLDER, str(by_hand))
    assert weights.ensure("retinaface") == by_hand / "w.zip"
    (by_hand / "w.zip").write_bytes(CONTENT + b"!")
    with pytest.raises(InputError, match="SHA-256"):
        weights.local("retinaface")


def test_what_was_fetched_is_kept_and_not_fetched_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(row: weights.Weights, folder: Path) -> Path:
        calls.append(row.name)
        (folder / row.file).write_bytes(CONTENT)
        return folder / row.file

    monkeypatch.setattr(weights, "_download", download)
    assert weights.ensure("retinaface").read_bytes() == CONTENT
    assert weights.ensure("retinaface").is_relative_to(home)
    assert calls == ["retinaface"]


def test_a_wrong_download_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(row: weights.Weights, folder: Path) -> Path:
        (folder / row.file).write_bytes(b"an error page")
        return folder / row.file

    monkeypatch.setattr(weights, "_download", download)
    with pytest.raises(InputError, match="SHA-256"):
        weights.ensure("retinaface")
    assert not list(home.rglob("*.zip"))


def test_without_a_network_one_sentence_says_how_to_provide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(row: weights.Weights, folder: Path) -> Path:
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "_download", download)
    row = weights.TABLE["retinaface"]
    with pytest.raises(InputError) as said:
        weights.ensure("retinaface")
    text = str(said.value)
    assert all(part in text for part in (row.file, f"{row.megabytes} MB", row.address, str(weights.cache())))
    assert "\n" not in text


def test_unknown_weights_are_an_input_error() -> None:
    with pytest.raises(InputError, match="retinaface"):
        weights.entry("gold")
