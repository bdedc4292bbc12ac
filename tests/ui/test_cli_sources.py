"""The command line's sources and people: several clips, folders of pictures, who is meant, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from footage import Looped, counterface, destination_clip, living, tree, write_clip

from datasets.errors import InputError
from datasets.faceset import FaceSet
from datasets.workspace import Choice, Workspace, open_workspace
from synth.pipeline import describe
from ui.commands.options import spread
from ui.commands.people import same_people

CPU = ("--device", "cpu", "-q")
GROUND = ("--consent", "public-domain")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "one.mp4", living("hopper")[:14])
    write_clip(folder / "two.mp4", living("hopper")[14:24])
    destination_clip(folder / "target.mp4")
    pictures = folder / "pictures"
    pictures.mkdir()
    for i in range(7):
        cv2.imwrite(str(pictures / f"p{i}.png"), living("hopper")[5 * i][..., ::-1])
    (pictures / "torn.jpg").write_text("no picture")
    return folder


@pytest.mark.slow
def test_several_clips_and_a_folder_become_one_source_that_is_trained_on_and_named(clips: Path, tmp_path: Path) -> None:
    root = tmp_path / "w"
    sources = ["--source", *(clips / name for name in ("one.mp4", "two.mp4", "pictures"))]
    said = counterface("new", root, *sources, "--destination", clips / "target.mp4", *GROUND, "--seed", 3)
    assert said.code == 0, said
    workspace = open_workspace(root)
    assert [p.name for p in workspace.clips("source")][:3] == ["01_one.mp4", "02_two.mp4", "03_p0.png"]
    assert workspace.clips("destination") == (workspace.clip("destination"),)
    said = counterface("extract", root, "--source-every", 2, "--size", 128)
    assert said.code == 0 and "Not readable, and left out: torn.jpg." in said.err, said
    faces = FaceSet(workspace.faces("source"))
    assert faces.info.every == 2 and faces.info.size == 128 and faces.info.frames == 7 + 5 + 7
    assert FaceSet(workspace.faces("destination")).info.every == 1
    assert counterface("train", root, "--steps", 1, *CPU).code == 0
    making = describe(workspace, "quick96", {}, "swap", "result.mp4")
    titles = [entry.title for entry in making.ingredients if entry.relationship == "componentOf"]
    assert titles[:2] == ["one.mp4", "two.mp4"] and titles[2] == "p0.png (one of 8 pictures)" and len(titles) == 6
    assert making.settings["source_pictures"] == 8


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("new w --source a b c --destination d", "new w --source a --source b --source c --destination d"),
        ("new w --source a --source b --seed 3", "new w --source a --source b --seed 3"),
        ("new w --seed 3 --consent self --source a b", "new w --seed 3 --consent self --source a --source b"),
        ("new --source a w --destination d", "new --source a w --destination d"),
        ("new --force w --source a b", "new --force w --source a --source b"),
        ("swap --source a b c", "swap --source a b c"),
    ],
)
def test_several_values_of_one_option_are_spread(given: str, meant: str) -> None:
    assert " ".join(spread(given.split(), "new", "--source")) == meant


@pytest.mark.parametrize("command", ["new", "swap"])
def test_source_and_destination_must_be_two(clips: Path, tmp_path: Path, command: str) -> None:
    twin = tmp_path / "twin.mp4"
    twin.write_bytes((clips / "one.mp4").read_bytes())
    before = tree(tmp_path)
    for source, same in ((clips / "one.mp4", "both"), (twin, "same clip"), (clips, "both")):
        if command == "new":
            said = counterface("new", tmp_path / "w", "--source", source, "--destination", clips / "one.mp4", *GROUND)
        else:
            said = counterface("swap", source, clips / "one.mp4", "-o", tmp_path / "o.mp4", *GROUND, *CPU)
        assert said.code == 2 and same in said.error
    assert tree(tmp_path) == before


def test_folders_without_faces_to_take_are_said(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    before = tree(tmp_path)
    for name, sentence in (("empty", "empty folder"), ("texts", "no picture and no clip")):
        said = counterface(
            "swap", tmp_path / name, clips / "target.mp4", "-o", tmp_path / "o.mp4", *GROUND, *CPU
        )  # fmt: skip
        assert said.code == 2 and sentence in said.error and name in said.error
    said = counterface("new", tmp_path / "w", "--source", clips / "one.mp4", "--destination", clips, *GROUND)
    assert said.code == 2 and "is a folder" in said.error
    assert tree(tmp_path) == before


def test_three_faces_are_too_few_and_nothing_is_lost(clips: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "three"
    pictures.mkdir()
    for i in range(3):
        (pictures / f"{i}.png").write_bytes((clips / "pictures" / f"p{i}.png").read_bytes())
    root = tmp_path / "w"
    assert counterface("new", root, "--source", pictures, "--destination", clips / "target.mp4", *GROUND).code == 0
    assert counterface("extract", root, "-q").code == 0
    said = counterface("train", root, "--steps", 2, *CPU)
    assert said.code == 2 and "3 usable faces" in said.error


def test_a_choice_of_people_is_checked_and_kept(looped: Looped, clips: Path, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w")
    before = tree(workspace.root)
    for wrong, sentence in (
        (("--source-track", 9), "has no track 9; there are track 0"),
        (("--source-track", 0, "--source-reference", clips / "pictures" / "p0.png"), "not both"),
        (("--destination-reference", clips / "pictures" / "torn.jpg"), "not a picture"),
        (("--destination-reference", tmp_path / "gone.png"), "no file"),
        (("--source-every", 3), "--every 1"),
        (("--size", "huge"), "huge"),
    ):
        said = counterface("extract", workspace.root, *wrong, "-q")
        assert said.code == 2 and sentence in said.error, said
    assert tree(workspace.root) == before
    chosen = ("--source-reference", clips / "pictures" / "p0.png", "--destination-track", 0)
    said = counterface("extract", workspace.root, *chosen)
    assert said.code == 0 and "the one most like the reference" in said.err, said
    opened = open_workspace(workspace.root)
    choice, other = opened.person("source"), opened.person("destination")
    assert choice and choice.reference and choice.reference.is_file() and other and other.track == 0
    assert opened.settings["people"]["source"]["name"] == "p0.png"


def test_people_are_said_of_workspaces(clips: Path, tmp_path: Path) -> None:
    said = counterface("extract", clips / "one.mp4", "-o", tmp_path / "f", "--source-track", 0, "-q")
    assert said.code == 2 and "is no workspace" in said.error and not (tmp_path / "f").exists()


def test_a_reference_that_is_no_file_is_said_when_a_workspace_goes_on(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, {}, ())
    with pytest.raises(InputError, match="no file"):
        same_people(workspace, {"source": Choice(reference=tmp_path / "mistyped.jpg")})


def test_a_manifest_names_only_those_of_whom_something_is_in_the_result(clips: Path, tmp_path: Path) -> None:
    root = tmp_path / "w"
    sources = ["--source", clips / "pictures"]
    assert counterface("new", root, *sources, "--destination", clips / "target.mp4", *GROUND).code == 0
    workspace = open_workspace(root)
    own = describe(workspace, "self-blend", {}, "swap", "result.mp4")
    assert [entry.relationship for entry in own.ingredients] == ["parentOf"] and own.settings == {}
    assert len(describe(workspace, "graphics", {}, "swap", "result.mp4").ingredients) == 5
