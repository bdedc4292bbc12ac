"""Clips and pictures read one after the other: the frames run on, and any place can be gone on from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import write_clip

from datasets.errors import InputError
from datasets.footage import Place, check, count, footage_hash, gather, label, looks


def picture(path: Path, size: tuple[int, int] = (40, 30), grey: int = 90) -> Path:
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), grey, np.uint8))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clips of 5 and 4 frames, two pictures and one that is none, of several sizes, and a text."""
    made = tmp_path / "mixed"
    made.mkdir()
    write_clip(made / "b.mp4", [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(5)])
    write_clip(made / "D.MP4", [np.full((32, 48, 3), 20 * i, np.uint8) for i in range(4)])
    picture(made / "a.png")
    picture(made / "e.jpg", (33, 21))
    (made / "c.jpg").write_text("no picture")
    (made / "notes.txt").write_text("mine")
    (made / ".hidden.jpg").write_text("mine")
    (made / "more").mkdir()
    return made


def test_a_folder_is_its_clips_and_pictures_by_name(folder: Path) -> None:
    files = gather([folder])
    assert [file.name for file in files] == ["a.png", "b.mp4", "c.jpg", "D.MP4", "e.jpg"]
    assert gather([folder / "b.mp4", folder / "a.png"]) == (folder / "b.mp4", folder / "a.png")
    assert label([folder]) == "mixed (2 clips and 3 pictures)" and label([folder / "b.mp4"]) == "b.mp4"
    assert label([folder / "b.mp4", folder / "D.MP4"]) == "b.mp4 and 1 more"
    assert count(files[:1]) == "1 picture"


def test_frames_run_on_over_clips_and_times_do_not(folder: Path) -> None:
    found = list(looks(gather([folder])))
    assert [look.place.clip for look in found] == [0] + [1] * 5 + [2] + [3] * 4 + [4]
    assert [look.frame.index if look.frame else None for look in found] == [0, 1, 2, 3, 4, 5, None, 7, 8, 9, 10, 11]
    assert [look.frame.time for look in found if look.frame] == pytest.approx(
        [0, *(i / 10 for i in range(5)), *(i / 10 for i in range(4)), 0]
    )
    assert {look.frame.image.shape for look in found if look.frame} == {
        (30, 40, 3), (48, 64, 3), (32, 48, 3), (21, 33, 3)
    }  # fmt: skip


@pytest.mark.parametrize("every", [1, 2, 3])
def test_going_on_from_any_place_gives_the_rest(folder: Path, every: int) -> None:
    files = gather([folder])

    def plain(found: list) -> list:  # type: ignore[type-arg]
        return [(look.place, look.after, look.frame and (look.frame.index, look.frame.time)) for look in found]

    whole = plain(list(looks(files, every)))
    indices = [frame[0] for *_, frame in whole if frame]
    assert indices == sorted(set(indices))
    for at, (_, after, _) in enumerate(whole):
        assert plain(list(looks(files, every, after))) == whole[at + 1 :]


def test_the_orientation_that_a_camera_wrote_down_is_applied(tmp_path: Path) -> None:
    upright = np.zeros((30, 40, 3), np.uint8)
    upright[:10, :10] = 255
    lying = cv2.imencode(".jpg", np.ascontiguousarray(np.rot90(upright)), [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    # A minimal EXIF segment (Exif 2.3, 4.5.4): one entry, orientation 6, a quarter turn clockwise to be upright.
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    body = b"Exif\x00\x00" + tiff
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    (tmp_path / "turned.jpg").write_bytes(lying[:2] + segment + lying[2:])
    (look,) = looks([tmp_path / "turned.jpg"])
    assert look.frame is not None and look.frame.image.shape == upright.shape
    assert np.abs(look.frame.image.astype(int) - upright).mean() < 4


def test_what_holds_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    with pytest.raises(InputError, match="is an empty folder"):
        gather([tmp_path / "empty"])
    with pytest.raises(InputError, match="holds no picture and no clip"):
        gather([tmp_path / "texts"])
    with pytest.raises(InputError, match="source is needed"):
        gather([])


def test_a_broken_picture_is_let_pass_in_a_folder_and_a_broken_clip_is_not(folder: Path, tmp_path: Path) -> None:
    check([folder])
    with pytest.raises(InputError, match=r"c\.jpg"):
        check([folder / "c.jpg"])
    (folder / "f.mp4").write_text("no clip")
    with pytest.raises(InputError, match=r"f\.mp4"):
        check([folder])


def test_one_file_keeps_its_hash_and_the_order_of_several_counts() -> None:
    assert footage_hash(["ab"]) == "ab"
    assert len({footage_hash(["ab", "cd"]), footage_hash(["cd", "ab"]), footage_hash(["abcd"])}) == 3
    assert Place() == Place(0, 0, 0)
