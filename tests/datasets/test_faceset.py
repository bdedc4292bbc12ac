"""Face sets on disk: what was written is read, in a stream; deleted crops are left out; damage is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from portraits import clip, put

from datasets.errors import InputError
from datasets.extract import extract
from datasets.facearrays import FaceArrays
from datasets.faces.align import align_affine, transform_points, warp_crop
from datasets.faces.mask import hull_mask
from datasets.faceset import FaceSet, by_frame, load_arrays
from datasets.facetable import FaceRow, join_tables, read_rows, write_rows
from datasets.video import read_frames


def row(i: int, mesh: bool = True) -> FaceRow:
    rng = np.random.default_rng(i)
    return FaceRow(
        frame=i,
        time=i / 25,
        track=i % 2,
        clip=0,
        score=0.5,
        box=rng.random(4, dtype=np.float32),
        five_points=rng.random((5, 2), dtype=np.float32),
        landmarks=rng.random((478, 3), dtype=np.float32) if mesh else None,
        affine=rng.random((2, 3), dtype=np.float32),
        file=f"{i:06d}_{i % 2}.jpg",
        sharpness=2.5,
        yaw=-10.5,
        pitch=3.25,
        roll=0.0,
        eyes=0.25,
        mouth=0.125,
    )


def same(one: FaceRow, other: FaceRow) -> None:
    for name in FaceRow.__dataclass_fields__:
        np.testing.assert_equal(getattr(one, name), getattr(other, name))


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    groups = [[row(i, mesh=i % 3 > 0) for i in range(0, 150)], [], [row(i) for i in range(150, 163)]]
    parts = []
    for i, group in enumerate(groups):
        parts.append(tmp_path / f"{i}.parquet")
        write_rows(parts[-1], group)
    join_tables(parts, tmp_path / "all.parquet")
    back = list(read_rows(tmp_path / "all.parquet"))
    assert len(back) == 163
    for one, other in zip(back, groups[0] + groups[2], strict=True):
        same(one, other)
    assert [frame for frame, _ in by_frame(back)] == list(range(163))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which Hopper sways, beside a small astronaut from frame 10 on, and its face set."""
    folder = tmp_path_factory.mktemp("faceset")

    def draw(i: int, image: np.ndarray) -> None:
        put(image, "hopper", (200 + 3 * i % 20, 130), 90)
        if i >= 10:
            put(image, "astronaut", (60, 80), 45)

    extract(clip(folder / "two.mp4", 24, draw), folder / "faces")
    return folder


def test_a_set_knows_its_people(made: Path) -> None:
    faces = FaceSet(made / "faces")
    info = faces.info
    assert (info.frames, info.frames_with_face, info.width, info.height) == (24, 24, 320, 240)
    assert len(info.tracks) == 2
    main = faces.main_track()
    hopper = next(track for track in info.tracks if track["id"] == main)
    assert (hopper["faces"], hopper["first"], hopper["last"]) == (24, 0, 23)
    assert hopper["median_width"] == pytest.approx(90, rel=0.15)
    assert len(list(faces.rows(main))) == 24
    assert info.faces == len(list(faces.rows())) == sum(track["faces"] for track in info.tracks)
    assert any("several faces" in note for note in info.notes())


def test_the_affine_is_the_one_the_crop_was_cut_with(made: Path) -> None:
    faces = FaceSet(made / "faces")
    frames = {frame.index: frame for frame in read_frames(made / "two.mp4")}
    for r in faces.rows():
        assert r.time == frames[r.frame].time
        again = warp_crop(frames[r.frame].image, r.affine, faces.info.size)
        assert np.abs(faces.crop(r).astype(int) - again).mean() < 3
        assert r.landmarks is not None
        np.testing.assert_allclose(align_affine(r.landmarks, 256, "whole"), r.affine, atol=1e-3)


def test_a_deleted_crop_is_left_out(made: Path, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(made / "faces", tmp_path / "faces"))
    faces = FaceSet(folder)
    gone = list(faces.rows(faces.main_track()))[5]
    before = len(list(faces.rows()))
    (folder / gone.file).unlink()
    assert faces.removed() == 1
    assert len(list(faces.rows())) == before - 1
    assert all(r.file != gone.file for r in faces.rows())
    assert gone.frame not in load_arrays(faces, 32, "full", faces.main_track()).frames


def test_arrays_are_cut_where_the_frame_would_be(made: Path) -> None:
    faces = FaceSet(made / "faces")
    arrays = load_arrays(faces, 96, "full", faces.main_track())
    assert arrays.images.shape == (24, 96, 96, 3) and arrays.images.dtype == np.uint8
    assert arrays.masks.shape == (24, 96, 96) and arrays.masks.dtype == np.uint8 and arrays.masks.max() == 255
    assert arrays.landmarks.shape == (24, 478, 2) and arrays.landmarks.dtype == np.float32
    assert arrays.size == 96 and len(arrays) == 24 and arrays.coverage == 1.6
    frames = {frame.index: frame.image for frame in read_frames(made / "two.mp4")}
    for i, r in enumerate(faces.rows(faces.main_track())):
        assert r.landmarks is not None
        affine = align_affine(r.landmarks, 96, "full")
        direct = warp_crop(frames[r.frame], affine, 96)
        assert np.abs(arrays.images[i].astype(int) - direct).mean() < 4
        points = transform_points(r.landmarks, affine)[:, :2]
        np.testing.assert_allclose(arrays.landmarks[i], points, atol=0.05)
        assert np.abs(hull_mask(points, (96, 96)) * 255 - arrays.masks[i]).max() < 40


def test_all_tracks_are_packed_when_none_is_named(made: Path) -> None:
    faces = FaceSet(made / "faces")
    assert len(load_arrays(faces, 32, "full")) == sum(track["faces"] for track in faces.info.tracks)


def test_a_limit_spreads_over_the_clip(made: Path) -> None:
    faces = FaceSet(made / "faces")
    arrays = load_arrays(faces, 32, "full", faces.main_track(), limit=4)
    assert arrays.frames.tolist() == [3, 9, 15, 21]


def test_arrays_go_through_a_file(made: Path, tmp_path: Path) -> None:
    arrays = load_arrays(FaceSet(made / "faces"), 32, "whole", limit=5)
    arrays.save(tmp_path / "packed.npz")
    back = FaceArrays.load(tmp_path / "packed.npz")
    for name in ("images", "masks", "landmarks", "frames", "times"):
        np.testing.assert_array_equal(getattr(back, name), getattr(arrays, name))
    assert back.coverage == arrays.coverage
    np.testing.assert_array_equal(back.subset(slice(1, 3)).frames, arrays.frames[1:3])


def test_a_packed_set_needs_no_tables_and_no_video() -> None:
    code = (
        "import sys, datasets.facearrays; print([m for m in ('pyarrow', 'av', 'cv2', 'mediapipe') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_a_damaged_packed_set_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match="packed face set"):
        FaceArrays.load(tmp_path / "x.npz")


def test_a_packed_set_with_pickles_in_it_is_an_input_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", version=np.array([object()]))
    with pytest.raises(InputError):
        FaceArrays.load(tmp_path / "x.npz")


def test_damage_is_an_input_error(made: Path, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(InputError, match="no face set"):
        FaceSet(tmp_path)
    folder = Path(shutil.copytree(made / "faces", tmp_path / "faces"))
    whole = (folder / "faces.parquet").read_bytes()
    (folder / "faces.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        list(FaceSet(folder).rows())
    (folder / "face_set.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        FaceSet(folder)
    with pytest.raises(InputError):
        FaceSet(made / "faces").crop(row(1))


def test_crops_are_pictures_a_person_can_open(made: Path) -> None:
    crops = sorted((made / "faces").glob("*.jpg"))
    assert crops[0].name == "000000_0.jpg"
    assert cv2.imread(str(crops[0])).shape == (256, 256, 3)


def test_a_set_edited_while_it_is_read_gives_whole_faces_only(made: Path, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(made / "faces", tmp_path / "faces"))
    faces = FaceSet(folder)
    names = [r.file for r in faces.rows(faces.main_track())]
    notes = []

    def edit(step: str, done: float, total: float | None, note: str = "") -> None:
        notes.append(note)
        if done == 3:
            (folder / names[10]).unlink()
            (folder / names[12]).write_bytes((folder / names[12]).read_bytes()[:500])
            cv2.imwrite(str(folder / names[14]), np.zeros((40, 90, 3), np.uint8))

    arrays = load_arrays(faces, 32, "full", faces.main_track(), progress=edit)
    assert [i for i in range(24) if i not in arrays.frames] == [10, 12, 14]
    assert len(arrays) == 21 == len(arrays.images) == len(arrays.landmarks) and arrays.images.std(axis=(1, 2, 3)).all()
    assert notes[-1] == "2 damaged crops left out"


def test_a_set_whose_crops_are_all_damaged_says_so(made: Path, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(made / "faces", tmp_path / "faces"))
    for crop in folder.glob("*.jpg"):
        crop.write_bytes(b"")
    with pytest.raises(InputError, match="can be read"):
        load_arrays(FaceSet(folder), 32, "full")


def test_a_crop_that_was_enlarged_by_another_tool_is_scaled_back(made: Path, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(made / "faces", tmp_path / "faces"))
    faces = FaceSet(folder)
    first = next(iter(faces.rows()))
    before = faces.crop(first)
    cv2.imwrite(str(folder / first.file), cv2.resize(cv2.imread(str(folder / first.file)), (512, 512)))
    assert faces.crop(first).shape == (256, 256, 3)
    assert np.abs(faces.crop(first).astype(int) - before).mean() < 3


def test_a_fingerprint_follows_the_crops_and_nothing_else(made: Path, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(made / "faces", tmp_path / "faces"))
    faces = FaceSet(folder)
    before = faces.fingerprint()
    assert before == FaceSet(made / "faces").fingerprint()
    (folder / "marks.json").write_text("{}")
    assert faces.fingerprint() == before
    gone = next(iter(faces.rows()))
    content = (folder / gone.file).read_bytes()
    (folder / gone.file).unlink()
    assert faces.fingerprint() != before
    (folder / gone.file).write_bytes(content)
    assert faces.fingerprint() == before
