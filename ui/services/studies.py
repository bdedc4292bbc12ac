"""What ``counterface evaluate`` wrote of detectors: found on disk, and turned into charts.

Each study is one JSON file that says of what kind it is; nothing is measured here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evaluate.charts import Chart, Series
from ui.services.access import files_below

KINDS = ("detector", "matrix", "robustness", "people")
FRESH_SECONDS = 5.0
LARGEST, MOST = 20_000_000, 200
CLEAN = "clean"
# Files of the studio's own that are no studies and would be read in vain.
OTHERS = frozenset(
    {"card.json", "dataset.json", "audit.json", "result.json", "face_set.json", "job.json", "state.json"}
)


@dataclass(frozen=True)
class Study:
    """One study.

    Attributes:
        path: its file. kind: one of :data:`KINDS`.
        about: name of the detector, empty where it is of none. created: when, as the file says.
        held: all of it.
    """

    path: Path
    kind: str
    about: str
    created: str
    held: Mapping[str, Any]


def found(folders: Iterable[Path]) -> list[Study]:
    """Studies in some folders and up to three levels below, the latest first; what is none is passed over.

    Looked for anew every few seconds at most: a page asks with each of its runs.
    """
    return list(_found(tuple(folders), int(time.monotonic() / FRESH_SECONDS)))


@lru_cache(maxsize=2)
def _found(folders: tuple[Path, ...], moment: int) -> tuple[Study, ...]:
    held: dict[Path, Study] = {}
    for file in files_below(folders, "*.json"):
        study = None if file.name in OTHERS else read(file)
        if study is not None:
            held[file.resolve()] = study
        if len(held) >= MOST:
            break
    return tuple(sorted(held.values(), key=lambda one: one.created, reverse=True))


def read(file: Path) -> Study | None:
    """A study from its file; None where it is none, or of another version."""
    try:
        with file.open("rb") as opened:
            if file.stat().st_size > LARGEST or b'"study"' not in opened.read(4096):
                return None
        held = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(held, dict) or held.get("version") != 1 or held.get("study") not in KINDS:
            return None
        about = str((held.get("detector") or {}).get("name") or "")
        return Study(file, str(held["study"]), about, str(held.get("created") or ""), held)
    except (OSError, ValueError, AttributeError):
        return None


def of(studies: Sequence[Study], kind: str, about: str | None = None) -> list[Study]:
    """Those of a kind, and of a detector where it is named."""
    return [one for one in studies if one.kind == kind and about in (None, one.about)]


def figures(study: Study) -> list[tuple[str, str]]:
    """The main figures of a detector's study, with their intervals."""
    held, rows = study.held, list[tuple[str, str]]()
    clip, ends = held.get("clip") or {}, (held.get("intervals") or {}).get("clip") or {}
    for key, name in (("auc", "Clip AUC"), ("ap", "Clip AP"), ("eer", "EER"), ("tpr@fpr=0.05", "TPR at 5 % FPR")):
        if clip.get(key) is not None:
            rows.append((name, _with(clip[key], ends.get(key))))
    frame = (held.get("frame") or {}).get("auc")
    if frame is not None:
        rows.append(("Frame AUC", f"{frame:.2f}"))
    if held.get("ece") is not None:
        rows.append(("ECE", f"{held['ece']:.2f}"))
    if held.get("n_clips"):
        rows.append(("Clips", str(held["n_clips"])))
    return rows


def _with(value: float, ends: Any) -> str:
    if isinstance(ends, (list, tuple)) and len(ends) == 2 and None not in ends:
        return f"{value:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"
    return f"{value:.2f}"


def reliability(study: Study) -> list[dict[str, float]]:
    """The bins of the clips: what was said on average, what came true, its interval, how many.

    Bins are as ``evaluate.metrics.ReliabilityBin`` has them.
    """
    held = (study.held.get("reliability") or {}).get("clip") or []
    return [dict(one) for one in held if isinstance(one, Mapping)]


@dataclass(frozen=True)
class Table:
    """A table of a matrix: what was trained on in rows, what was tried in columns.

    Attributes:
        kind: ``methods``, ``leave one out`` or ``compression``.
        rows, columns: their names. values: clip AUC, None where there is none.
    """

    kind: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


def tables(study: Study) -> list[Table]:
    """The tables of a matrix."""
    found = []
    for kind, held in (study.held.get("matrices") or {}).items():
        try:
            values = tuple(tuple(None if v is None else float(v) for v in row) for row in held["auc"])
            found.append(Table(str(kind), tuple(map(str, held["rows"])), tuple(map(str, held["columns"])), values))
        except (KeyError, TypeError, ValueError):
            continue
    return found


def robustness(study: Study) -> list[Chart]:
    """Clip AUC over the levels of each perturbation, from the clips as they are on."""
    import numpy as np

    conditions = [one for one in study.held.get("conditions") or [] if isinstance(one, Mapping)]
    clean = next((one for one in conditions if one.get("family") == CLEAN), None)
    families: dict[str, list[Mapping[str, Any]]] = {}
    for one in conditions:
        if one.get("family") != CLEAN:
            families.setdefault(str(one.get("family")), []).append(one)
    charts = []
    for family, rows in families.items():
        whole = [*([clean] if clean else []), *rows]
        x = np.arange(len(whole), dtype=float) + (0 if clean else 1)
        y = np.array([_auc(row) for row in whole], dtype=float)
        series = (Series("clip AUC", "swap", x, y),)
        charts.append(Chart(family, series, "level", "clip AUC", y_range=(0.0, 1.04)))
    return charts


def _auc(row: Mapping[str, Any]) -> float:
    value = (row.get("clip") or {}).get("auc")
    return float("nan") if value is None else float(value)
