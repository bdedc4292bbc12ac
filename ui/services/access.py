"""What the dashboard may read and keep: allowed folders, uploads that were looked at first, and a quota."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from datasets.atomic import disk_error, remove
from datasets.errors import InputError, Refused
from ui.services.workspaces import wanted
from ui.settings import studio_home, studio_settings

LONGEST_NAME = 80
DEEPEST = 3
CHUNK = 1 << 20
MEGA = 1_000_000
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SUFFIXES = VIDEO_SUFFIXES + PICTURE_SUFFIXES


@dataclass(frozen=True)
class Looked:
    """What a look at a file from outside found.

    Attributes:
        path: the file.
        kind: ``video`` or ``picture``.
        width, height: pixels, upright.
        duration: seconds; 0 for a picture.
        frames: how many; 1 for a picture.
        rate: frames a second; 0 for a picture.
        codec: its name.
        sound: whether there is some.
    """

    path: Path
    kind: str
    width: int
    height: int
    duration: float
    frames: int
    rate: float
    codec: str
    sound: bool


def allowed_folders() -> list[Path]:
    """Folders that pages may read from: the studio's own, the one it was started in, those of the settings.

    The one it was started in is left out where others reach the studio; a workspace that was named is always in.
    """
    from datasets.samples import sample_folder

    settings = studio_settings()
    given = [studio_home(), sample_folder(), *settings.folders]
    if not settings.public:
        given.append(Path.cwd())
    if named := wanted(sys.argv[1:]):
        given.append(Path(named))
    return list(dict.fromkeys(folder.expanduser().resolve() for folder in given))


def allowed(path: str | Path) -> Path:
    """A path that someone typed, resolved.

    Raises:
        InputError: it is not there, or no path at all.
        Refused: it lies outside the allowed folders, links followed; whether it exists is not told.
    """
    try:
        whole = Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError("This is no path that can be read.") from error
    if not any(whole.is_relative_to(folder) for folder in allowed_folders()):
        raise Refused(
            f"{path} lies outside the folders that this studio may read; add its folder to `folders` in studio.toml."
        )
    if not whole.exists():
        raise InputError(f"There is no {path}.")
    return whole


def files_below(folders: Iterable[Path], name: str) -> Iterator[Path]:
    """Files of that name (a pattern) in some folders and up to three levels below, those in hidden folders left out."""
    for folder in folders:
        for depth in range(DEEPEST + 1):
            for file in Path(folder).glob("/".join(["*"] * depth + [name])):
                if not any(part.startswith(".") for part in file.relative_to(folder).parts):
                    yield file


def safe_name(name: str) -> str:
    """A file name that is only a name: no folders, no hidden file, letters, digits, and ``-_.`` alone."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFKC", name))[-1].lstrip(".")
    stem, dot, suffix = last.rpartition(".")
    if not dot:
        stem, suffix = last, ""
    stem = re.sub(r"[^\w-]+", "_", stem).strip("_-.")[:LONGEST_NAME] or "file"
    suffix = re.sub(r"\W", "", suffix).lower()[:8]
    return f"{stem}.{suffix}" if suffix else stem


def used_bytes() -> int:
    """How much the studio's own folder holds."""
    total = 0
    for folder, _, files in os.walk(studio_home()):
        for name in files:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:
                continue  # gone since
    return total


def require_room(wanted: int = 0) -> None:
    """Raise InputError when the quota, or the disk, has no room for so many bytes more."""
    import shutil

    quota, used = studio_settings().quota_gb * 1e9, used_bytes()
    if used + wanted > quota:
        raise InputError(
            f"The studio's folder {studio_home()} may hold {quota / 1e9:g} GB and holds {used / 1e9:.1f} GB; delete "
            "old uploads or workspaces in it, or raise `quota_gb` in studio.toml."
        )
    if shutil.disk_usage(studio_home()).free < wanted + 200 * MEGA:
        raise InputError("The disk has no room for this; free some space and try again.")


def keep_upload(name: str, content: IO[bytes], kinds: tuple[str, ...] = ("video", "picture")) -> Looked:
    """Keep an upload in a folder of its own, after a look at it in a process with limits; refused, nothing is kept.

    Args:
        name: as the browser said it; only its safe part is used.
        content: the file.
        kinds: what is wanted: ``video``, ``picture`` or both.

    Raises:
        InputError: it is of a wrong kind, damaged, too large in any way, or there is no room.
    """
    clean = safe_name(name)
    if Path(clean).suffix not in SUFFIXES:
        raise InputError(f"{clean} is of no kind that is taken here: {', '.join(SUFFIXES)}.")
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    most = studio_settings().upload_mb
    if size > most * MEGA:
        raise InputError(f"{clean} is {size / MEGA:.0f} MB large, and {most} MB are taken at most.")
    require_room(size)
    folder = studio_home() / "uploads" / secrets.token_hex(8)
    path = folder / clean
    try:
        folder.mkdir(parents=True)
        with path.open("xb") as out:
            while chunk := content.read(CHUNK):
                out.write(chunk)
        return look_at(path, kinds)
    except OSError as error:
        remove(folder)
        raise disk_error(error, path) or error from error
    except BaseException:
        remove(folder)
        raise


def drop_upload(path: Path) -> None:
    """Delete an upload that is needed no more; any other file is left alone."""
    folder = path.resolve().parent
    if folder.parent == (studio_home() / "uploads").resolve():
        remove(folder)


def look_at(path: Path, kinds: tuple[str, ...] = ("video", "picture")) -> Looked:
    """Look at a file from outside, in a process of its own with limits on time, memory, length and pixels.

    Raises:
        InputError: it is none of the wanted kinds, damaged, or too large in any way; one sentence.
    """
    limits = studio_settings()
    asked = {
        "path": str(path),
        "kinds": list(kinds),
        "longest": limits.longest_minutes * 60,
        "pixels": limits.largest_megapixels * 1e6,
        "seconds": limits.probe_seconds,
        "memory": limits.probe_memory_mb * MEGA,
    }
    name = path.name
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ui.services.probing"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=limits.probe_seconds + 10,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{name} takes too long to read; it is not taken in.") from error
    answer = _answer(done.stdout)
    if answer is None:
        raise InputError(f"{name} cannot be read within the limits on time and memory; it is not taken in.")
    if "error" in answer:
        raise InputError(str(answer["error"]).replace(str(path), name))
    return Looked(path, **answer)


def _answer(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text.splitlines()[-1])
    except (ValueError, IndexError):
        return None
    return found if isinstance(found, dict) else None
