"""Clips to measure on: made from a public-domain portrait, repeated, or cut short without encoding them again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

RATE, SECONDS = 25, 10


def make_clip(path: Path, size: tuple[int, int] = (480, 480), seconds: float = SECONDS) -> None:
    """A clip of a public-domain portrait, moved a little, as high as the frame; ``size`` is (width, height)."""
    from skimage.data import astronaut

    from datasets.encode import ClipEncoder
    from datasets.video import Frame

    width, side = size
    portrait = cv2.resize(astronaut()[:400, 40:440], (side, side), interpolation=cv2.INTER_CUBIC)
    edges = width - side
    portrait = cv2.copyMakeBorder(portrait, 0, 0, edges // 2, edges - edges // 2, cv2.BORDER_REPLICATE)
    with ClipEncoder(path, size, Fraction(RATE)) as encoder:
        for index in range(round(seconds * RATE)):
            shift = np.array([[1, 0, 9 * np.sin(index / 12)], [0, 1, 6 * np.cos(index / 17)]], np.float32)
            image = cv2.warpAffine(portrait, shift, size, borderMode=cv2.BORDER_REFLECT)
            encoder.write(Frame(index, index / RATE, image))


def repeat(path: Path, times: int, output: Path, seconds: float = SECONDS) -> None:
    """The same clip over and over, its packets copied."""
    with av.open(str(output), "w") as out:
        stream = None
        offset = 0
        for _ in range(times):
            with av.open(str(path)) as source:
                template = source.streams.video[0]
                stream = stream or out.add_stream_from_template(template)
                for packet in source.demux(template):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    out.mux(packet)
                offset += round(seconds / float(template.time_base or 1))


def cut(path: Path, seconds: float, output: Path) -> int:
    """The first ``seconds`` of a clip without its sound, packets copied, so that no pixel changes; frames written.

    It ends a few frames earlier where the frames of that moment lean on later ones.
    """
    with av.open(str(path)) as source, av.open(str(output), "w") as out:
        template = source.streams.video[0]
        packets = [packet for packet in source.demux(template) if packet.pts is not None and packet.dts is not None]
        times = np.array([packet.pts for packet in packets])
        end = times.min() + seconds / float(template.time_base or 1)
        # A run of packets can stand alone when nothing that is shown before its last frame is missing from it.
        ranks = np.maximum.accumulate(np.argsort(np.argsort(times)))
        closed = np.flatnonzero((ranks == np.arange(len(times))) & (np.maximum.accumulate(times) < end))
        kept = int(closed[-1]) + 1 if len(closed) else len(packets)
        stream = out.add_stream_from_template(template)
        for packet in packets[:kept]:
            packet.stream = stream
            out.mux(packet)
    return kept
