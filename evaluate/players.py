"""The three videos of a report: original, swap and heatmap, small enough to live inside the page."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.encode import ClipEncoder, encoder_like
from datasets.progress import Progress, counted, silent
from datasets.provenance.writer import SyntheticWriter
from datasets.video import ClipInfo, Frame, open_container, probe, read_frames
from evaluate.heatmaps import lay_over
from evaluate.results import Results
from evaluate.views import making

LARGEST_BYTES = 8_000_000
LONGEST_SECONDS = 90.0
LARGEST_SIDE = 640
CRF = 26
PLAYABLE = {"h264": (".mp4", ".m4v", ".mov"), "vp8": (".webm",), "vp9": (".webm", ".mp4"), "av1": (".webm", ".mp4")}


@dataclass(frozen=True)
class Player:
    """One embedded video.

    Attributes:
        kind: "original", "swap" or "heat".
        title: its name for people.
        type: the media type.
        data: the file, base64.
    """

    kind: str
    title: str
    type: str
    data: str


def players(results: Results, progress: Progress = silent) -> tuple[list[Player], str]:
    """The videos to embed, and a sentence that says why there are none or how they differ from the files.

    The swap goes in as it is where it is small enough; a smaller copy, and the heatmap video, are synthetic media
    and go through the one writer that marks them.
    """
    info = probe(results.video)
    if info.duration > LONGEST_SECONDS:
        return [], (
            f"The clip is {info.duration:.0f} s long, too long to be played inside this page; "
            "the swap is the file result.mp4 beside it."
        )
    with tempfile.TemporaryDirectory(prefix="counterface-report-") as name:
        folder = Path(name)
        made = [("original", "Original", _original(results, folder)), ("swap", "Swap", _swap(results, info, folder))]
        if results.heatmaps is not None:
            made.append(("heat", "Heatmap", _heat(results, info, folder, progress)))
        if any(file.stat().st_size > LARGEST_BYTES for _, _, file in made):
            return [], "The videos are too large to live inside this page; the swap is the file result.mp4 beside it."
        note = (
            ""
            if made[1][2] == results.video
            else "The players show copies that every browser plays; the swap itself is result.mp4."
        )
        return [_packed(kind, title, file) for kind, title, file in made], note


def _packed(kind: str, title: str, file: Path) -> Player:
    media = "video/webm" if file.suffix.lower() == ".webm" else "video/mp4"
    return Player(kind, title, media, base64.b64encode(file.read_bytes()).decode("ascii"))


def fits(path: Path) -> bool:
    """Whether every current browser plays the file, and it is small enough to be embedded."""
    if path.stat().st_size > LARGEST_BYTES:
        return False
    with open_container(path) as container:
        context = container.streams.video[0].codec_context
        plain = context.pix_fmt in ("yuv420p", "yuvj420p")
        return plain and path.suffix.lower() in PLAYABLE.get(context.name, ())


def _original(results: Results, folder: Path) -> Path:
    clip = results.workspace.clip("destination")
    if fits(clip):
        return clip
    path, like = folder / "original.mp4", small(probe(clip))
    if results.original_is_synthetic:
        said = making(results, "The original, which is synthetic too, smaller copy")
        writer: SyntheticWriter | ClipEncoder = SyntheticWriter(path, like, said, crf=CRF)
    else:
        writer = encoder_like(path, like, crf=CRF)
    with writer:
        for frame in read_frames(clip):
            writer.write(shrunk(frame, like))
    return path


def _swap(results: Results, info: ClipInfo, folder: Path) -> Path:
    if fits(results.video):
        return results.video
    path, like = folder / "swap.mp4", small(info)
    with SyntheticWriter(path, like, making(results, "Face swap, smaller copy"), crf=CRF) as writer:
        for frame in read_frames(results.video):
            writer.write(shrunk(frame, like))
    return path


def _heat(results: Results, info: ClipInfo, folder: Path, progress: Progress) -> Path:
    path, like = folder / "heat.mp4", replace(small(info), has_audio=False)
    with SyntheticWriter(path, like, making(results, "Heatmap of a face swap"), crf=CRF) as writer:
        frames = counted(read_frames(results.video), "drawing the heatmap video", info.frames, progress)
        for frame in _with_heat(results, info, frames):
            writer.write(shrunk(frame, like))
    return path


def _with_heat(results: Results, info: ClipInfo, frames: Iterator[Frame]) -> Iterator[Frame]:
    assert results.heatmaps is not None
    for frame in frames:
        heat = results.heatmaps.on_frame(frame.time, info.width, info.height)
        yield replace(frame, image=lay_over(frame.image, heat))


def small(info: ClipInfo) -> ClipInfo:
    """The same clip at a size of at most 640 px a side, both sides even, as every browser plays it."""
    scale = min(1.0, LARGEST_SIDE / max(info.width, info.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (info.width, info.height))
    return replace(info, width=width, height=height, rotation=0)


def shrunk(frame: Frame, like: ClipInfo) -> Frame:
    """The frame at the size of ``like``."""
    import cv2

    if frame.image.shape[:2] == (like.height, like.width):
        return frame
    image: np.ndarray = cv2.resize(frame.image, (like.width, like.height), interpolation=cv2.INTER_AREA)
    return replace(frame, image=image)
