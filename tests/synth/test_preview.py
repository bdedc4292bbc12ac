"""One frame of a merge at once: the same as the merge's own, with any settings, and marked when it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from footage import FACELESS, Looped, counterface

from datasets.errors import InputError
from datasets.faceset import FaceSet
from synth.composite.compositor import CompositeSettings
from synth.composite.session import make_session
from synth.pipeline import load_model
from synth.preview import Preview
from synth.rendering import swapped_frames


@pytest.fixture(scope="module")
def preview(looped: Looped) -> Iterator[Preview]:
    with Preview(looped.workspace, "quick96", "cpu") as made:
        yield made


def test_a_frame_is_the_one_that_a_merge_makes_whatever_was_asked_before(looped: Looped, preview: Preview) -> None:
    workspace, wanted = looped.workspace, [3, 29, 40]
    faces, model = FaceSet(workspace.faces("destination")), load_model(workspace, "quick96", "cpu")
    session = make_session(CompositeSettings(), [{"frame": 29, "mode": "seamless", "colour": "mkl"}])
    merged = {
        s.frame.index: s for s in swapped_frames(workspace.clip("destination"), faces, model, session, wanted=wanted)
    }
    for index in (29, 3, 40, 29):
        seen = preview.frame(index, session)
        assert seen.frame.index == index and np.array_equal(seen.frame.image, merged[index].frame.image)
        assert np.abs(seen.image.astype(int) - merged[index].image).mean() < 0.1
        assert np.abs(seen.mask.astype(int) - merged[index].mask).max() <= 8


def test_settings_change_the_picture_alone_and_the_default_is_the_methods(preview: Preview) -> None:
    plain = preview.frame(10)
    assert np.array_equal(plain.image, preview.frame(10, CompositeSettings()).image)
    raw = preview.frame(10, replace(CompositeSettings(), mode="raw", erode=0.1))
    assert not np.array_equal(raw.image, plain.image) and raw.mask.sum() < plain.mask.sum()
    assert np.array_equal(raw.image[raw.mask == 0], raw.frame.image[raw.mask == 0])


def test_a_frame_without_a_face_is_as_it_is_and_one_that_is_not_there_is_said(preview: Preview) -> None:
    left = preview.frame(FACELESS[0])
    assert left.row is None and left.why == "no face" and np.array_equal(left.image, left.frame.image)
    for index in (-1, len(preview)):
        with pytest.raises(InputError, match=f"has frames 0 to {len(preview) - 1}"):
            preview.frame(index)


def test_the_command_writes_one_marked_picture(looped: Looped, tmp_path: Path) -> None:
    from datasets.provenance.verify import verify

    root, picture = looped.workspace.root, tmp_path / "frame.jpg"
    session = tmp_path / "session.toml"
    session.write_text("[[frames]]\nframe = 12\nmode = 'seamless'\n")
    common = ("merge", root, "--device", "cpu", "-q", "--session", session)
    said = counterface(*common, "--preview", 12, "-o", picture)
    assert said.code == 0 and picture.is_file(), said
    assert verify(picture).credentials.state == "trusted"
    assert "exists already" in counterface(*common, "--preview", 12, "-o", picture).error
    assert "-o PICTURE.jpg" in counterface(*common, "--preview", 12).error
    assert "must end in .jpg or .png" in counterface(*common, "--preview", 12, "-o", tmp_path / "a.gif").error
    faceless = counterface(*common, "--preview", FACELESS[0], "-o", tmp_path / "b.jpg")
    assert f"Frame {FACELESS[0]} is left as it is: it is one without a face." in faceless.error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["frame.jpg", "session.toml"]


@pytest.mark.slow
def test_a_merge_by_session_is_written_down_and_read_back(looped: Looped, tmp_path: Path) -> None:
    import json

    from evaluate.loop import merged_with

    workspace = looped.copy(tmp_path / "w", ["result"])
    session = tmp_path / "session.json"
    session.write_text(json.dumps([{"frames": [0, 9], "erode": 0.2}, {"frame": 5, "erode": 0.05}]))
    said = counterface("merge", workspace.root, "--device", "cpu", "-q", "--mode", "raw", "--session", session)
    assert said.code == 0, said
    made = json.loads((workspace.result / "result.json").read_text())["merge"]
    assert made["mode"] == "raw" and made["frames"] == [
        {"frames": [0, 9], "erode": 0.2},
        {"frames": [5, 5], "erode": 0.05},
    ]
    again = merged_with(workspace, "quick96")
    assert [again.settings_at(i).erode for i in (4, 5, 10)] == [0.2, 0.05, 0.0]
