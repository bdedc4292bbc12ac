"""The detectors of this machine: shipped or kept under their names, found by name, folder or workspace."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from footage import counterface
from setuptools import find_namespace_packages

from datasets.errors import InputError
from detect import library as place
from detect.detector import load_detector
from detect.library import find, keep, kind, library, names, shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is kept and nothing is shipped; where the shipped ones would lie."""
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(place, "SHIPPED", tmp_path / "weights")
    return tmp_path / "weights"


def named(folder: Path, name: str, scope: str | None = None) -> Path:
    """A folder that a detector of that name could be in; its weights are no weights."""
    folder.mkdir(parents=True)
    card = {"kind": "detector", "name": name} | ({"scope": {"kind": scope}} if scope else {})
    (folder / "card.json").write_text(json.dumps(card))
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


def test_without_a_name_the_shipped_general_one_goes_before_the_users_own(tmp_path: Path, empty: Path) -> None:
    keep(named(tmp_path / "a", "mine", "pair"))
    assert find(None) == library() / "mine"
    named(empty / "a-pair", "a-pair", "pair")
    assert find(None) == library() / "mine", "one that knows a single swap speaks for no other clip"
    named(empty / "open", "open", "general")
    assert find(None) == find("open") == empty / "open"
    assert [folder.name for folder in shipped()] == ["a-pair", "open"] and names() == ["mine"]
    assert find("mine") == library() / "mine"
    with pytest.raises(InputError, match="there are: a-pair, open, mine"):
        find("other")


def test_a_workspace_keeps_its_own_detector_beside_a_shipped_one(tmp_path: Path, empty: Path) -> None:
    named(empty / "open", "open", "general")
    own = named(tmp_path / "work" / "detector", "demo", "pair")
    assert find(str(tmp_path / "work")) == own


def test_a_shipped_one_is_calibrated_anew_under_its_name_and_stays(tmp_path: Path, empty: Path) -> None:
    named(empty / "open", "open", "general")
    keep(named(tmp_path / "a", "open", "general"))
    assert find("open") == library() / "open" and find(None) == empty / "open"


def test_a_damaged_shipped_one_is_said_and_not_passed_over(tmp_path: Path, empty: Path) -> None:
    keep(named(tmp_path / "a", "mine"))
    named(empty / "open", "open", "general").joinpath("card.json").write_text("{")
    with pytest.raises(InputError, match="not a readable card"):
        find(None)


def test_a_card_without_a_scope_is_a_general_one() -> None:
    assert kind({}) == kind({"scope": None}) == kind({"scope": {"kind": "general"}}) == "general"
    assert kind({"scope": {"kind": "pair"}}) == "pair"


def test_the_command_line_lists_both_and_says_which_one_scored(
    detector_folder: Path, material: Any, tmp_path: Path, empty: Path
) -> None:
    shutil.copytree(detector_folder, empty / "test")
    keep(named(tmp_path / "a", "mine", "pair"))
    listed = json.loads(counterface("detector", "list", "--json", "-").out)
    assert [(one["name"], one["place"]) for one in listed] == [("test", "shipped"), ("mine", "own")]
    card = json.loads((empty / "test" / "card.json").read_text())
    (empty / "test" / "card.json").write_text(json.dumps(card | {"scope": {"kind": "general"}}))
    said = counterface("score", material.real, "--frames", 2, "--device", "cpu", "--json", tmp_path / "s.json")
    assert said.code == 0 and "detector test)" in said.out and "detector: test, trained on" in said.err
    (found,) = json.loads((tmp_path / "s.json").read_text())
    assert found["detector"]["name"] == "test" and found["detector"]["kind"] == "general"


def test_what_is_shipped_goes_into_the_package() -> None:
    """One general detector at most, of files that the package takes along, 16 MB in all."""
    from detect.library import __file__ as here

    folders = sorted((Path(here).parent / "weights").glob("*/card.json"))
    cards = [json.loads(card.read_text()) for card in folders]
    assert sum(kind(card) == "general" for card in cards) == min(1, len(cards))
    assert sum(file.stat().st_size for card in folders for file in card.parent.iterdir()) <= 16e6
    taken = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert {"*.json", "*.safetensors"} <= set(taken["package-data"]["*"])
    packages = find_namespace_packages(str(ROOT), include=taken["packages"]["find"]["include"])
    assert {f"detect.weights.{card.parent.name}" for card in folders} <= set(packages)
