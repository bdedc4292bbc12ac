"""Which files can hold Content Credentials, and how the signing library is set for all that is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n": "image/png",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
# Above 4 MB, intermediates of the library go to the disk and not into memory.
LIBRARY_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"backing_store_memory_threshold_in_mb": 4},
}


def media_type(path: Path) -> str | None:
    """The MIME type by the file's first bytes (names can lie), or None where it is no container of Credentials."""
    with Path(path).open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI "):
        return "image/webp" if head[8:12] == b"WEBP" else "video/avi"
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    return None
