"""Cutting a clip short changes no pixel of what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from footage import living, uneven, write_clip

from benchmarks.clips import cut, make_clip, repeat
from datasets.video import probe, read_frames, timestamps


@pytest.mark.parametrize("seconds", [0.2, 1.7, 60])
def test_the_first_frames_are_the_same_ones(tmp_path: Path, seconds: float) -> None:
    whole = write_clip(tmp_path / "whole.mp4", living("hopper")[:40], uneven(40).tolist(), sound=True)
    kept = cut(whole, seconds, tmp_path / "cut.mp4")
    times, own = timestamps(whole), timestamps(tmp_path / "cut.mp4")
    assert len(own) == kept and np.allclose(own - own[0], (times - times[0])[:kept], atol=1e-3)
    inside = int((times - times[0] < seconds).sum())
    assert inside - 4 <= kept <= inside and kept >= 1
    for a, b in zip(read_frames(tmp_path / "cut.mp4"), read_frames(whole), strict=False):
        assert np.array_equal(a.image, b.image)
    assert not probe(tmp_path / "cut.mp4").has_audio


def test_a_made_clip_repeats_as_often_as_asked(tmp_path: Path) -> None:
    make_clip(tmp_path / "one.mp4", (160, 96), seconds=0.4)
    info = probe(tmp_path / "one.mp4")
    assert (info.width, info.height, len(timestamps(tmp_path / "one.mp4"))) == (160, 96, 10)
    repeat(tmp_path / "one.mp4", 3, tmp_path / "three.mp4", 0.4)
    assert len(timestamps(tmp_path / "three.mp4")) == 30
