"""What of a file is looked at: which frames are scored, which only follow them, and what its compression left.

Beside the frames that are scored a few short runs of consecutive ones are read: what flickers shows in neighbours
alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.video import Frame, LumaSeen

RUNS, RUN_LENGTH = 4, 8
WEBP_BLOCK = 16
ANIMATED, CHUNK = 0x02, 8


@dataclass(frozen=True)
class Looked:
    """One frame that is looked at.

    Attributes:
        order: which of the counted frames it is; that of the one before where it is not counted.
        counted: whether it is scored; else it only continues a run.
        run: number of the run of consecutive frames that it belongs to, or None.
    """

    frame: Frame
    order: int
    counted: bool
    run: int | None


@dataclass(frozen=True)
class Source:
    """A file that is about to be scored.

    Attributes:
        looked: the frames, ascending; to be gone through once.
        total: how many of them are counted.
        more: whether the file has frames that are not.
        still: whether it is one picture.
        bits: coded bits a pixel (and a frame), or None where the container does not say.
        few_colours: whether its pictures are limited to a palette.
    """

    looked: Iterator[Looked]
    total: int
    more: bool
    still: bool
    bits: float | None
    few_colours: bool


def open_source(path: Path, frames: int, every: int | None, runs: bool, luma: LumaSeen | None = None) -> Source:
    """Say what is looked at, and begin.

    Args:
        frames: how many are scored, spread evenly.
        every: score every n-th instead; the whole clip is decoded then.
        runs: whether short runs of consecutive frames are wanted too.
        luma: is shown every frame of a video, which is then decoded whole.

    Raises:
        InputError: no such file, not a video or picture, damaged.
    """
    from datasets.video import frames_at, is_picture, probe, read_frames, read_picture, timestamps

    path = Path(path)
    if is_picture(path):
        if (times := webp_times(path)) is not None and len(times) > 1:
            counted, run = plan(len(times), frames, every, runs)
            looked = _marked(_webp_frames(path, times, {*counted, *run}), counted, run)
            return Source(
                looked, len(counted), len(counted) < len(times), False, _picture_bits(path, len(times)), False
            )
        image = read_picture(path)
        size = path.stat().st_size * 8 / (image.shape[0] * image.shape[1])
        return Source(iter([Looked(Frame(0, 0.0, image), 0, True, None)]), 1, False, True, size, False)
    info, times = probe(path), timestamps(path)
    counted, run = plan(len(times), frames, every, runs)
    if every is None and len(counted) < len(times):
        shown = frames_at(path, sorted({*counted, *run}), times, luma)
    else:
        shown = read_frames(path, every or 1, also=frozenset(run), luma=luma)
    wanted = set(counted) if every is None else None
    return Source(
        _marked(shown, wanted if wanted is not None else range(0, 2**62, every or 1), run),
        len(counted),
        len(counted) < len(times),
        False,
        coded_bits(path, info.width * info.height, float(info.rate)),
        info.codec == "gif",
    )


def plan(count: int, frames: int, every: int | None, runs: bool) -> tuple[Sequence[int], dict[int, int]]:
    """Which of ``count`` frames are counted, and which belong to a run: frame number to run number.

    The middles of ``frames`` equal parts are counted, as :func:`datasets.video.spread` takes them, or every n-th.
    Runs begin at counted frames, spread evenly, and never run into each other.
    """
    counted: Sequence[int]
    if every is not None:
        counted = range(0, count, every)
    elif frames >= count:
        counted = range(count)
    else:
        counted = np.unique(((np.arange(frames) + 0.5) * count / frames).astype(int)).tolist()
    if not runs or count < 2:
        return counted, {}
    number = min(RUNS, len(counted))
    starts = [counted[int((i + 0.5) * len(counted) / number)] for i in range(number)]
    run: dict[int, int] = {}
    for i, start in enumerate(starts):
        # A run that the clip's end would cut short is moved back where that leaves it whole.
        first = max(0, min(start, count - RUN_LENGTH)) if len(counted) == count else start
        end = min(first + RUN_LENGTH, count, *starts[i + 1 : i + 2])
        run |= {index: i for index in range(first, end) if index not in run}
    return counted, run


def _marked(frames: Iterator[Frame], counted: Sequence[int] | set[int], run: dict[int, int]) -> Iterator[Looked]:
    order = -1
    for frame in frames:
        counts = frame.index in counted
        order += counts
        yield Looked(frame, order, counts, run.get(frame.index))


def coded_bits(path: Path, pixels: int, rate: float) -> float | None:
    """Coded bits a pixel and frame, by the stream's own rate, or the whole file's where a stream has none."""
    from datasets.video import open_container

    with open_container(path) as container:
        bits = container.streams.video[0].bit_rate or container.bit_rate
    return float(bits) / rate / pixels if bits and rate > 0 and pixels else None


def _picture_bits(path: Path, count: int) -> float | None:
    head = path.read_bytes()[:30]
    width, height = (1 + int.from_bytes(head[i : i + 3], "little") for i in (24, 27))
    return path.stat().st_size * 8 / (count * width * height)


def webp_times(path: Path) -> np.ndarray | None:
    """Times of an animated WebP's frames, float64 seconds (N,), from its chunks (RFC 9649); None where it is still."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if content[:4] != b"RIFF" or content[8:16] != b"WEBPVP8X" or not content[20] & ANIMATED:
        return None
    at, lasts = 12, []
    while at + CHUNK <= len(content):
        name, size = struct.unpack("<4sI", content[at : at + CHUNK])
        if name == b"ANMF" and size >= 16:
            lasts.append(int.from_bytes(content[at + CHUNK + 12 : at + CHUNK + 15], "little") / 1000)
        at += CHUNK + size + size % 2
    return np.concatenate([[0.0], np.cumsum(lasts)[:-1]]) if lasts else None


def _webp_frames(path: Path, times: np.ndarray, wanted: set[int]) -> Iterator[Frame]:
    """The wanted frames of an animated WebP, a few at a time; FFmpeg reads still ones only."""
    import cv2

    for start in range(0, len(times), WEBP_BLOCK):
        if not wanted.intersection(range(start, start + WEBP_BLOCK)):
            continue
        done, animation = cv2.imreadanimation(str(path), start, WEBP_BLOCK)
        if not done or not len(animation.frames):
            raise InputError(f"{path} is damaged near frame {start}.")
        for index, image in enumerate(animation.frames, start):
            if index in wanted:
                yield Frame(index, float(times[index]), cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2RGB))
