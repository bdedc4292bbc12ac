"""Face sets sorted, cleaned and shown: nothing is deleted, and a kill at any moment leaves a set that works."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import tree
from portraits import clip, put

from datasets.curate import figures as figuring
from datasets.curate import marks as marking
from datasets.curate.clean import DAMAGED, clean
from datasets.curate.figures import Figures, frame_size, inside_frame, measure
from datasets.curate.links import THROWN_OUT, make_links, thrown_out
from datasets.curate.marking import picked, sorted_out
from datasets.curate.order import ORDERS, order
from datasets.curate.reasons import (
    NAMES,
    REASONS,
    Limits,
    chosen,
    cut_off,
    duplicates,
    low_score,
    odd_shape,
    others_by_embedding,
    tiny,
)
from datasets.curate.sheet import Cell, draw, spread, write
from datasets.errors import InputError
from datasets.extract import extract
from datasets.faceset import FaceSet, load_arrays
from datasets.video import read_picture


@pytest.fixture(scope="module")
def measured(small_set: Path) -> Figures:
    return measure(FaceSet(small_set))


@pytest.fixture
def own(small_set: Path, tmp_path: Path) -> FaceSet:
    return FaceSet(Path(shutil.copytree(small_set, tmp_path / "data_src" / "aligned")))


def soften(folder: Path, name: str, sigma: float = 3.0) -> None:
    image = cv2.GaussianBlur(cv2.imread(str(folder / name)), (0, 0), sigma)
    cv2.imwrite(str(folder / name), image, [cv2.IMWRITE_JPEG_QUALITY, 95])


@pytest.fixture(scope="module")
def two_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face set of a clip in which Hopper is followed by the astronaut, after some frames without anyone."""
    folder = tmp_path_factory.mktemp("two")

    def show(i: int, image: np.ndarray) -> None:
        if i < 20:
            put(image, "hopper", (160 + i, 130), 110)
        elif i >= 60:
            put(image, "astronaut", (160 - i % 9, 110), 90)

    extract(clip(folder / "two.mp4", 72, show), folder / "faces")
    return folder / "faces"


# -- measuring -------------------------------------------------------------------------------------------------------


def test_crops_are_measured_once_and_again_when_they_change(own: FaceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    true = figuring._measure

    def counted(faces: FaceSet, row: object) -> object:
        seen.append(row.file)  # type: ignore[attr-defined]
        return true(faces, row)  # type: ignore[arg-type]

    monkeypatch.setattr(figuring, "_measure", counted)
    (own.folder / "figures.parquet").unlink(missing_ok=True)
    first = measure(own)
    assert len(seen) == len(first) == 40
    name = first.file[7]
    soften(own.folder, name)
    again = measure(own)
    assert seen[40:] == [name]
    assert again.motion_blur[7] > first.motion_blur[7] * 1.5 and again.hash[3] == first.hash[3]
    (own.folder / "figures.parquet").write_bytes(b"damaged")
    np.testing.assert_array_equal(measure(own).hash, again.hash)


def test_what_was_measured_before_a_stop_is_kept(own: FaceSet) -> None:
    (own.folder / "figures.parquet").unlink(missing_ok=True)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(own, progress=stop)
    assert len(figuring._load(own.folder)) == 12


def test_a_damaged_crop_is_named_and_left_out(own: FaceSet) -> None:
    names = [row.file for row in own.rows()]
    (own.folder / names[3]).write_bytes(b"")
    (own.folder / names[5]).write_bytes((own.folder / names[5]).read_bytes()[:900])
    found = measure(own)
    assert found.damaged == (names[3], names[5]) and len(found) == 38
    done = clean(own, ["tiny"])
    assert done.found[DAMAGED] == 2 and set(done.marks) == {names[3], names[5]}


# -- sorting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ORDERS)
def test_every_order_has_every_face_once(measured: Figures, by: str) -> None:
    put = order(measured, by)
    assert sorted(put.index.tolist()) == list(range(len(measured))) and len(put.figure) == len(measured)
    if by not in ("similarity", "best"):
        steps = np.diff(put.figure)
        assert (steps >= 0).all() or (steps <= 0).all()


@pytest.mark.parametrize("by", ORDERS)
@pytest.mark.parametrize("count", [1, 3])
def test_few_faces_of_one_pose_are_sorted_too(measured: Figures, by: str, count: int) -> None:
    few = replace(measured.subset(np.arange(count)), yaw=np.zeros(count), pitch=np.zeros(count))
    assert sorted(order(few, by).index.tolist()) == list(range(count))


def test_the_blurred_stand_last(own: FaceSet) -> None:
    names = [row.file for row in own.rows()]
    for name in names[4:7]:
        soften(own.folder, name)
    put = order(measure(own), "motion-blur")
    assert set(put.index[-3:].tolist()) == {4, 5, 6}


def test_the_best_are_spread_over_poses(measured: Figures) -> None:
    yaw = np.repeat([-40.0, 0.0, 40.0], [30, 8, 2])
    put = order(replace(measured, yaw=yaw, pitch=np.zeros(40)), "best")
    assert sorted(yaw[put.index[:3]].tolist()) == [-40, 0, 40]
    assert sorted(yaw[put.index[:6]].tolist()) == [-40, -40, 0, 0, 40, 40]


def test_a_chain_of_likes_moves_in_small_steps(measured: Figures) -> None:
    put = order(measured, "similarity")
    shuffled = np.random.default_rng(0).permutation(len(measured))
    thumbs = measured.thumb.astype(float)

    def steps(index: np.ndarray) -> float:
        return float(np.abs(np.diff(thumbs[index], axis=0)).mean())

    assert steps(put.index) < 0.7 * steps(shuffled)


def test_unknown_orders_and_rules_are_said(measured: Figures) -> None:
    with pytest.raises(InputError, match="motion-blur"):
        order(measured, "beauty")
    put = order(measured, "yaw")
    for rule in ("worst 5", "last", "below x", "last -3", ""):
        with pytest.raises(InputError, match="what to mark"):
            picked(put, rule, None)
    with pytest.raises(InputError, match="--keep"):
        picked(put, "rest", None)


def test_rules_pick_an_end(measured: Figures) -> None:
    put = order(measured, "yaw")
    assert picked(put, "last 3", None).tolist() == [37, 38, 39]
    assert picked(put, "first 5%", None).tolist() == [0, 1]
    assert picked(put, "last 500", None).tolist() == list(range(40))
    assert picked(put, "rest", 38).tolist() == [38, 39]
    limit = float(put.figure[10])
    assert picked(put, f"above {limit:.6f}", None).min() >= 10
    reason, found = sorted_out(measured, put, np.array([0]))
    assert reason == "sorted by yaw" and list(found) == [measured.file[int(put.index[0])]]


# -- cleaning --------------------------------------------------------------------------------------------------------


def test_a_sound_set_is_left_alone(measured: Figures) -> None:
    for name in REASONS:
        if name != "duplicate":
            assert REASONS[name](measured, Limits()) == {}, name


def test_reasons_find_what_they_are_named_after(measured: Figures) -> None:
    def changed(name: str, value: object) -> Figures:
        column = getattr(measured, name).copy()
        column[9] = value
        return replace(measured, **{name: column})

    limits = Limits()
    assert list(tiny(changed("width", 31.0), limits)) == [9]
    assert list(low_score(changed("score", 0.3), limits)) == [9]
    assert list(cut_off(changed("inside", 0.5), limits)) == [9]
    assert list(REASONS["blurred"](changed("sharpness", 0.1 * np.median(measured.sharpness)), limits)) == [9]
    assert list(odd_shape(changed("shape", measured.shape[9] * (1.3, 1, 1)), limits)) == [9]
    assert odd_shape(changed("shape", np.nan), limits) == {}


def test_of_duplicates_the_sharpest_stays(measured: Figures) -> None:
    twice = measured.subset(np.array([0, 20, 0, 20, 0]))
    sharp = np.array([5.0, 9.0, 7.0, 1.0, 6.0])
    assert sorted(duplicates(replace(twice, sharpness=sharp), Limits())) == [0, 3, 4]
    # A blink is no duplicate, however alike the pictures.
    eyes = np.array([0.3, 0.3, 0.1, 0.3, 0.3])
    assert sorted(duplicates(replace(twice, sharpness=sharp, eyes=eyes), Limits())) == [0, 3]


def test_another_person_is_found_by_embedding(measured: Figures) -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(2, 128))
    vectors = people[np.repeat([0, 1], [30, 10])] + 0.7 * rng.normal(size=(40, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert sorted(others_by_embedding(measured, vectors.astype(np.float32), Limits())) == list(range(30, 40))


def test_another_person_is_found_by_shape_track_by_track(two_people: Path) -> None:
    faces = FaceSet(two_people)
    done = clean(faces, ["wrong-person"])
    main = faces.main_track()
    other = {row.file for row in faces.rows() if row.track != main}
    assert len(other) == 12 and set(done.marks) == other


def test_a_face_half_out_of_its_frame_is_known(own: FaceSet) -> None:
    row = next(iter(own.rows()))
    size = frame_size(own, row)
    assert inside_frame(row, *size) == 1
    assert row.landmarks is not None
    middle = float(np.median(row.landmarks[:468, 0]))
    assert 0.4 < inside_frame(row, round(middle), size[1]) < 0.6
    flat = replace(row, landmarks=None, box=np.array([-10, 0, 10, 20], np.float32))
    assert inside_frame(flat, 100, 100) == pytest.approx(0.5)


def test_which_reasons_run() -> None:
    assert "duplicate" in chosen(None, destination=False) and "duplicate" not in chosen(None, destination=True)
    assert chosen("tiny, blurred", False) == ("tiny", "blurred") and chosen("all", True) == NAMES
    for wrong in ("ugly", "", ","):
        with pytest.raises(InputError, match="odd-shape"):
            chosen(wrong, False)


def test_without_weights_the_weaker_way_is_said(own: FaceSet) -> None:
    name = next(iter(own.rows())).file
    marking.write_marks(own.folder, {name: {"wrong-person": "found by a network"}})
    done = clean(own, ["wrong-person"])
    assert any("weaker" in note for note in done.notes) and set(done.marks) == {name}
    with pytest.raises(InputError, match="no file"):
        clean(own, ["wrong-person"], embedding=own.folder / "none.onnx")


# -- marks and the trash ---------------------------------------------------------------------------------------------


def test_marks_change_nothing(own: FaceSet) -> None:
    before, arrays = own.fingerprint(), load_arrays(own, 32, "full")
    names = [row.file for row in own.rows()]
    marking.write_marks(own.folder, {names[0]: {"blurred": "x"}})
    measure(own)
    assert own.fingerprint() == before and len(load_arrays(own, 32, "full")) == len(arrays)


def test_marks_of_other_reasons_stay(own: FaceSet) -> None:
    joined = marking.mark({"a": {"one": "x", "two": "y"}, "b": {"one": "z"}}, {"c": {"one": "w"}}, ["one"])
    assert joined == {"a": {"two": "y"}, "c": {"one": "w"}}
    assert marking.counts(joined) == {"one": 1, "two": 1}


def test_what_is_applied_can_be_brought_back(own: FaceSet) -> None:
    before, pictures = own.fingerprint(), tree(own.folder)
    names = [row.file for row in own.rows()]
    marking.write_marks(own.folder, {names[2]: {"tiny": "x"}, names[8]: {"tiny": "y"}})
    moved = marking.apply(own)
    assert moved.files == (names[2], names[8]) and moved.trash == own.folder.with_name("aligned_trash")
    assert own.removed() == 2 and own.fingerprint() != before and marking.read_marks(own.folder) == {}
    assert list(own.removed_frames()) == [2, 8]
    back = marking.restore(own)
    assert back.files == moved.files and own.fingerprint() == before and not moved.trash.exists()
    assert tree(own.folder) == pictures
    with pytest.raises(InputError, match="nothing to bring back"):
        marking.restore(own)


def test_a_kill_while_moving_leaves_a_set_that_works(own: FaceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    before = own.fingerprint()
    names = [row.file for row in own.rows()][:6]
    marking.write_marks(own.folder, {name: {"tiny": "x"} for name in names})
    true, moves = Path.rename, []

    def dying(self: Path, target: Path) -> Path:
        if self.suffix == ".jpg":
            moves.append(self)
            if len(moves) == 4:
                raise KeyboardInterrupt
        return true(self, target)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        marking.apply(own)
    monkeypatch.setattr(Path, "rename", true)
    assert len(load_arrays(own, 32, "full")) == 37 == 40 - own.removed()
    assert len(marking.apply(own).files) == 3 and own.removed() == 6
    marking.restore(own)
    assert own.fingerprint() == before


def test_a_set_is_never_emptied(own: FaceSet) -> None:
    marking.write_marks(own.folder, {row.file: {"tiny": "x"} for row in own.rows()})
    with pytest.raises(InputError, match="none would be left"):
        marking.apply(own)
    assert own.removed() == 0


def test_the_trash_of_another_extraction_is_not_mixed_in(own: FaceSet) -> None:
    names = [row.file for row in own.rows()]
    marking.write_marks(own.folder, {names[0]: {"tiny": "x"}})
    trash = marking.apply(own).trash
    held = json.loads((trash / "marks.json").read_text())
    (trash / "marks.json").write_text(json.dumps(held | {"table": "0" * 64}))
    marking.write_marks(own.folder, {names[1]: {"tiny": "x"}})
    for step in (marking.apply, marking.restore):
        with pytest.raises(InputError, match="earlier extraction"):
            step(own)
    (own.folder / "marks.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        marking.read_marks(own.folder)


# -- links and sheets ------------------------------------------------------------------------------------------------


def test_links_deleted_by_hand_become_marks(own: FaceSet, tmp_path: Path) -> None:
    names = [row.file for row in own.rows()][::-1]
    make_links(own, names, tmp_path / "links")
    links = sorted((tmp_path / "links").glob("*.jpg"))
    assert [link.name[6:] for link in links] == names
    np.testing.assert_array_equal(read_picture(links[0]), read_picture(own.folder / names[0]))
    assert thrown_out(own, tmp_path / "links") == {}
    links[1].unlink()
    assert list(thrown_out(own, tmp_path / "links")) == [names[1]]
    assert THROWN_OUT in thrown_out(own, tmp_path / "links")[names[1]]
    with pytest.raises(InputError, match="exists already"):
        make_links(own, names, tmp_path / "links")
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="not made by sorting"):
        make_links(own, names, tmp_path / "mine", force=True)
    with pytest.raises(InputError, match="no folder of links"):
        thrown_out(own, tmp_path / "mine")


def test_a_sheet_shows_every_face_and_its_marks(own: FaceSet, tmp_path: Path) -> None:
    names = [row.file for row in own.rows()]
    plain = draw(own.folder, [Cell(name, str(i), "yaw +1°") for i, name in enumerate(names[:9])], "nine")
    flagged = draw(own.folder, [Cell(names[0], "0", "", ("tiny", "blurred", "cut-off"))], "one")
    red = (flagged == (240, 84, 70)).all(axis=-1).sum()
    assert plain.dtype == np.uint8 and not (plain == (240, 84, 70)).all(axis=-1).any() and red > 1000
    (own.folder / names[1]).unlink()
    draw(own.folder, [Cell(names[1], "1", "")], "gone meanwhile")
    cells = [Cell(name, "", "") for name in names]
    made = write(own, cells, "pages", tmp_path / "sheet.png", page=16)
    assert [path.name for path in made] == ["sheet-001.png", "sheet-002.png", "sheet-003.png"]
    assert read_picture(made[0]).shape[1] > read_picture(made[2]).shape[1] > 300
    with pytest.raises(InputError, match="exists already"):
        write(own, cells, "pages", tmp_path / "sheet.png", page=16)
    with pytest.raises(InputError, match=r"\.jpg or \.png"):
        write(own, cells, "pages", tmp_path / "sheet.gif", page=16)


def test_a_spread_has_both_ends() -> None:
    assert spread(3, 10) == [0, 1, 2]
    assert spread(100, 4) == [0, 33, 66, 99]


def test_cleaning_one_person_keeps_the_marks_of_the_others(two_people: Path, tmp_path: Path) -> None:
    faces = FaceSet(Path(shutil.copytree(two_people, tmp_path / "faces")))
    marking.write_marks(faces.folder, {})
    first, second = (track["id"] for track in faces.info.tracks)
    marks = clean(faces, ["tiny"], Limits(width=5000), track=first).marks
    both = clean(faces, ["tiny"], Limits(width=5000), track=second).marks
    assert marks and set(marks) < set(both) and len(both) == faces.info.faces
    left = clean(faces, ["tiny"], Limits(width=1), track=second).marks
    assert left == marks


def test_a_resized_crop_is_embedded_at_the_place_of_the_face(own: FaceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets.curate.clean import _embed
    from datasets.faces import identity

    seen: list[np.ndarray] = []

    class Network:
        def __init__(self, file: Path) -> None: ...

        def embed(self, crops: list[np.ndarray]) -> np.ndarray:
            seen.extend(crops)
            return np.ones((len(crops), identity.LENGTH), np.float32)

    monkeypatch.setattr(identity, "IdentityEmbedding", Network)
    figures = measure(own).subset(np.arange(1))
    _embed(own, figures, Path("network"), lambda *_: None)
    file = own.folder / figures.file[0]
    image = read_picture(file)[..., ::-1]
    cv2.imwrite(str(file), cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    _embed(own, figures, Path("network"), lambda *_: None)
    assert np.abs(seen[0].astype(float) - seen[1]).mean() < 3
