"""Encoding frames to a file: H.264 for people, FFV1 where every value must come back as it was.

Nothing here marks anything. Pictures with a synthetic face go through ``datasets.provenance.writer`` only, which
uses this and marks them; a test holds that.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np

from datasets.atomic import disk_error
from datasets.errors import InputError
from datasets.video import BT709, ClipInfo, Frame, open_container

MOV_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
MP4_AUDIO = MOV_AUDIO | {"opus", "flac"}
AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
DEFAULT_CRF = 18


class ClipEncoder:
    """Write frames to a video with the timestamps they carry, and the sound of another clip beside them.

    Frames may have an uneven rate; an odd width or height is kept (as 4:4:4, since 4:2:0 can't hold it).
    Memory does not grow: sound is copied, packet by packet, up to the time of the frame just written.

    Args:
        path: where to write; the caller renames (see :func:`datasets.atomic.replacing`).
        size: (width, height), pixels.
        rate: nominal frames a second, for the rate control and the container.
        time_base: unit of the timestamps, seconds.
        sound: a clip whose first audio stream is carried over, or None.
        codec: ``libx264``, or ``ffv1`` (lossless; grey when ``grey`` is set).
        crf: H.264 quality, 0 to 51, lower is better.
        preset: libx264's speed against size.
        grey: frames are HxW, one channel.
        name: what messages call the file when ``path`` is a temporary name.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction = Fraction(25),
        time_base: Fraction | None = None,
        sound: Path | None = None,
        codec: str = "libx264",
        crf: int = DEFAULT_CRF,
        preset: str = "veryfast",
        grey: bool = False,
        name: Path | None = None,
    ) -> None:
        self.path, self.size, self.notes = Path(name or path), size, list[str]()
        self.time_base = Fraction(time_base or 1 / rate)
        if self.time_base.numerator != 1 or self.time_base.denominator > 1_000_000:
            self.time_base = Fraction(1, 90_000)
        self.last_tick: int | None = None
        self.grey = grey
        try:
            self.container = av.open(str(path), "w", options={"movflags": "+faststart"} if codec == "libx264" else {})
        except OSError as error:
            raise disk_error(error, self.path) or error from error
        stream: Any = self.container.add_stream(codec, rate=rate.limit_denominator(60_000))
        stream.width, stream.height = size
        context = stream.codec_context
        context.time_base = self.time_base
        context.thread_count = 2
        if codec == "libx264":
            even = size[0] % 2 == 0 and size[1] % 2 == 0
            stream.pix_fmt = "yuv420p" if even else "yuv444p"
            stream.options = {"crf": str(crf), "preset": preset}
            context.color_primaries = context.color_trc = context.colorspace = BT709
            context.color_range = 1
        else:
            stream.pix_fmt = "gray" if grey else "bgr0"
        self.stream = stream
        self.sound = _Sound(sound, self.container, Path(path).suffix.lower(), self.notes) if sound else None

    def write(self, frame: Frame) -> None:
        """Append one frame; its time must be later than the last one's."""
        image = frame.image
        if image.shape[1::-1] != self.size:
            raise ValueError(f"frame of {image.shape[1::-1]} in a clip of {self.size}")
        if self.grey:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
        else:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            if self.stream.pix_fmt.startswith("yuv"):
                picture = picture.reformat(format=self.stream.pix_fmt, src_colorspace=BT709, dst_colorspace=BT709)
        tick = round(frame.time / float(self.time_base))
        if self.last_tick is not None and tick <= self.last_tick:
            tick = self.last_tick + 1
        self.last_tick = tick
        picture.pts, picture.time_base = tick, self.time_base
        self._mux(self.stream.encode(picture))
        if self.sound:
            self._mux(self.sound.until(frame.time))

    def _mux(self, packets: Any) -> None:
        try:
            self.container.mux(packets)
        except OSError as error:
            raise disk_error(error, self.path) or error from error

    def close(self) -> None:
        """Flush what is left and finish the file."""
        self._mux(self.stream.encode(None))
        if self.sound:
            self._mux(self.sound.until(float("inf")))
        try:
            self.container.close()
        except OSError as error:
            raise disk_error(error, self.path) or error from error
        finally:
            if self.sound:
                self.sound.close()

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        with contextlib.suppress(Exception):  # the file is thrown away; only the handle matters
            self.container.close()
        if self.sound:
            self.sound.close()

    def __enter__(self) -> ClipEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()


class _Sound:
    """The audio packets of a clip, handed out in time order; transcoded to AAC where the file can't hold the codec."""

    def __init__(self, path: Path, output: Any, suffix: str, notes: list[str]) -> None:
        self.path, self.input = path, open_container(path)
        self.packets: Iterator[Any] = iter(())
        self.held: Any = None
        if not self.input.streams.audio:
            self.mode = "none"
            return
        stream = self.input.streams.audio[0]
        codec = stream.codec_context.codec.canonical_name
        if codec in (MOV_AUDIO if suffix == ".mov" else MP4_AUDIO):
            self.mode = "copy"
            self.output: Any = output.add_stream_from_template(stream)
        else:
            self.mode = "aac"
            self.output = output.add_stream("aac", rate=stream.rate if stream.rate in AAC_RATES else 48_000)
            notes.append(f"The sound was {codec}: it was encoded as AAC, which players of {suffix} files read.")
        self.packets = self._make(stream)

    def _make(self, stream: Any) -> Iterator[Any]:
        try:
            if self.mode == "copy":
                for packet in self.input.demux(stream):
                    if packet.dts is not None:
                        packet.stream = self.output
                        yield packet
                return
            resampler = av.AudioResampler(format="fltp", rate=self.output.rate, layout="stereo")
            for picture in itertools.chain(self.input.decode(stream), [None]):
                for piece in resampler.resample(picture):
                    yield from self.output.encode(piece)
            yield from self.output.encode(None)
        except av.error.InvalidDataError as error:
            raise InputError(f"The sound of {self.path} is damaged.") from error

    def until(self, time: float) -> Iterator[Any]:
        while True:
            packet = self.held or next(self.packets, None)
            self.held = None
            if packet is None:
                return
            if packet.pts is not None and float(packet.pts * packet.time_base) > time:
                self.held = packet
                return
            yield packet

    def close(self) -> None:
        self.input.close()


def encoder_like(path: Path, info: ClipInfo, sound: bool = True, **options: Any) -> ClipEncoder:
    """An encoder with the size, rate, time base and (when ``sound``) the audio of another clip."""
    return ClipEncoder(
        path,
        (info.width, info.height),
        info.rate,
        info.time_base,
        sound=info.path if sound and info.has_audio else None,
        **options,
    )
