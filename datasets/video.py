"""Reading and writing video: frames with the container's own timestamps, in memory that does not grow.

Images are RGB ``uint8`` arrays HxWx3, upright (the container's rotation is applied). Time is seconds from the
container's timestamps, never ``index / fps``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from datasets.errors import InputError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
UNSPECIFIED, BT709, BT601 = 2, 1, 5
HD_LINES = 720
DECODER_THREADS = 2
LUMA_FIRST = frozenset({"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12"})
FULL_RANGE = 2
BLACK, WHITE = 16, 235
# Seconds: shorter gaps between wanted frames are decoded through.
SEEK_FROM = 0.5
# How much earlier than its time a frame may come, in ticks of the clip.
TOLERANCE = 0.75


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    Attributes:
        index: position in presentation order, from 0.
        time: presentation time in seconds.
        image: uint8 RGB, HxWx3, upright.
    """

    index: int
    time: float
    image: np.ndarray


@dataclass(frozen=True)
class ClipInfo:
    """What a container says of itself.

    Attributes:
        width, height: of the upright picture, pixels.
        rotation: degrees (0, 90, 180, 270) that the reader turns the coded picture by.
        rate: average frames a second.
        time_base: unit of the container's timestamps, seconds.
        duration: seconds, 0.0 when the container does not say.
        frames: number of frames by the container's count, or an estimate from duration and rate.
        has_audio: whether an audio stream is there.
    """

    path: Path
    width: int
    height: int
    rotation: int
    rate: Fraction
    time_base: Fraction
    duration: float
    frames: int
    has_audio: bool
    codec: str


def is_picture(path: Path) -> bool:
    """Whether the name says that this is a still picture."""
    return path.suffix.lower() in PICTURES


def open_container(path: Path) -> Any:
    """Open a video for reading; the caller closes it. Raises InputError with a sentence for a person."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a video file is needed.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is an empty file.")
    try:
        container = av.open(str(path))
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: permission denied.") from error
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise InputError(f"{path} is not a video that can be read, or it is cut off before its index.") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} has no video stream.")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        container.close()
        raise InputError(f"{path} is cut off before its pictures, or they are coded in a way that is not known here.")
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = DECODER_THREADS
    return container


def probe(path: Path) -> ClipInfo:
    """Describe a clip, and make sure that it can be decoded and is whole.

    Decodes one frame and looks at the last packets; the time it takes does not grow with the clip's length.

    Raises:
        InputError: missing, not a video, without frames, or cut off.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = container.streams.video[0]
        try:
            first = next(container.decode(stream), None)
        except av.error.FFmpegError as error:
            raise InputError(f"{path} is damaged: its first frame cannot be decoded.") from error
        if first is None:
            raise InputError(f"{path} holds no frames.")
        rotation = int(round(first.rotation / 90) * 90) % 360
        width, height = first.width, first.height
        if rotation in (90, 270):
            width, height = height, width
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        duration = _duration(container, stream)
        frames = stream.frames or round(duration * rate) or 1
        _check_tail(path, container, stream, duration, rate)
        return ClipInfo(
            path=path,
            width=width,
            height=height,
            rotation=rotation,
            rate=rate,
            time_base=Fraction(stream.time_base),
            duration=duration,
            frames=int(frames),
            has_audio=bool(container.streams.audio),
            codec=stream.codec_context.name,
        )


def _duration(container: Any, stream: Any) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / av.time_base
    return 0.0


def _check_tail(path: Path, container: Any, stream: Any, duration: float, rate: Fraction) -> None:
    """Raise InputError when the packets end well before the duration that the index declares."""
    if not stream.duration or duration < 0.5:
        return
    start = stream.start_time or 0
    last = None
    try:
        container.seek(start + int(stream.duration * 0.98), stream=stream)
        for packet in container.demux(stream):
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                last = end if last is None else max(last, end)
    except av.error.FFmpegError:
        last = None
    allowed = max(0.5, 3.0 / float(rate))
    if last is None or float((last - start) * stream.time_base) < duration - allowed:
        found = 0.0 if last is None else float((last - start) * stream.time_base)
        raise InputError(f"{path} is cut off: its index promises {duration:.1f} s, its data ends near {found:.1f} s.")


def to_rgb(picture: Any) -> np.ndarray:
    """A decoded ``av.VideoFrame`` as upright uint8 RGB HxWx3, by the colour matrix it declares.

    Untagged pictures are taken as BT.709 from 720 lines up and BT.601 below, as players do.
    """
    matrix = picture.colorspace
    if matrix == UNSPECIFIED:
        matrix = BT709 if min(picture.width, picture.height) >= HD_LINES else BT601
    image = picture.to_ndarray(format="rgb24", src_colorspace=matrix, dst_colorspace=matrix)
    return _upright(image, picture)


def _everyone(index: int) -> bool:
    return True


def _decoded(
    path: Path,
    convert: Callable[[Any], np.ndarray],
    wanted: Callable[[int], bool] = _everyone,
    keys_only: bool = False,
    luma: LumaSeen | None = None,
) -> Iterator[tuple[int, float, np.ndarray, bool]]:
    """Number, time in seconds, converted picture and whether it is a key frame, of every frame whose number is wanted.

    Raises:
        InputError: the file can't be opened, holds no frame, or breaks off while decoding.
    """
    index = -1
    with open_container(path) as container:
        stream = container.streams.video[0]
        if keys_only:
            stream.codec_context.skip_frame = "NONKEY"
        try:
            for index, picture in enumerate(container.decode(stream)):
                if luma is not None:
                    _show(picture, _seconds(picture, stream, index), luma)
                if wanted(index):
                    yield index, _seconds(picture, stream, index), convert(picture), bool(picture.key_frame)
        except av.error.FFmpegError as error:
            broken = InputError(f"{path} is damaged after frame {index}.")
            if luma is not None:
                luma.ended(broken)
            raise broken from error
    if index < 0:
        raise InputError(f"{path} holds no frames.")
    if luma is not None:
        luma.ended(None)


class LumaSeen(Protocol):
    """Someone who is shown every frame of a clip while another reads it."""

    def __call__(self, luma: np.ndarray, time: float, is_key: bool) -> None:
        """Take a frame's luma (uint8 HxW in full range, upright, valid during the call alone)."""

    def ended(self, error: InputError | None) -> None:
        """There are no more, or the clip breaks off here."""


def read_frames(
    path: Path,
    every: int = 1,
    start: int = 0,
    also: Container[int] = frozenset[int](),
    luma: LumaSeen | None = None,
) -> Iterator[Frame]:
    """Yield every ``every``-th frame from frame number ``start`` on, and those of ``also``, in presentation order.

    Args:
        luma: is shown every frame on the way, also those that are not wanted.

    Raises:
        InputError: the file can't be opened, holds no frame, or breaks off while decoding.
    """

    def wanted(index: int) -> bool:
        return (index >= start and (index - start) % every == 0) or index in also

    for index, time, image, _ in _decoded(path, to_rgb, wanted, luma=luma):
        yield Frame(index, time, image)


def read_grey(path: Path, keys_only: bool = False) -> Iterator[tuple[np.ndarray, float, bool]]:
    """Yield every frame's luma, uint8 HxW in full range and upright, its time, and whether it is a key frame.

    Args:
        keys_only: decode the key frames alone, some hundred times faster on a long clip.

    Raises:
        InputError: the file can't be opened, holds no frame, or breaks off while decoding.
    """
    for _, time, grey, is_key in _decoded(path, lambda picture: _upright(_luma(picture), picture), keys_only=keys_only):
        yield grey, time, is_key


def _upright(image: np.ndarray, picture: Any) -> np.ndarray:
    """A decoded picture's array, turned by the rotation that its container states."""
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _luma(picture: Any) -> np.ndarray:
    """The luma plane in full range, uint8 HxW; converted by the library where there is no such plane."""
    import cv2

    if picture.format.name not in LUMA_FIRST:
        return picture.to_ndarray(format="gray")
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    grey = rows[: picture.height, : picture.width]
    if picture.format.name.startswith("yuvj") or picture.color_range == FULL_RANGE:
        return grey
    # In the limited range 16 is black and 235 white (BT.601).
    return cv2.convertScaleAbs(cv2.subtract(grey, BLACK), alpha=255 / (WHITE - BLACK))  # type: ignore[call-overload]


def _seconds(picture: Any, stream: Any, index: int) -> float:
    if picture.pts is None:
        return index / float(stream.average_rate or 25)
    return float(picture.pts * picture.time_base)


def timestamps(path: Path) -> np.ndarray:
    """Presentation times of all frames, float64 seconds (N,), ascending; read from the packets, without decoding."""
    with open_container(path) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        try:
            # Packets that an edit list cuts off are marked; the decoder gives no frame for them.
            ticks = [p.pts for p in container.demux(stream) if p.pts is not None and not p.is_discard]
        except av.error.FFmpegError as error:
            raise InputError(f"{path} is damaged.") from error
    if not ticks:
        raise InputError(f"{path} holds no frames.")
    return np.sort(np.asarray(ticks, dtype=np.float64)) * float(base)


def key_times(path: Path) -> tuple[float, float, int]:
    """The first and the last packet's time in seconds, and how many key frames there are; without decoding.

    A damaged end is left out; both times are 0.0 where the container has none.
    """
    first, last, count = math.inf, -math.inf, 0
    with open_container(path) as container, suppress(av.error.FFmpegError):
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            count += packet.is_keyframe and packet.size > 0
            ticks = packet.dts if packet.pts is None else packet.pts
            if ticks is not None:
                time = float(ticks * stream.time_base)
                first, last = min(first, time), max(last, time)
    return (first, last, count) if first <= last else (0.0, 0.0, count)


def spread(path: Path, count: int) -> Iterator[Frame]:
    """Yield ``count`` frames spread evenly over the clip (all of them when it has fewer), by seeking.

    Every frame carries its true index. The middle of each of ``count`` equal parts is taken.
    """
    times = timestamps(path)
    wanted = np.unique(((np.arange(count) + 0.5) * len(times) / count).astype(int)) if count < len(times) else None
    if wanted is None:
        yield from read_frames(path)
        return
    yield from frames_at(path, wanted.tolist(), times)


def frames_at(
    path: Path, indices: Iterable[int], times: np.ndarray | None = None, luma: LumaSeen | None = None
) -> Iterator[Frame]:
    """Yield the frames with these ascending indices; gaps that hold a key frame are crossed by seeking.

    Args:
        times: what :func:`timestamps` says of the clip, if it is known already.
        luma: is shown every frame of the clip, which is then decoded whole; where that breaks off, the rest of the
            wanted frames are sought.
    """
    times = timestamps(path) if times is None else times
    if luma is None:
        yield from _sought(path, indices, times)
        return
    wanted, given = list(indices), 0
    try:
        for frame in _on_the_way(path, wanted, times, luma):
            given += 1
            yield frame
        luma.ended(None)
    except InputError as error:
        luma.ended(error)
        yield from _sought(path, wanted[given:], times)


def _sought(path: Path, indices: Iterable[int], times: np.ndarray) -> Iterator[Frame]:
    with open_container(path) as container:
        stream = container.streams.video[0]
        base = float(stream.time_base)
        # Where a container has no index, a long gap is worth a try.
        keys = [entry.timestamp * base for entry in stream.index_entries if entry.is_keyframe]
        pictures: Iterator[Any] = iter(())
        at, target = -np.inf, 0.0
        try:
            for index in indices:
                target = float(times[index])
                if at == -np.inf or (target - at > SEEK_FROM and (not keys or _between(keys, at, target))):
                    container.seek(round(target / base), stream=stream, backward=True)
                    pictures = container.decode(stream)
                for picture in pictures:
                    at = _seconds(picture, stream, index)
                    if at >= target - TOLERANCE * base:
                        yield Frame(index, at, to_rgb(picture))
                        break
        except av.error.FFmpegError as error:
            raise InputError(f"{path} is damaged near {max(at, target):.1f} s.") from error


def _on_the_way(path: Path, indices: Sequence[int], times: np.ndarray, luma: LumaSeen) -> Iterator[Frame]:
    at, wanted = 0.0, iter(indices)
    index = next(wanted, None)
    with open_container(path) as container:
        stream = container.streams.video[0]
        near = TOLERANCE * float(stream.time_base)
        try:
            for number, picture in enumerate(container.decode(stream)):
                at = _seconds(picture, stream, number)
                _show(picture, at, luma)
                if index is not None and at >= times[index] - near:
                    yield Frame(index, at, to_rgb(picture))
                    index = next(wanted, None)
        except av.error.FFmpegError as error:
            raise InputError(f"{path} is damaged near {at:.1f} s.") from error


def _show(picture: Any, time: float, luma: LumaSeen) -> None:
    luma(_upright(_luma(picture), picture), time, bool(picture.key_frame))


def _between(keys: Sequence[float], after: float, until: float) -> bool:
    """Whether one of these ascending times lies after the one and not after the other."""
    following = bisect_right(keys, after)
    return following < len(keys) and keys[following] <= until


def read_picture(path: Path) -> np.ndarray:
    """A still picture as uint8 RGB HxWx3, its EXIF orientation applied. Raises InputError."""
    import cv2

    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if image is None:
        raise InputError(f"{path} is not a picture that can be read.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
