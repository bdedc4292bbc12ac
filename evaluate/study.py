"""What every study says of itself, so that it can be done again: the command, versions, seeds, hashes."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from datasets.checkpoint import read_card
from datasets.provenance.manifest import software_version
from detect.library import kind
from evaluate.scorecache import code_id, detector_id

LIBRARIES = ("numpy", "scikit-learn", "torch", "timm", "opencv-python", "mediapipe", "av")


def study(
    kind: str, command: str, seed: int, settings: Mapping[str, Any], hashes: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The head of a study's JSON.

    Args:
        kind: ``detector``, ``swap``, ``matrix``, ``robustness``, ``trajectory`` or ``people``.
        command: that makes it again, as typed.
        settings: what else decides the figures.
        hashes: of what went in, by name.
    """
    return {
        "version": 1,
        "study": kind,
        "command": command,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "software": f"counterface {software_version()}",
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES},
        "seed": seed,
        "settings": dict(settings),
        "hashes": {"judging code": code_id()} | dict(hashes or {}),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def described(folder: Path) -> dict[str, Any]:
    """What a study says of a detector in a folder."""
    card = read_card(folder)
    named = {key: str(card.get(key, "")) for key in ("name", "version", "trained_on", "calibrated_on")}
    return named | {"kind": kind(card), "sha256": detector_id(folder)}
