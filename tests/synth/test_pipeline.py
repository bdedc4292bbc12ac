"""From two clips to a result: what is swapped, what is left alone, and that nothing half-made stays."""

from __future__ import annotations

import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footage import FACELESS, STEPS, Looped, counterface, living, tree, turn_by_quarter, write_clip
from portraits import put, room

from datasets.encode import ClipEncoder
from datasets.errors import InputError, Interrupted, Refused
from datasets.faceset import FaceSet, FaceSetInfo
from datasets.provenance.badge import has_badge
from datasets.video import Frame, open_container, probe, read_frames, timestamps
from datasets.workspace import Workspace
from synth.composite.compositor import CompositeSettings
from synth.method import Budget
from synth.people import one_person
from synth.pipeline import load_model, merge, train, training_faces
from synth.rendering import LEFT, swapped_frames

CPU = "cpu"


def swapped(workspace: Workspace, wanted: list[int] | None = None) -> list[Any]:
    model, faces = load_model(workspace, "quick96", CPU), FaceSet(workspace.faces("destination"))
    track, _ = one_person(faces)
    return list(swapped_frames(workspace.clip("destination"), faces, model, CompositeSettings(), track, wanted))


@pytest.fixture(scope="module")
def all_swapped(looped: Looped) -> list[Any]:
    return swapped(looped.workspace)


def test_every_frame_comes_once_in_order_and_with_its_own_time(looped: Looped, all_swapped: list[Any]) -> None:
    times = timestamps(looped.workspace.clip("destination"))
    assert [s.frame.index for s in all_swapped] == list(range(len(times)))
    assert np.allclose([s.frame.time for s in all_swapped], times)
    for s, frame in zip(all_swapped, read_frames(looped.workspace.clip("destination")), strict=True):
        assert np.array_equal(s.frame.image, frame.image)


def test_outside_the_swap_mask_a_frame_is_its_original_bit_for_bit(all_swapped: list[Any]) -> None:
    for s in all_swapped:
        assert np.array_equal(s.image[s.mask == 0], s.frame.image[s.mask == 0])
        if s.row is not None:
            share = (s.mask > 0).mean()
            assert 0.01 < share < 0.4 and np.abs(s.image.astype(int) - s.frame.image)[s.mask > 128].mean() > 2


def test_frames_without_a_face_are_left_as_they_are(all_swapped: list[Any]) -> None:
    left = {s.frame.index: s for s in all_swapped if s.row is None}
    assert set(left) == set(FACELESS)
    for s in left.values():
        assert s.why == "no face" and not s.mask.any() and np.array_equal(s.image, s.frame.image)


def test_chosen_frames_are_those_of_the_whole(looped: Looped, all_swapped: list[Any]) -> None:
    wanted = [3, 4, 29, 31, 60]
    for s in swapped(looped.workspace, wanted):
        same = all_swapped[s.frame.index]
        assert np.abs(s.image.astype(int) - same.image).max() <= 1 and np.abs(s.mask.astype(int) - same.mask).max() <= 1
        wanted.remove(s.frame.index)
    assert not wanted


def test_the_mask_moves_with_the_face_and_does_not_jump(all_swapped: list[Any]) -> None:
    centres = np.array([np.argwhere(s.mask > 128).mean(0) for s in all_swapped if s.row is not None])
    assert np.linalg.norm(np.diff(centres, axis=0), axis=1).max() < 0.08 * all_swapped[0].image.shape[0]


@pytest.mark.slow
def test_a_crop_that_was_deleted_leaves_its_frame_as_it_is(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w", ["result"])
    faces = FaceSet(workspace.faces("destination"))
    for row in list(faces.rows())[5:8]:
        (faces.folder / row.file).unlink()
    assert list(faces.removed_frames()) == [5, 6, 7] and faces.removed() == 3
    assert list(faces.removed_frames(faces.main_track() + 1)) == []
    report = merge(workspace, "quick96", CompositeSettings(), device=CPU)
    assert dict(report.left) == {"removed": 3, "no face": len(FACELESS)}
    assert report.total == report.swapped + 3 + len(FACELESS)
    assert "7 of 66 frames were left as they are (3 whose crop was removed, 4 without a face)." in report.notes
    masks = [frame.image[..., 0].max() for frame in read_frames(workspace.result / "result_mask.mkv")]
    assert not any(masks[i] for i in (5, 6, 7)) and masks[4] and masks[8]


def test_every_reason_has_its_words() -> None:
    assert set(LEFT) == {"no face", "no mesh", "removed"}


@pytest.fixture(scope="module")
def two_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of 321 x 241 without sound: one large face, and one of 48 pixels."""
    images = []
    for i in range(10):
        image = room(321, 241)
        put(image, "hopper", (225 + i, 125), 95)
        put(image, "astronaut", (70, 105 + i), 48)
        images.append(image)
    return write_clip(tmp_path_factory.mktemp("two") / "two.mp4", images)


def test_of_two_faces_the_larger_is_swapped_and_that_is_said(looped: Looped, two_faces: Path, tmp_path: Path) -> None:
    workspace, said = looped.on(tmp_path / "w", two_faces)
    assert said.code == 0, said
    result = json.loads((workspace.result / "result.json").read_text())
    assert result["frames"] == {"total": 10, "swapped": 10, "left_as_is": 0, "why": {}}
    assert result["destination"]["tracks"] == 2
    assert any("shows several faces (2 tracks)" in note and "the largest, was used" in note for note in result["notes"])
    for frame in read_frames(workspace.result / "result_mask.mkv"):
        assert frame.image.shape[:2] == (241, 321)
        assert frame.image[:, 160:].max() == 255 and frame.image[:, :130].max() == 0
    about = probe(workspace.result / "result.mp4")
    assert (about.width, about.height, about.has_audio) == (321, 241, False)


@pytest.mark.slow
def test_a_face_of_48_pixels_is_swapped(looped: Looped, tmp_path: Path) -> None:
    images = []
    for i in range(10):
        image = room(240, 180)
        put(image, "astronaut", (110 + i, 90), 48)
        images.append(image)
    workspace, said = looped.on(tmp_path / "w", write_clip(tmp_path / "small.mp4", images))
    assert said.code == 0, said
    made = swapped(workspace)
    assert all(s.row is not None and 0.2 * 48**2 < (s.mask > 128).sum() < 2.2 * 48**2 for s in made)


def test_a_rotated_clip_comes_out_upright_with_every_frame(looped: Looped, tmp_path: Path) -> None:
    upright = living("astronaut")[:10]
    probed = write_clip(tmp_path / "probe.mp4", [np.zeros((32, 64, 3), np.uint8)])
    turn_by_quarter(probed)
    turns = 1 if probe(probed).rotation == 90 else 3
    clip = write_clip(tmp_path / "turned.mp4", [np.rot90(image, -turns).copy() for image in upright], sound=True)
    turn_by_quarter(clip)
    assert np.abs(next(read_frames(clip)).image.astype(int) - upright[0]).mean() < 6
    workspace, said = looped.on(tmp_path / "w", clip)
    assert said.code == 0, said
    result = workspace.result / "result.mp4"
    about = probe(result)
    assert (about.width, about.height, about.rotation, about.has_audio) == (256, 256, 0, True)
    assert np.array_equal(timestamps(result), timestamps(clip))
    for before, after in zip(read_frames(clip), read_frames(result), strict=True):
        rim = np.s_[-40:, :]
        assert np.abs(before.image[rim].astype(int) - after.image[rim]).mean() < 6


def test_a_set_with_several_faces_in_a_frame_is_one_person_and_said() -> None:
    class Two:
        info = FaceSetInfo(
            "c.mp4", "0", 9, 9, 256, "whole", "mediapipe", 1, 10, 10, 4, 14, 0, 0,
            [{"id": 0, "faces": 4, "first": 0, "last": 9, "median_width": 30.0},
             {"id": 1, "faces": 10, "first": 0, "last": 9, "median_width": 60.0}],
        )  # fmt: skip
        main_track = FaceSet.main_track

    track, notes = one_person(Two())  # type: ignore[arg-type]
    assert track == 1 and len(notes) == 1 and "in 100% of the frames" in notes[0]
    Two.info = replace(Two.info, frames_with_several=0)
    track, notes = one_person(Two())  # type: ignore[arg-type]
    assert track is None and len(notes) == 1 and "were taken for one person" in notes[0]
    Two.info = replace(Two.info, tracks=Two.info.tracks[:1])
    assert one_person(Two()) == (None, [])  # type: ignore[arg-type]


def test_without_consent_nothing_is_trained_or_merged(looped: Looped, tmp_path: Path) -> None:
    workspace = replace(looped.copy(tmp_path / "w", ["result", "model"]), consent=())
    before = tree(tmp_path)
    for call in (
        lambda: train(workspace, "quick96", Budget(1), CPU),
        lambda: merge(workspace, "quick96", CompositeSettings(), device=CPU),
    ):
        with pytest.raises(Refused):
            call()
    assert tree(tmp_path) == before


def test_what_is_missing_is_said_with_what_to_do(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w", ["data_src/aligned", "model"])
    with pytest.raises(InputError, match="no face set yet; run: counterface extract"):
        train(workspace, "quick96", Budget(1), CPU)
    with pytest.raises(InputError, match=r"no trained model 'quick96'.*counterface train"):
        merge(workspace, "quick96", CompositeSettings(), device=CPU, force=True)
    kind = type("Kind", (), {"size": 64, "coverage": 1.4})
    with pytest.raises(InputError, match="source has no face set"):
        training_faces(workspace, "source", kind)


def merge_again(workspace: Workspace, **options: Any) -> Any:
    return merge(workspace, "quick96", CompositeSettings(), device=CPU, force=True, **options)


def test_ctrl_c_in_a_merge_leaves_the_old_result(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w")
    before = tree(tmp_path)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 8:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nothing was written"):
        merge_again(workspace, progress=stop)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("suffix", [".mp4", pytest.param(".mkv", marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_leaves_the_old_result(
    looped: Looped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    workspace = looped.copy(tmp_path / "w")
    before, write = tree(tmp_path), ClipEncoder.write

    def full(encoder: ClipEncoder, frame: Frame) -> None:
        if encoder.path.suffix == suffix and frame.index == 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(encoder, frame)

    monkeypatch.setattr(ClipEncoder, "write", full)
    with pytest.raises(InputError, match=r"No room left on the disk for .*result"):
        merge_again(workspace)
    assert tree(tmp_path) == before


def test_a_mask_or_a_result_that_is_there_is_not_replaced_unasked(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w")
    before = tree(tmp_path)
    for output in (None, tmp_path / "w" / "result" / "result.mp4"):
        with pytest.raises(InputError, match="exists already"):
            merge(workspace, "quick96", CompositeSettings(), output, CPU)
    assert tree(tmp_path) == before


def test_previews_are_marked(looped: Looped) -> None:
    from datasets.provenance.verify import verify
    from datasets.video import read_picture

    previews = sorted((looped.workspace.model("quick96") / "previews").iterdir())
    assert previews[-1].name == f"step-{STEPS:06}.jpg"
    assert has_badge(read_picture(previews[0])) and verify(previews[0]).credentials.state == "trusted"


def test_the_sound_of_the_destination_is_carried_over_packet_for_packet(looped: Looped) -> None:
    def packets(path: Path) -> list[bytes]:
        with open_container(path) as container:
            return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]

    assert packets(looped.workspace.result / "result.mp4") == packets(looped.destination)
    assert counterface("verify", looped.workspace.result / "result.mp4").code == 0
