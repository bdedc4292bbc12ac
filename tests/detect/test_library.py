"""The detectors of this machine: kept under their names, found by name, folder or workspace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from datasets.errors import InputError
from detect.detector import load_detector
from detect.library import find, keep, library, names


@pytest.fixture(autouse=True)
def own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))


def named(folder: Path, name: str) -> Path:
    """A folder that a detector of that name could be in; its weights are no weights."""
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps({"kind": "detector", "name": name}))
    (folder / "weights.safetensors").write_bytes(name.encode())
    return folder


def test_an_empty_library_says_how_to_make_one() -> None:
    assert names() == []
    with pytest.raises(InputError, match=r"There is no detector here yet.*counterface demo"):
        find(None)
    with pytest.raises(InputError, match="no detector 'mine'; there are: none yet"):
        find("mine")


def test_a_kept_detector_is_found_by_its_name_and_works(detector_folder: Path) -> None:
    assert keep(detector_folder) == "test" and names() == ["test"]
    assert find("test") == find(None) == library() / "test"
    assert load_detector(find("test"), "cpu").card == load_detector(detector_folder, "cpu").card
    assert sorted(p.name for p in library().iterdir()) == ["test"]


def test_the_one_kept_last_comes_first(tmp_path: Path) -> None:
    for age, name in ((300, "oldest"), (100, "newest"), (200, "middle")):
        keep(named(tmp_path / name, name))
        card = library() / name / "card.json"
        at = card.stat().st_mtime - age
        os.utime(card, (at, at))
    assert names() == ["newest", "middle", "oldest"] and find(None) == library() / "newest"
    with pytest.raises(InputError, match="there are: newest, middle, oldest"):
        find("other")


def test_keeping_one_again_replaces_it(tmp_path: Path) -> None:
    keep(named(tmp_path / "a", "same"))
    (tmp_path / "a" / "weights.safetensors").write_bytes(b"better")
    keep(tmp_path / "a")
    assert names() == ["same"] and (find("same") / "weights.safetensors").read_bytes() == b"better"


def test_a_folder_and_a_workspace_are_found_too(tmp_path: Path) -> None:
    folder = named(tmp_path / "work" / "detector", "x")
    assert find(str(folder)) == folder and find(str(tmp_path / "work")) == folder
    with pytest.raises(InputError, match="There is no detector"):
        find(str(tmp_path))


def test_a_name_goes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named(tmp_path / "mine", "another")
    keep(named(tmp_path / "a", "mine"))
    assert find("mine") == library() / "mine"


def test_what_is_no_model_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        keep(tmp_path)
    assert names() == []
