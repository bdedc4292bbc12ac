"""Detectors learn from pixels before marking, which never reach the disk; and are scored with marks on both or none."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from footage import FACELESS, Looped, tree, write_clip

from datasets.faces.align import rescale_affine, warp_crop
from datasets.faceset import FaceSet
from datasets.home import home
from datasets.provenance import writer
from datasets.provenance.badge import badge_box, has_badge
from datasets.provenance.writer import SyntheticWriter
from datasets.video import ClipInfo, frames_at, probe, read_frames, timestamps
from detect.detector import load_detector
from evaluate import detectability as scoring
from evaluate.loop import CROP_COVERAGE, CROP_SIZE, pairs_of, train_detector
from evaluate.matching import encode_part
from synth.composite.compositor import CompositeSettings
from synth.pipeline import load_model
from synth.rendering import swapped_frames


def refuse(*arguments: Any, **options: Any) -> Any:
    raise AssertionError("nothing is marked, and nothing is encoded to a file")


def test_crops_to_learn_from_are_unmarked_in_both_classes(looped: Looped) -> None:
    workspace, wanted = looped.workspace, [5, 20, 50]
    assert not set(wanted) & set(FACELESS)
    pairs = pairs_of(workspace, "quick96", CompositeSettings(), wanted, "cpu")
    faces = FaceSet(workspace.faces("destination"))
    clip, model = workspace.clip("destination"), load_model(workspace, "quick96", "cpu")
    made = swapped_frames(clip, faces, model, CompositeSettings(), wanted=wanted)
    for pair, swapped, frame in zip(pairs, made, frames_at(clip, wanted), strict=True):
        assert swapped.row is not None
        affine = rescale_affine(swapped.row.affine, faces.info.size, faces.info.coverage, CROP_SIZE, CROP_COVERAGE)
        assert np.array_equal(pair.real, warp_crop(frame.image, affine, CROP_SIZE))
        assert np.array_equal(pair.fake, warp_crop(swapped.image, affine, CROP_SIZE))
        outside = swapped.mask == 0
        assert np.array_equal(swapped.image[outside], frame.image[outside]), "something besides the swap was put in"


@pytest.mark.slow
def test_training_writes_no_picture_and_leaves_no_file_but_the_detector(
    looped: Looped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    reading = av.open

    def only_to_read(file: Any, mode: str | None = None, *more: Any, **options: Any) -> Any:
        assert mode in (None, "r"), f"{file} is opened for writing"
        return reading(file, *more, **options)

    monkeypatch.setattr(av, "open", only_to_read)
    for encoder in ("imwrite", "VideoWriter"):
        monkeypatch.setattr(cv2, encoder, refuse)
    monkeypatch.setattr(SyntheticWriter, "__init__", refuse)
    before = tree(looped.workspace.root)
    train_detector(looped.workspace, "quick96", steps=2, folder=tmp_path / "detector", device="cpu")
    assert tree(looped.workspace.root) == before
    assert not list((tmp_path / "temporary").iterdir())
    assert {file.name for file in (tmp_path / "detector").iterdir()} == {
        "card.json",
        "weights.safetensors",
        "metrics.jsonl",
    }


@pytest.fixture
def clip(looped: Looped, tmp_path: Path) -> tuple[Path, ClipInfo, np.ndarray]:
    path = write_clip(tmp_path / "clip.mp4", [frame.image for frame in read_frames(looped.destination)][:20])
    return path, probe(path), timestamps(path)


def encoded(clip: tuple[Path, ClipInfo, np.ndarray], path: Path, mark: bool) -> list[np.ndarray]:
    original, info, times = clip
    encode_part(original, info, times, [2, 18], path, 18, lambda *a, **k: None, mark=mark)
    return [frame.image for frame in read_frames(path)]


def test_the_original_is_marked_as_the_swap_is(clip: tuple[Path, ClipInfo, np.ndarray], tmp_path: Path) -> None:
    marked, plain = (encoded(clip, tmp_path / f"{mark}.mp4", mark) for mark in (True, False))
    assert all(has_badge(image) for image in marked) and not any(has_badge(image) for image in plain)
    x0, y0, x1, y1 = badge_box(*marked[0].shape[1::-1])
    for with_it, without in zip(marked, plain, strict=True):
        apart = np.abs(with_it.astype(int) - without)
        apart[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8] = 0
        assert apart.mean() < 3, "the marks are to be seen beside the badge"


def test_an_originals_mark_has_an_id_of_its_own_that_is_not_kept(
    clip: tuple[Path, ClipInfo, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, make, kept = list[str](), writer.PixelMarker, tree(home("data"))

    def look(watermark_id: str) -> writer.PixelMarker:
        drawn.append(watermark_id)
        return make(watermark_id)

    monkeypatch.setattr(writer, "PixelMarker", look)
    for number in range(2):
        encoded(clip, tmp_path / f"{number}.mp4", True)
    encoded(clip, tmp_path / "plain.mp4", False)
    assert len(drawn) == len(set(drawn)) == 2
    assert tree(home("data")) == kept


def stripped(path: Path, target: Path) -> Path:
    """The same pictures without the manifest: their packets, copied."""
    with av.open(str(path)) as source, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return target


@pytest.mark.parametrize("which", ["signed", "stripped", "unmarked"])
def test_a_marked_swap_is_compared_with_a_marked_original(
    looped: Looped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, which: str
) -> None:
    workspace, asked = looped.workspace, list[bool]()
    result, clip = workspace.result / "result.mp4", workspace.clip("destination")
    fake = {"signed": result, "unmarked": clip}.get(which) or stripped(result, tmp_path / "stripped.mp4")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def look(*arguments: Any, mark: bool = False) -> None:
        asked.append(mark)
        encode_part(*arguments, mark=mark)

    monkeypatch.setattr(scoring, "encode_part", look)
    scoring.detectability(fake, clip, load_detector(workspace.detector, "cpu"), frames=3, start=3.0)
    assert asked == [which != "unmarked"]
    assert not list((tmp_path / "temporary").iterdir()), "the marked copy was kept"
