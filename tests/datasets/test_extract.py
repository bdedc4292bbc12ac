"""Extraction: every frame looked at, whatever comes; broken off and gone on, the same result; bad input is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from portraits import astronaut, clip, hopper, put
from standin import StandIn

from datasets import extract as module
from datasets.errors import InputError, Interrupted
from datasets.extract import advice, extract
from datasets.faces import again
from datasets.faces.align import coverage_value, head_pose
from datasets.faces.finder import make_finder
from datasets.faces.meshfit import face_of_five
from datasets.faces.smooth import smoothed
from datasets.faceset import FaceSet
from datasets.footage import gather

MATERIAL = Path(__file__).parents[3] / "shared" / "material"


def moving(i: int, image: np.ndarray) -> None:
    put(image, "astronaut", (100 + 2 * i, 120), 70)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 frames; the face is away from frame 20 to 23."""

    def draw(i: int, image: np.ndarray) -> None:
        if not 20 <= i <= 23:
            moving(i, image)

    return clip(tmp_path_factory.mktemp("film") / "film.mp4", 50, draw)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_frames_without_a_face_are_counted_and_the_track_goes_on(film: Path, tmp_path: Path) -> None:
    info = extract(film, tmp_path / "faces")
    assert (info.frames, info.frames_with_face, info.faces, info.small_faces) == (50, 46, 46, 0)
    assert [track["faces"] for track in info.tracks] == [46]
    assert info == FaceSet(tmp_path / "faces").info
    assert info.notes() == ["4 of 50 frames show no face; they are left as they are."]
    frames = [row.frame for row in FaceSet(tmp_path / "faces").rows()]
    assert frames == [i for i in range(50) if not 20 <= i <= 23]
    assert len(list((tmp_path / "faces").iterdir())) == 46 + 2
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_every_nth_frame(film: Path, tmp_path: Path) -> None:
    info = extract(film, tmp_path / "faces", every=5, size=64, coverage="full")
    assert (info.frames, info.faces, info.size, info.coverage) == (10, 9, 64, "full")
    assert [row.frame for row in FaceSet(tmp_path / "faces").rows()] == [0, 5, 10, 15, 25, 30, 35, 40, 45]
    assert len(info.tracks) == 1


@pytest.fixture(scope="module")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film's faces, found in one go, in parts of 15 frames."""
    folder = tmp_path_factory.mktemp("unbroken") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_FRAMES", 15)
        extract(film, folder, size=64)
    return folder


@pytest.mark.parametrize("stop_at", [5, 16, 40])
def test_broken_off_and_gone_on_gives_the_same_set(
    film: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr(module, "PART_FRAMES", 15)
    seen: list[float] = []

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    def listen(step: str, done: float, total: float | None, note: str = "") -> None:
        seen.append(done)

    with pytest.raises(Interrupted, match="goes on"):
        extract(film, tmp_path / "broken", size=64, progress=stop)
    assert not (tmp_path / "broken").exists()
    extract(film, tmp_path / "broken", size=64, progress=listen)
    assert seen[0] == stop_at // 15 * 15
    assert contents(tmp_path / "broken") == contents(whole)


def test_a_broken_run_with_other_settings_is_not_gone_on_with(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_FRAMES", 15)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        extract(film, tmp_path / "faces", size=64, progress=stop)
    info = extract(film, tmp_path / "faces", size=32)
    assert (
        info.frames == 50 and FaceSet(tmp_path / "faces").crop(next(FaceSet(tmp_path / "faces").rows())).shape[0] == 32
    )


def test_small_faces_and_several_people_are_counted(tmp_path: Path) -> None:
    def draw(i: int, image: np.ndarray) -> None:
        put(image, "hopper", (230, 120), 90)
        put(image, "astronaut", (70, 100), 32)

    info = extract(clip(tmp_path / "two.mp4", 6, draw), tmp_path / "faces")
    assert (info.frames, info.frames_with_several, info.faces, info.small_faces) == (6, 6, 12, 6)


def test_odd_sizes_are_taken(tmp_path: Path) -> None:
    info = extract(clip(tmp_path / "odd.mp4", 5, moving, size=(251, 187)), tmp_path / "faces", size=64)
    assert (info.width, info.height, info.faces) == (251, 187, 5)


def test_no_face_is_said_with_the_frames_looked_at(tmp_path: Path) -> None:
    empty = clip(tmp_path / "empty.mp4", 8, lambda i, image: None)
    with pytest.raises(InputError, match="No face was found in the 8 frames"):
        extract(empty, tmp_path / "faces")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.mp4"]


def test_bad_input_leaves_nothing_behind(film: Path, tmp_path: Path) -> None:
    text, cut, there = tmp_path / "text.mp4", tmp_path / "cut.mp4", tmp_path / "there"
    text.write_text("this is not a video")
    cut.write_bytes(film.read_bytes()[:4000])
    there.mkdir()
    (there / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for source, target in ((tmp_path / "none.mp4", "a"), (text, "b"), (cut, "c"), (film, "there")):
        with pytest.raises(InputError):
            extract(source, tmp_path / target)
    for wrong in ({"every": 0}, {"size": 0}, {"size": "large"}, {"coverage": "most"}, {"finder": "crystal ball"}):
        with pytest.raises(InputError):
            extract(film, tmp_path / "d", **wrong)  # type: ignore[arg-type]
    assert sorted(tmp_path.rglob("*")) == before


def test_force_replaces_the_old_set_only_at_the_end(film: Path, tmp_path: Path) -> None:
    old = tmp_path / "faces"
    old.mkdir()
    (old / "old.txt").write_text("old")
    (old / "face_set.json").write_text("{}")

    def look(step: str, done: float, total: float | None, note: str = "") -> None:
        assert (old / "old.txt").exists()

    extract(film, old, every=10, size=32, force=True, progress=look)
    assert not (old / "old.txt").exists() and FaceSet(old).info.frames == 5
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_force_replaces_a_face_set_and_nothing_else(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, held, file = tmp_path / "mine", tmp_path / "held", tmp_path / "file"
    for folder in (mine, held):
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    (held / "face_set.json").write_text("{}")
    (held / "film.mp4").write_bytes(film.read_bytes())
    (held / "link.mp4").symlink_to(film)
    file.write_text("a file")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(mine)
    for clip_file, target, said in (
        (film, mine, "no face set"),
        (film, Path(), "no face set"),
        (film, file, "is a file"),
        (held / "film.mp4", held, "holds film.mp4"),
        (held / "link.mp4", held, "holds link.mp4"),
    ):
        with pytest.raises(InputError, match=said):
            extract(clip_file, target, force=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_set_moved_aside_by_a_killed_run_comes_back(film: Path, tmp_path: Path) -> None:
    aside, wanted = tmp_path / ".faces.old", tmp_path / "faces"
    aside.mkdir()
    (aside / "face_set.json").write_text("{}")
    with pytest.raises(InputError, match="back as it was"):
        extract(film, wanted, every=25, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["faces"] and (wanted / "face_set.json").read_text() == "{}"
    wanted.rename(aside)
    assert extract(film, wanted, every=25, size=32, force=True).frames == 2
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_a_full_disk_is_said_and_leaves_the_old_set(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    extract(film, tmp_path / "faces", every=10, size=32)
    before = contents(tmp_path / "faces")
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.suffix == ".jpg" and "000030" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No room left"):
        extract(film, tmp_path / "faces", size=32, force=True)
    assert contents(tmp_path / "faces") == before


# -- several clips and pictures --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips in which the face stands at the same place, two pictures of other sizes, and one that is none."""
    import cv2

    folder = tmp_path_factory.mktemp("many")
    for name, count in (("a.mp4", 14), ("c.mp4", 9)):
        clip(folder / name, count, lambda i, image: put(image, "astronaut", (160, 120), 70))
    cv2.imwrite(str(folder / "b.jpg"), astronaut()[:260, 90:360, ::-1])
    (folder / "d.jpg").write_text("no picture")
    cv2.imwrite(str(folder / "e.png"), hopper()[:420, :, ::-1])
    return folder


def test_one_set_of_clips_and_pictures(many: Path, tmp_path: Path) -> None:
    info = extract(gather([many]), tmp_path / "faces", size=64)
    rows = list(FaceSet(tmp_path / "faces").rows())
    assert [row.frame for row in rows] == [*range(24), 25]  # the picture that is none has a number too
    assert [row.clip for row in rows] == [0] * 14 + [1] + [2] * 9 + [4]
    assert [row.time for row in rows] == pytest.approx(
        [*(i / 25 for i in range(14)), 0, *(i / 25 for i in range(9)), 0]
    )
    assert len({row.file for row in rows}) == 25
    assert [track["faces"] for track in info.tracks] == [14, 1, 9, 1], "a face at the same place in the next clip"
    assert [(c["name"], c["first"], c["frames"]) for c in info.clips] == [
        *(("a.mp4", 0, 14), ("b.jpg", 14, 1), ("c.mp4", 15, 9), ("d.jpg", 24, 0), ("e.png", 25, 1)),
    ]
    assert info.clips[1]["width"] == 270 and info.clips[0]["height"] == 240
    assert "Not readable, and left out: d.jpg." in info.notes()


def test_smoothing_joins_nothing_over_clips(many: Path, tmp_path: Path) -> None:
    extract(gather([many]), tmp_path / "faces", size=64)
    faces = FaceSet(tmp_path / "faces")
    whole = list(smoothed(faces.rows()))
    apart = [row for k in range(5) for row in smoothed(r for r in faces.rows() if r.clip == k)]
    assert [row.frame for row in whole] == [row.frame for row in apart]
    for one, other in zip(whole, apart, strict=True):
        np.testing.assert_array_equal(one.landmarks, other.landmarks)


@pytest.fixture(scope="module")
def all_of_many(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faces of all of them, found in one go, in parts of 5 frames."""
    folder = tmp_path_factory.mktemp("unbroken") / "many"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_FRAMES", 5)
        extract(gather([many]), folder, size=64)
    return folder


@pytest.mark.parametrize("stop_at", [3, 11, 19, 24])
def test_several_broken_off_and_gone_on_give_the_same_set(
    many: Path, all_of_many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr(module, "PART_FRAMES", 5)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        extract(gather([many]), tmp_path / "broken", size=64, progress=stop)
    extract(gather([many]), tmp_path / "broken", size=64)
    assert contents(tmp_path / "broken") == contents(all_of_many)


def test_pictures_none_of_which_can_be_read(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no picture")
    with pytest.raises(InputError, match=r"None of the pictures of a\.jpg and 1 more can be read"):
        extract(gather([tmp_path]), tmp_path / "faces")
    assert not (tmp_path / "faces").exists()


# -- the crops' size, and the second look ----------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "size"), [(70, 256), (160, 384), (220, 512), (300, 512)])
def test_crops_are_no_coarser_than_the_clip_up_to_512(tmp_path: Path, width: int, size: int) -> None:
    large = clip(tmp_path / "c.mp4", 3, lambda i, image: put(image, "hopper", (320, 240), width), size=(640, 480))
    info = extract(large, tmp_path / "faces")
    (row, *_) = FaceSet(tmp_path / "faces").rows()
    assert row.landmarks is not None
    needed = coverage_value("whole") * head_pose(row.landmarks).scale
    assert info.size == size and (needed <= size * 1.06 or size == 512)
    assert FaceSet(tmp_path / "faces").crop(row).shape == (size, size, 3)


def test_a_face_that_was_lost_is_looked_for_with_the_second_finder(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_face = np.zeros((240, 320, 3), np.uint8)
    moving(22, with_face)
    finder = make_finder("mediapipe")
    five = finder.find(with_face)[0].five_points
    finder.close()
    monkeypatch.setattr(again, "second_finder", lambda: lambda: StandIn(always=[face_of_five(five, 0.9)]))
    monkeypatch.setattr(module, "PART_FRAMES", 21)
    info = extract(film, tmp_path / "faces", size=64)
    assert info.frames_with_face == 50 and info.faces_without_mesh == 4 and info.lost == 4
    assert "RetinaFace looked again at 4 of them and found a face in 4." in info.notes()[-1]
    assert advice(info) == []


def test_without_the_weights_the_frames_that_were_lost_are_counted_once(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "second_finder", lambda: None)
    info = extract(film, tmp_path / "faces", size=64)
    (said,) = advice(info)
    assert info.lost == 4 and "In 4 of 50 frames" in said and "counterface weights fetch retinaface" in said
    assert advice(extract(film, tmp_path / "few", every=25, size=32)) == []


@pytest.mark.material
@pytest.mark.slow
@pytest.mark.parametrize("name", ["p05_d12", "p10_d20", "p12_s32"])
def test_every_frame_of_real_clips(name: str, tmp_path: Path) -> None:
    source = MATERIAL / "real" / f"{name}.mp4"
    if not source.exists():
        pytest.skip("the material is not on this machine")
    info = extract(source, tmp_path / "faces", every=3)
    assert info.frames == info.frames_with_face == info.faces and len(info.tracks) == 1
    assert info.faces_without_mesh == 0
