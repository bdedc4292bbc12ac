"""The commands on face sets: what a person types, one after the other, and what is said when it can't be done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from footage import counterface, tree

from datasets.faceset import FaceSet
from datasets.video import read_picture
from datasets.workspace import Choice, Workspace, choose_people
from ui.services.facesets import open_set


@pytest.fixture
def own(small_set: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_set, tmp_path / "data_src" / "aligned"))


def test_sort_look_throw_out_and_take_back(own: Path, tmp_path: Path) -> None:
    links = tmp_path / "by-yaw"
    assert counterface("faces", "sort", own, "--by", "yaw", "-o", links, "-q").code == 0
    for link in sorted(links.glob("*.jpg"))[-3:]:
        link.unlink()
    said = counterface("faces", "clean", own, "--from", links, "--apply", "-q")
    assert said.code == 0 and "3 faces moved" in said.out
    assert FaceSet(own).removed() == 3
    back = counterface("faces", "clean", own, "--restore", "-q")
    assert back.code == 0 and "3 faces brought back" in back.out and FaceSet(own).removed() == 0


def test_sort_tells_scripts(own: Path) -> None:
    said = counterface("faces", "sort", own, "--by", "blur", "--mark", "last 4", "--json", "-", "-q")
    value = json.loads(said.out)
    figures = [entry["figure"] for entry in value["order"]]
    assert said.code == 0 and value["by"] == "blur" and len(figures) == 40 and figures == sorted(figures, reverse=True)
    assert [bool(entry["marked"]) for entry in value["order"]] == [False] * 36 + [True] * 4
    assert json.loads((own / "order.json").read_text())["order"] == value["order"]


def test_best_of_keeps_and_marks_the_rest(own: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "best.png"
    best = ("faces", "sort", own, "--by", "best", "--keep", 10, "--mark", "rest")
    assert counterface(*best, "-o", sheet, "-q").code == 0
    assert read_picture(sheet).shape[0] > 300
    said = counterface("faces", "clean", own, "--apply", "-q")
    assert said.code == 0 and "30 faces moved" in said.out and len(list(FaceSet(own).rows())) == 10


def test_clean_marks_prints_counts_and_moves_nothing(own: Path, tmp_path: Path) -> None:
    said = counterface("faces", "clean", own, "--width", 5000, "--reasons", "tiny,cut-off")
    assert said.code == 0 and "40 faces are marked, none moved" in said.out
    assert any(line.split() == ["tiny", "40"] for line in said.err.splitlines())
    assert FaceSet(own).removed() == 0
    assert "none would be left" in counterface("faces", "clean", own, "--apply", "-q").error
    assert counterface("faces", "show", own, "--marked", "-o", tmp_path / "marked.jpg", "-q").code == 0
    assert counterface("faces", "clean", own, "--forget", "-q").code == 0
    assert "Nothing is marked" in counterface("faces", "clean", own, "--apply", "-q").error
    assert "marked" in counterface("faces", "show", own, "--marked", "-o", tmp_path / "none.jpg", "-q").error


def test_show_spreads_or_pages(own: Path, tmp_path: Path) -> None:
    said = counterface("faces", "show", own, "-o", tmp_path / "a.png", "--count", 12, "-q")
    assert said.out.split() == [str(tmp_path / "a.png")]
    said = counterface("faces", "show", own, "-o", tmp_path / "b.png", "--count", 30, "--all", "--by", "hue", "-q")
    assert [Path(name).name for name in said.out.split()] == ["b-001.png", "b-002.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sort", "{empty}"), "holds no face set"),
        (("clean", "{empty}"), "holds no face set"),
        (("show", "{empty}", "-o", "x.jpg"), "holds no face set"),
        (("sort", "{own}", "--by", "beauty"), "motion-blur"),
        (("show", "{own}", "-o", "x.gif"), ".jpg or .png"),
        (("show", "{own}", "--by", "beauty", "-o", "x.jpg"), "motion-blur"),
        (("sort", "{own}", "--role", "source"), "no workspace"),
        (("sort", "{own}", "--track", "7"), "no track 7"),
        (("sort", "{own}", "--mark", "the ugly"), "what to mark"),
        (("clean", "{own}", "--reasons", "ugly"), "odd-shape"),
        (("clean", "{own}", "--restore"), "nothing to bring back"),
        (("clean", "{own}", "--restore", "--apply"), "stand alone"),
        (("clean", "{own}", "--from", "{empty}"), "no folder of links"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(own: Path, tmp_path: Path, arguments: tuple, said: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {"empty": tmp_path / "empty", "own": own}
    before = {name: held for name, held in tree(own).items() if name != "figures.parquet"}
    answer = counterface("faces", *(argument.format(**places) for argument in arguments), "-q")
    assert answer.code == 2 and said in answer.error
    assert {name: held for name, held in tree(own).items() if name != "figures.parquet"} == before


def test_limits_that_are_given_with_apply_are_looked_at_first(own: Path) -> None:
    said = counterface("faces", "clean", own, "--apply", "--width", 5000, "-q")
    assert said.code == 2 and "none would be left" in said.error
    assert counterface("faces", "clean", own, "--forget", "-q").code == 0
    said = counterface("faces", "clean", own, "--apply", "--reasons", "tiny", "--width", 40, "-q")
    assert said.code == 2 and "Nothing is marked" in said.error
    for alone in ("--restore", "--forget"):
        said = counterface("faces", "clean", own, alone, "--width", 30, "-q")
        assert said.code == 2 and "stand alone" in said.error


def test_a_workspaces_face_set_named_by_its_folder_is_of_the_chosen_person(
    small_set: Path, own_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = choose_people(own_workspace(), {"destination": Choice(track=0)})
    shutil.rmtree(workspace.faces("destination"))
    shutil.copytree(small_set, workspace.faces("destination"))
    opened = open_set(workspace.faces("destination"), None)
    assert opened.role == "destination" and opened.workspace is not None
    assert opened.workspace.person("destination") == Choice(track=0)
    copied = tmp_path / "data_dst" / "aligned"
    shutil.copytree(workspace.faces("destination"), copied)
    assert open_set(copied, None).role == "destination" and open_set(copied, None).workspace is None
