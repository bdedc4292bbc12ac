"""The page Verify's service: the answer, where in time, and the tree of what a file was made from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import InputError
from datasets.provenance.ingredienttree import ingredient_tree, stored_tree
from datasets.provenance.writer import Ingredient, Making, write_picture
from datasets.workspace import Workspace
from evaluate.views import plain_picture
from ui.services import verifying


def test_a_swap_is_marked_and_made_of_its_two_clips(made_workspace: Workspace) -> None:
    video = made_workspace.result / "result.mp4"
    found = verifying.look(video, "a name.mp4")
    assert json.loads(json.dumps(found)) == found  # a job keeps it
    assert found["tone"] == "marked" and found["answer"]["file"] == "a name.mp4"
    tree = found["tree"]
    assert (tree["title"], tree["state"], tree["synthetic"]) == ("a name.mp4", "trusted", True)
    assert sorted(part["relationship"] for part in tree["parts"]) == ["componentOf", "parentOf"]
    assert all(part["state"] == "none" and part["parts"] == [] for part in tree["parts"])
    parts = verifying.passages(found)
    assert parts and all(0 <= one["start"] < one["end"] <= found["seconds"] for one in parts)


def test_what_it_was_made_from_is_followed_further_down(made_workspace: Workspace, tmp_path: Path) -> None:
    making = Making(
        "a frame", "quick96", made_workspace.consent,
        (Ingredient(made_workspace.result / "result.mp4", "the swap", "parentOf"),), {}, "report",
    )  # fmt: skip
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    write_picture(tmp_path / "frame.jpg", image, making)
    tree = ingredient_tree(tmp_path / "frame.jpg")
    assert tree is not None and [part.title for part in tree.parts] == ["the swap"]
    assert len(tree.parts[0].parts) == 2 and tree.parts[0].synthetic is True


def test_a_stored_manifest_has_the_same_tree(made_workspace: Workspace) -> None:
    video = made_workspace.result / "result.mp4"
    inside, beside = ingredient_tree(video), stored_tree(video.with_suffix(".c2pa").read_bytes(), "result.mp4")
    assert inside is not None and beside is not None and inside.parts == beside.parts


def test_a_changed_file_is_a_warning_and_a_plain_one_has_nothing(made_workspace: Workspace, tmp_path: Path) -> None:
    changed = tmp_path / "changed.mp4"
    shutil.copyfile(made_workspace.result / "result.mp4", changed)
    content = bytearray(changed.read_bytes())
    content[-200] ^= 1
    changed.write_bytes(content)
    assert verifying.look(changed, "changed.mp4")["tone"] == "warning"
    plain = tmp_path / "plain.jpg"
    plain.write_bytes(plain_picture(np.full((200, 200, 3), 128, np.uint8)))
    found = verifying.look(plain, "plain.jpg")
    assert found["tone"] == "nothing" and found["tree"] is None and verifying.passages(found) == []


def test_what_is_no_media_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(InputError):
        verifying.look(tmp_path / "no.mp4", "no.mp4")
    assert stored_tree(b"no manifest", "x") is None


def test_every_tone_and_state_has_its_words() -> None:
    assert set(verifying.STATE_WORDS) == set(verifying.PART_WORDS) == {"trusted", "valid", "invalid", "none"}
