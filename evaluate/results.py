"""What a workspace holds after a swap, read from disk into typed values.

The report and the dashboard both show what this module reads, so that they can't disagree. Reading is forgiving:
what is not there yet, or can't be read, is said in one sentence with the command that makes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.workspace import Workspace
from evaluate.heatmaps import Heatmaps

RESULT, SCORES, HEATMAPS = "result.json", "detectability.json", "heatmaps.npz"
VIDEO, MASK = "result.mp4", "result_mask.mkv"


@dataclass(frozen=True)
class Missing:
    """Something that is not there yet: what, and the command that makes it.

    Attributes:
        part: "faces", "model", "result", "scores" or "heatmaps".
        sentence: one sentence for a person.
        command: a command line to run.
    """

    part: str
    sentence: str
    command: str


@dataclass(frozen=True)
class FrameScore:
    """The two scores of one frame.

    Attributes:
        index: frame number from 0.
        time: seconds.
        fake, original: the detector's probability in [0, 1] for the swap and for its original; NaN when not scored.
        box: the face, xyxy pixels, or None.
        seen: whether the frame lies in the part that the detector learned from; its score is then not counted.
    """

    index: int
    time: float
    fake: float
    original: float
    box: tuple[float, float, float, float] | None
    seen: bool = False


@dataclass(frozen=True)
class Detectability:
    """How well the detector tells the swap from its own original.

    Attributes:
        fake, original: scores of the two clips in [0, 1].
        difference: ``fake - original``.
        interval: 95 % interval of the difference.
        heatmap_iou: overlap of the heatmap with the true swap mask in [0, 1], or None.
        trained_until: end of the part the detector was trained on, seconds, or None when it is not known.
        scored_from: start of the scored part, seconds, or None.
        frames: the frames with a score, by time; those that the detector had seen are among them, and not counted.
        raw: the file's whole content.
    """

    fake: float
    original: float
    difference: float
    interval: tuple[float, float]
    heatmap_iou: float | None
    trained_until: float | None
    scored_from: float | None
    frames: tuple[FrameScore, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def counted(self) -> tuple[FrameScore, ...]:
        """The frames that the figures rest on."""
        return tuple(f for f in self.frames if not f.seen)

    @cached_property
    def times(self) -> np.ndarray:
        """Seconds, float64 (N,)."""
        return np.array([f.time for f in self.frames], dtype=np.float64)

    def curve(self, which: str) -> np.ndarray:
        """Scores of "fake" or "original" over the frames, float64 (N,), NaN where a frame was not scored."""
        return np.array([getattr(f, which) for f in self.frames], dtype=np.float64)

    def at(self, index: int) -> FrameScore | None:
        """The scores of that frame, or None when it was not scored."""
        return self._by_index.get(index)

    @cached_property
    def _by_index(self) -> dict[int, FrameScore]:
        return {f.index: f for f in self.frames}


@dataclass(frozen=True)
class Curve:
    """One figure over a training.

    Attributes:
        step: float64 (N,), ascending.
        value: float64 (N,).
    """

    step: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Results:
    """All that is known about a workspace's swap.

    Attributes:
        workspace: where it was read from.
        result: content of ``result.json``, empty when there is none.
        scores: content of ``detectability.json``, or None.
        heatmaps: the detector's heatmaps, or None.
        swap_card, detector_card: the cards of the two models, empty when there are none.
        swap_curves, detector_curves: figures by name over the two trainings.
        preview: the last contact sheet of the training, or None.
        missing: what is not there yet, in the order in which it is made.
    """

    workspace: Workspace
    result: Mapping[str, Any]
    scores: Detectability | None
    heatmaps: Heatmaps | None
    swap_card: Mapping[str, Any]
    detector_card: Mapping[str, Any]
    swap_curves: Mapping[str, Curve]
    detector_curves: Mapping[str, Curve]
    preview: Path | None
    missing: tuple[Missing, ...]

    @property
    def video(self) -> Path:
        return self.workspace.result / VIDEO

    @cached_property
    def original_is_synthetic(self) -> bool:
        """See :func:`original_is_synthetic`."""
        return original_is_synthetic(self.workspace)

    @property
    def mask(self) -> Path:
        return self.workspace.result / MASK

    def lacks(self, part: str) -> Missing | None:
        """What is said about a part that is missing, or None when it is there."""
        return next((m for m in self.missing if m.part == part), None)


def original_is_synthetic(workspace: Workspace) -> bool:
    """Whether the original was made by this studio too, as the sample clips are: then its frames need the marks."""
    clip = workspace.clip("destination")
    state = clip.stat()
    return _by_studio(clip, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _by_studio(clip: Path, size: int, changed: int) -> bool:
    from datasets.provenance.reading import read_credentials

    return read_credentials(clip).by_studio


class _Unreadable(Exception):
    pass


def read_results(workspace: Workspace) -> Results:
    """Read what the workspace holds. Nothing that is absent or damaged raises; it is listed in ``missing``."""
    missing: list[Missing] = []
    root = workspace.root

    def say(part: str, sentence: str, command: str) -> None:
        missing.append(Missing(part, sentence, f"counterface {command}"))

    if not all((workspace.faces(role) / "faces.parquet").is_file() for role in ("source", "destination")):
        say("faces", "The faces are not extracted yet.", f"extract {root}")
    names = workspace.models()
    model = workspace.model(names[0]) if names else None
    if model is None:
        say("model", "No swap model is trained yet.", f"train {root}")

    result: Mapping[str, Any] = {}
    try:
        result = _read_json(workspace.result / RESULT) or {}
        if not result or not (workspace.result / VIDEO).is_file():
            say("result", "The swap is not merged into the clip yet.", f"merge {root}")
    except _Unreadable as error:
        say("result", f"{error}; merge the swap again.", f"merge {root} --force")

    scores = None
    score = (
        f"detectability {root / 'result' / VIDEO} --original {_clip_name(workspace)} --mask {root / 'result' / MASK}"
    )
    try:
        content = _read_json(workspace.result / SCORES)
        scores = parse_detectability(content) if content else None
        if scores is None:
            say("scores", "The swap is not scored against its original yet.", score)
    except (_Unreadable, KeyError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, _Unreadable) else f"{workspace.result / SCORES} is not a score file"
        say("scores", f"{reason}; score the swap again.", score)

    heatmaps = None
    if (file := workspace.result / HEATMAPS).is_file():
        try:
            heatmaps = Heatmaps.load(file)
        except (OSError, KeyError, ValueError):
            say("heatmaps", f"{file} cannot be read; score the swap again.", score)
    elif scores is not None:
        say("heatmaps", "There are no heatmaps beside the scores.", score)

    preferred = (result.get("method") or {}).get("name")
    if preferred in names:
        model = workspace.model(preferred)
    return Results(
        workspace=workspace,
        result=result,
        scores=scores,
        heatmaps=heatmaps,
        swap_card=_card(model),
        detector_card=_card(workspace.detector),
        swap_curves=read_metrics(model / "metrics.jsonl") if model else {},
        detector_curves=read_metrics(workspace.detector / "metrics.jsonl"),
        preview=max(model.glob("previews/step-*.jpg"), default=None) if model else None,
        missing=tuple(missing),
    )


def _clip_name(workspace: Workspace) -> str:
    found = sorted(workspace.root.glob("data_dst.*"))
    return str(found[0] if found else workspace.root / "data_dst.mp4")


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _Unreadable(f"{path} cannot be read") from error
    if not isinstance(content, dict):
        raise _Unreadable(f"{path} does not hold what it should")
    return content


def _card(folder: Path | None) -> Mapping[str, Any]:
    try:
        return (_read_json(folder / "card.json") if folder else None) or {}
    except _Unreadable:
        return {}


def parse_detectability(content: Mapping[str, Any]) -> Detectability:
    """Typed values of a ``detectability --json`` object. Raises KeyError, TypeError or ValueError on another shape."""
    low, high = content["interval"]
    frames = [
        FrameScore(
            index=int(f["index"]),
            time=float(f["time"]),
            fake=_number(f.get("fake")),
            original=_number(f.get("original")),
            box=_box(f),
            seen=bool(f.get("seen_in_training", False)),
        )
        for f in content["frames"]
    ]
    iou = content.get("heatmap_iou")
    return Detectability(
        fake=float(content["fake"]),
        original=float(content["original"]),
        difference=float(content["detectability"]),
        interval=(float(low), float(high)),
        heatmap_iou=None if iou is None else float(iou),
        trained_until=_optional(content.get("trained_until")),
        scored_from=_optional(content.get("scored_from")),
        frames=tuple(sorted(frames, key=lambda f: f.time)),
        raw=content,
    )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else float(value)


def _box(frame: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    box = frame.get("box")
    if not box:
        return None
    x0, y0, x1, y1 = (float(v) for v in box)
    return x0, y0, x1, y1


def read_metrics(path: Path) -> dict[str, Curve]:
    """The figures of a ``metrics.jsonl`` by name; a line that was cut off by a kill is left out."""
    points: dict[str, list[tuple[float, float]]] = {}
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
                step = float(entry.pop("step"))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            for name, value in entry.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    points.setdefault(name, []).append((step, float(value)))
    curves = {}
    for name, pairs in points.items():
        table = np.array(sorted(pairs), dtype=np.float64)
        curves[name] = Curve(table[:, 0], table[:, 1])
    return curves
