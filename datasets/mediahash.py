"""A checksum of what a video holds: its packets, without the container around them and without Credentials.

Signing the same pictures twice gives two files that differ (a signature holds a random number and a time), and the
container may hold random ids too. The packets are the same whenever the same pictures were encoded the same way, so a
build that is done again can be compared with the first, and a file whose pictures were changed shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import InputError
from datasets.video import open_container


@dataclass(frozen=True)
class Contents:
    """What the packets of a video add up to.

    Attributes:
        sha256: over kind, time and bytes of every packet of every stream, hex.
        bytes: of all packets.
        frames: packets of the first video stream.
    """

    sha256: str
    bytes: int
    frames: int


def contents(path: Path) -> Contents:
    """Read every packet of a video, decoding none.

    Raises:
        InputError: the file is missing, no video, or breaks off.
    """
    import av

    digest, size, frames = hashlib.sha256(), 0, 0
    with open_container(path) as container:
        first = container.streams.video[0].index
        try:
            for packet in container.demux():
                if not packet.size:
                    continue
                digest.update(f"{packet.stream.type} {packet.stream.index} {packet.pts} {packet.size}\n".encode())
                digest.update(bytes(packet))
                size += packet.size
                frames += packet.stream.index == first
        except av.error.FFmpegError as error:
            raise InputError(f"{path} is damaged.") from error
    return Contents(digest.hexdigest(), size, frames)


def tensors_hash(folder: Path) -> str:
    """SHA-256, hex, of the tensors of a checkpoint, whatever its card says of times and figures.

    Raises:
        InputError: there are no weights, or they can't be read.
    """
    from safetensors import SafetensorError, safe_open

    from datasets.checkpoint import WEIGHTS

    file, digest = Path(folder) / WEIGHTS, hashlib.sha256()
    try:
        with safe_open(str(file), framework="pt") as opened:
            for name in sorted(opened.keys()):
                tensor = opened.get_tensor(name).contiguous()
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
                digest.update(tensor.view(-1).view(_bytes_type()).numpy().tobytes() if tensor.numel() else b"")
    except (OSError, SafetensorError) as error:
        raise InputError(f"{file} holds no weights that can be read.") from error
    return digest.hexdigest()


def _bytes_type() -> object:
    import torch

    return torch.uint8
