"""Scores that were made once are kept: JSON lines under keys that say what each was made of.

A key holds hashes of contents and settings, and no path, so that the same bytes under another name are the same clip,
and whatever changes a score asks for a new one. Lines are appended whole, by several processes too; a kill loses the
line that was being written and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.atomic import disk_error
from datasets.checkpoint import CARD, WEIGHTS
from datasets.home import home
from datasets.workspace import sha256

# Packages whose code makes a score: after a change to one of them old scores are passed over.
JUDGING = ("detect", "datasets/faces")
ROOT = Path(__file__).resolve().parent.parent


class ScoreCache:
    """Values by key in one file.

    Args:
        path: of the file; it is made when something is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The whole lines, ``{"key": ..., "score": ...}``; a line that a kill cut off is passed over."""
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    held = json.loads(line)
                except ValueError:
                    continue
                if isinstance(held, dict) and "key" in held and "score" in held:
                    yield held

    def known(self) -> dict[str, Any]:
        """What is kept, by the text of its key (:func:`key_text`)."""
        return {key_text(line["key"]): line["score"] for line in self.lines()}

    def add(self, key: Mapping[str, Any], value: Any) -> None:
        """Keep a value. Raises InputError when the disk is full or may not be written."""
        line = (json.dumps({"key": key, "score": value}, ensure_ascii=False) + "\n").encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+", buffering=0) as file:
                if end := file.seek(0, 2):
                    file.seek(end - 1)
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
        except OSError as error:
            raise disk_error(error, self.path) or error from error


def key_text(key: Mapping[str, Any]) -> str:
    """A key as one text, whatever the order of its parts."""
    return json.dumps(key, sort_keys=True)


def usual_cache(name: str) -> Path:
    """Where scores are kept unless somebody says otherwise."""
    return home("cache") / "scores" / f"{name}.jsonl"


def detector_id(folder: Path) -> str:
    """SHA-256 of a detector's weights and card, or of one file of weights."""
    if Path(folder).is_file():
        return sha256(Path(folder))
    return hashlib.sha256("".join(sha256(Path(folder) / name) for name in (CARD, WEIGHTS)).encode()).hexdigest()


@lru_cache(maxsize=8)
def code_id(*more: str) -> str:
    """SHA-256 of the source files that make a score.

    Args:
        more: further files or folders, below the packages' own folder.
    """
    places = [ROOT / part for part in (*JUDGING, *more)]
    files = sorted(file for place in places for file in ([place] if place.is_file() else place.rglob("*.py")))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
