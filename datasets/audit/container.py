"""What a file says before a picture is decoded: its headers, which must be equal, and what its packets measure.

*Headers* are what the path decides: codec, profile, sizes, times, tags, the encoder's own settings, the boxes. They
are compared field by field; one field that differs within a pair is a leak, for which no statistics are needed.

*Packets* are what the pictures cost. That is content: the swap is part of it, and a smoother face costs fewer bits,
whatever the path. So they are no shortcut past the pixels, and the limit does not hold for them in pairs of a swap and
its original. It does hold where the swap is left out and both classes are the same pictures: then a difference could
only come from the path (another quality shows there first).

The *manifest* says by design which class a clip is of, and its size follows from what it says. It is kept out of both
and measured by :func:`manifest_size` alone: a set that is trained on is read without it, or exported with the manifests
beside the clips.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from datasets.video import open_container

CONTAINERS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta", b"meta"})
# A C2PA manifest store lies in a top-level uuid box of this type (C2PA 2.1, 11.3.3).
MANIFEST_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
# x264 writes its settings into the first packet, as text.
ENCODER_TEXT = re.compile(rb"x264 - core [\x20-\x7e]+")
PACKET_FIGURES = (
    *("log10 bits a second", "log10 bits of a frame, median", "log10 bits of a frame, spread", "largest to mean frame"),
    *(
        "key frames a second",
        "share of the bits in key frames",
        "frames shown out of order",
        "longest gap of key frames",
    ),
)


def boxes(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """The boxes of an ISO base media file (ISO/IEC 14496-12) in order: (path of types, bytes, first 16 of its content).

    A file of another kind has none.
    """
    with Path(path).open("rb") as file:
        end = file.seek(0, 2)
        yield from _boxes(file, 0, end, "")


def _boxes(file: Any, start: int, end: int, within: str) -> Iterator[tuple[str, int, bytes]]:
    at = start
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        size, kind, skip = int.from_bytes(head[:4]), head[4:8], 8
        if size == 1:
            size, skip = int.from_bytes(head[8:16]), 16
        size = end - at if size == 0 else size
        if size < skip or at + size > end or not kind.isalnum():
            return
        file.seek(at + skip)
        name = f"{within}/{kind.decode('ascii')}"
        yield name, size, file.read(16)
        if kind in CONTAINERS:
            # ``meta`` begins with a version and flags.
            yield from _boxes(file, at + skip + (4 if kind == b"meta" else 0), at + size, name)
        at += size


def manifest_size(path: Path) -> int:
    """Bytes of the Content Credentials inside an mp4, 0 without any."""
    return sum(size for name, size, head in boxes(path) if name == "/uuid" and head == MANIFEST_UUID)


def headers(path: Path) -> dict[str, str]:
    """All that a container and its streams say of themselves but for the pictures' sizes, as text by field.

    Raises InputError when the file cannot be read.
    """
    said: dict[str, str] = {"credentials": str(manifest_size(path) > 0)}
    said["boxes"] = " ".join(name for name, _, head in boxes(path) if head != MANIFEST_UUID)
    with open_container(path) as container:
        said["format"] = container.format.name
        said["container tags"] = _table(container.metadata)
        said["container start"] = str(container.start_time)
        for stream in container.streams:
            about, codec = f"stream {stream.index} ", stream.codec_context
            said[about + "kind"] = f"{stream.type} {codec.name} {codec.profile} tag {codec.codec_tag}"
            said[about + "tags"] = _table(stream.metadata)
            said[about + "times"] = f"{stream.time_base} {stream.start_time} {_frames_long(stream)} {stream.frames}"
            said[about + "set-up"] = _hash(codec.extradata)
            if stream.type == "video":
                said[about + "picture"] = f"{codec.width}x{codec.height} {codec.pix_fmt} {stream.sample_aspect_ratio}"
                said[about + "colours"] = (
                    f"{codec.colorspace} {codec.color_primaries} {codec.color_trc} {codec.color_range}"
                )
                said[about + "rate"] = f"{float(stream.average_rate or 0):.2f}"
            elif stream.type == "audio":
                said[about + "sound"] = f"{codec.sample_rate} {codec.layout.name} {codec.format.name}"
        video = container.streams.video[0]
        first = next((bytes(packet) for packet in container.demux(video) if packet.size), b"")
        told = ENCODER_TEXT.search(first)
        said["encoder"] = told.group().decode() if told else ""
    with open_container(path) as container:
        if container.streams.audio:
            digest = hashlib.sha256()
            for packet in container.demux(container.streams.audio[0]):
                digest.update(bytes(packet))
            said["sound"] = digest.hexdigest()[:16]
    return said


def _frames_long(stream: Any) -> str:
    """How long a stream is, in frames.

    Where the rate is uneven the last packet's duration depends on whether its frame came out of order, and that on the
    content; so less than a frame does not count.
    """
    if stream.type != "video" or not stream.duration or not stream.average_rate:
        return str(stream.duration)
    return str(round(float(stream.duration * stream.time_base * stream.average_rate)))


def _table(tags: Any) -> str:
    return "; ".join(f"{key}={value}" for key, value in sorted(dict(tags).items()))


def _hash(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()[:16]


def packet_figures(path: Path) -> np.ndarray:
    """What the pictures' packets measure, float64 (8,), see :data:`PACKET_FIGURES`.

    The bits include no byte of the container, so none of the manifest either.
    """
    with open_container(path) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size and p.pts is not None]
        base = float(stream.time_base)
        bits = np.array([8.0 * p.size for p in packets])
        key = np.array([p.is_keyframe for p in packets])
        shown = np.array([p.pts for p in packets], dtype=np.float64) * base
    length = max(np.ptp(shown) * len(bits) / max(1, len(bits) - 1), 1e-3)
    gaps = np.diff([*np.sort(shown[key]), shown.max()])
    logs = np.log10(bits)
    return np.array(
        [
            np.log10(bits.sum() / length),
            np.median(logs),
            logs.std(),
            bits.max() / bits.mean(),
            key.sum() / length,
            bits[key].sum() / bits.sum(),
            (shown < np.maximum.accumulate(shown)).mean(),
            gaps.max(),
        ]
    )


def differing(one: dict[str, str], other: dict[str, str]) -> tuple[str, ...]:
    """The fields in which the headers of two files differ, sorted."""
    return tuple(sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key)))


def header_columns(clips: list[dict[str, str]]) -> np.ndarray:
    """The headers of N clips as float64 (N, K): a column of 0 and 1 for each value that some, not all, clips have."""
    values = sorted({item for clip in clips for item in clip.items()})
    columns = np.array([[clip.get(key) == value for key, value in values] for clip in clips], dtype=np.float64)
    mean = columns.mean(0)
    return columns[:, (mean > 0) & (mean < 1)]
