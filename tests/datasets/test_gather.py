"""Banks of faces: who is taken for whom, what is kept, and that a stopped run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import living, write_clip

from datasets.errors import InputError, Interrupted
from datasets.facebank import load_bank
from datasets.gather import gather_faces, sources

SIZE, COVERAGE, MOST = 96, 1.8, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, a sub-folder with two pictures of one person, and a picture without a face."""
    root = tmp_path_factory.mktemp("people")
    write_clip(root / "clip_01.mp4", living("hopper")[:20])
    (root / "somebody").mkdir()
    for i in (0, 9):
        cv2.imwrite(str(root / "somebody" / f"a_{i}.png"), living("astronaut")[i][..., ::-1])
    cv2.imwrite(str(root / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    return root


def test_a_clip_and_a_sub_folder_are_one_person_each(folder: Path) -> None:
    found = sources([folder])
    assert [(s.person.split("/")[-1], len(s.files), s.alone) for s in found] == [
        (folder.name, 1, True),
        ("clip_01", 1, False),
        ("somebody", 2, False),
    ]
    assert [s.person for s in sources([folder / "clip_01.mp4"])] == ["clip_01"]


def test_clips_of_one_name_in_two_folders_are_two_people(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "clip_01.mp4").write_bytes((folder / "clip_01.mp4").read_bytes())
    assert len({s.person for s in sources([folder / "clip_01.mp4", tmp_path / "clip_01.mp4"])}) == 2


@pytest.mark.parametrize("wrong", ["nothing.mp4", "notes.txt", "empty"])
def test_what_holds_no_faces_is_said(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=wrong):
        sources([tmp_path / wrong])


def test_faces_are_cut_out_and_read_back(folder: Path, tmp_path: Path) -> None:
    bank = gather_faces(sources([folder]), tmp_path / "faces", SIZE, COVERAGE, MOST)
    assert len(bank) == 6 and sorted(np.bincount(bank.people).tolist()) == [2, 4]
    assert {name.split("/")[-1] for name in bank.who()} == {"clip_01", "somebody"}
    assert all(crop.shape == (SIZE, SIZE, 3) and crop.dtype == np.uint8 for crop in bank.crops)
    # The face stands in the middle, as wide as the coverage says.
    sides = np.ptp(bank.landmarks, axis=1).max(1)
    assert np.all(np.abs(sides / (SIZE / COVERAGE) - 1) < 0.2)
    assert any("wall.png" in note for note in bank.notes) and any("one person" in note for note in bank.notes)
    again = load_bank(tmp_path / "faces")
    assert again.fingerprint() == bank.fingerprint()
    one = bank.of({bank.who()[0]})
    assert one.who() == bank.who()[:1] and len(one) < len(bank) and one.fingerprint() != bank.fingerprint()


def test_a_stopped_run_goes_on_and_ends_the_same(folder: Path, tmp_path: Path) -> None:
    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 2:
            raise KeyboardInterrupt

    people = sources([folder])
    with pytest.raises(Interrupted):
        gather_faces(people, tmp_path / "a", SIZE, COVERAGE, MOST, stop)
    kept = (tmp_path / "a" / "00001.npy").stat().st_mtime_ns
    bank = gather_faces(people, tmp_path / "a", SIZE, COVERAGE, MOST)
    assert (tmp_path / "a" / "00001.npy").stat().st_mtime_ns == kept
    assert bank.fingerprint() == gather_faces(people, tmp_path / "b", SIZE, COVERAGE, MOST).fingerprint()


def test_a_bank_of_other_footage_or_a_damaged_one_is_said(folder: Path, tmp_path: Path) -> None:
    people = sources([folder / "clip_01.mp4"])
    gather_faces(people, tmp_path / "f", SIZE, COVERAGE, 2)
    with pytest.raises(InputError, match="other footage or of other settings"):
        gather_faces(people, tmp_path / "f", SIZE, COVERAGE, 3)
    assert len(gather_faces(people, tmp_path / "f", SIZE, COVERAGE, 3, force=True)) == 3
    held = json.loads((tmp_path / "f" / "bank.json").read_text())
    held["sources"][0]["faces"] = 99
    (tmp_path / "f" / "bank.json").write_text(json.dumps(held))
    with pytest.raises(InputError, match="do not match"):
        load_bank(tmp_path / "f")
    with pytest.raises(InputError, match="no bank of faces"):
        load_bank(tmp_path / "nothing")
