"""The process that looks at a file from outside: ``python -m ui.services.probing``, one JSON in, one JSON out.

A file may be made to harm whoever decodes it. So its kind is told by its first bytes, never by its name alone, and
text formats that can name other files (playlists, lists of clips) are none of the kinds; the size is read before a
picture is decoded; the process has limits on time and memory, and writes nothing.
"""

from __future__ import annotations

import json
import math
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets.errors import CounterfaceError, InputError

LARGEST_SIDE = 8192
HEAD_BYTES = 64
VIDEO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def kind_of(head: bytes) -> str:
    """``video``, ``picture``, or empty, by the first bytes of a file."""
    if head[:3] == b"\xff\xd8\xff" or head[:8] == b"\x89PNG\r\n\x1a\n":
        return "picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "picture"
    if head[4:8] in VIDEO_BOXES or head[:4] == b"\x1aE\xdf\xa3" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "video"
    return ""


def limit(seconds: float, memory: float) -> None:
    """Hold this process to so many seconds of CPU and bytes of memory, and forbid it to write files."""
    whole = math.ceil(seconds)
    for what, most in (
        (resource.RLIMIT_CPU, whole),
        (resource.RLIMIT_AS, int(memory)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # where the system already holds it to less
            resource.setrlimit(what, (most, most))


def look(asked: dict[str, Any]) -> dict[str, Any]:
    """What is found in the file. Raises InputError, in one sentence for a person."""
    path = Path(asked["path"])
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD_BYTES))
    wanted = asked["kinds"]
    if kind not in wanted:
        words = {"video": "a video (MP4, MOV, MKV, WebM, AVI)", "picture": "a picture (JPEG, PNG, WebP)"}
        raise InputError(f"{path.name} is not {' or '.join(words[one] for one in wanted)}, whatever its name says.")
    return _picture(path, asked["pixels"]) if kind == "picture" else _video(path, asked["pixels"], asked["longest"])


def _picture(path: Path, most: float) -> dict[str, Any]:
    width, height = picture_size(path)
    _check_size(path, width, height, most)
    from datasets.video import read_picture

    image = read_picture(path)
    return _found("picture", image.shape[1], image.shape[0], codec=path.suffix[1:].lower(), frames=1)


def _video(path: Path, most: float, longest: float) -> dict[str, Any]:
    from datasets.video import open_container, probe

    with open_container(path) as container:
        context = container.streams.video[0].codec_context
        _check_size(path, context.width, context.height, most)
        declared = (container.duration or 0) / 1e6
    if declared > longest:
        raise InputError(
            f"{path.name} is {declared / 60:.0f} minutes long, and {longest / 60:g} minutes are taken at most."
        )
    info = probe(path)
    _check_size(path, info.width, info.height, most)
    if info.duration > longest:
        raise InputError(f"{path.name} is longer than the {longest / 60:g} minutes that are taken at most.")
    found = _found("video", info.width, info.height, codec=info.codec, frames=info.frames)
    return {**found, "duration": info.duration, "rate": float(info.rate), "sound": info.has_audio}


def _found(kind: str, width: int, height: int, codec: str, frames: int) -> dict[str, Any]:
    about = {"kind": kind, "width": width, "height": height, "codec": codec, "frames": frames}
    return {**about, "duration": 0.0, "rate": 0.0, "sound": False}


def _check_size(path: Path, width: int, height: int, most: float) -> None:
    if width < 1 or height < 1:
        raise InputError(f"{path.name} does not say how large its picture is.")
    if width * height > most or max(width, height) > LARGEST_SIDE:
        raise InputError(
            f"{path.name} is {width} x {height} pixels; at most {most / 1e6:g} million, and {LARGEST_SIDE} a side, are "
            "taken."
        )


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height that a JPEG, PNG or WebP declares, pixels, without decoding it; (0, 0) where it does not."""
    with path.open("rb") as file:
        head = file.read(32)
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return struct.unpack(">II", head[16:24]) if len(head) >= 24 else (0, 0)  # type: ignore[return-value]
        if head[:4] == b"RIFF":
            return _webp_size(head)
        file.seek(2)
        return _jpeg_size(file)


def _webp_size(head: bytes) -> tuple[int, int]:
    if len(head) < 30:
        return 0, 0
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _jpeg_size(file: Any) -> tuple[int, int]:
    while (mark := file.read(2)) and len(mark) == 2 and mark[0] == 0xFF:
        if mark[1] == 0xFF:
            file.seek(-1, 1)
            continue
        size = int.from_bytes(file.read(2), "big")
        if 0xC0 <= mark[1] <= 0xCF and mark[1] not in (0xC4, 0xC8, 0xCC):
            held = file.read(5)
            return int.from_bytes(held[3:5], "big"), int.from_bytes(held[1:3], "big")
        if size < 2:
            break
        file.seek(size - 2, 1)
    return 0, 0


def main() -> int:
    """Answer one question from standard input; returns the exit code."""
    asked = json.loads(sys.stdin.read())
    limit(asked["seconds"], asked["memory"])
    try:
        answer = look(asked)
    except CounterfaceError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": f"{Path(asked['path']).name} needs more memory than a file from outside is given."}
    except Exception as error:
        answer = {"error": f"{Path(asked['path']).name} cannot be read ({type(error).__name__})."}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
