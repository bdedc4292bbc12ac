"""The loop that the studio exists for: a swap, a detector trained on it, and the two scored together.

The clip is parted by time. The detector learns on the first part, is calibrated on a second, and the figure that is
reported comes from a third, later than both; gaps between them keep neighbouring frames apart.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import refuse_overwrite, replacing, write_json
from datasets.checkpoint import CARD, read_card
from datasets.errors import InputError
from datasets.faces.align import rescale_affine, warp_crop
from datasets.faceset import FaceSet
from datasets.progress import Progress, silent
from datasets.video import timestamps
from datasets.workspace import Workspace
from detect.detector import load_detector
from detect.recipes.paired import PairSample
from detect.training import TrainSettings
from detect.training import train as train_on_pairs
from evaluate.detectability import MASK_FLOOR, Detectability, detectability
from synth.composite.compositor import for_method
from synth.composite.session import Settings, from_table
from synth.people import person_of
from synth.pipeline import ROLES, MergeReport, load_model
from synth.rendering import swapped_frames

CROP_SIZE, CROP_COVERAGE = 128, "full"
LEARNT, CALIBRATED = (0.0, 0.55), (0.58, 0.72)
SCORED_FROM = 0.75
MOST_PAIRS, MOST_HELD_OUT = 160, 48
SCORED_FRAMES = 64


@dataclass(frozen=True)
class Parts:
    """How a clip is parted by time, all in seconds.

    Attributes:
        learnt, calibrated: (start, stop) of what the detector sees.
        scored_from: start of what is reported.
    """

    learnt: tuple[float, float]
    calibrated: tuple[float, float]
    scored_from: float

    def frames(self, part: tuple[float, float], times: np.ndarray, most: int) -> list[int]:
        """Up to ``most`` frame numbers spread evenly over a part."""
        inside = np.flatnonzero((times >= part[0]) & (times < part[1]))
        if len(inside) <= most:
            return inside.tolist()
        return inside[((np.arange(most) + 0.5) * len(inside) / most).astype(int)].tolist()


def part_by_time(times: np.ndarray) -> Parts:
    """The parts of a clip with these timestamps (N,), seconds. Raises InputError when it is too short for three."""
    if len(times) < 40:
        raise InputError(
            f"The destination has {len(times)} frames; a detector needs 40 or more to learn and be scored."
        )
    start, length = float(times[0]), float(times[-1] - times[0])

    def place(part: tuple[float, float]) -> tuple[float, float]:
        return start + part[0] * length, start + part[1] * length

    return Parts(place(LEARNT), place(CALIBRATED), start + SCORED_FROM * length)


def pairs_of(
    workspace: Workspace,
    model_name: str,
    settings: Settings,
    frames: Sequence[int],
    device: str = "auto",
    step: str = "making pairs",
    progress: Progress = silent,
    size: int = CROP_SIZE,
    coverage: str | float = CROP_COVERAGE,
    person: str = "",
) -> list[PairSample]:
    """Crops of a swap and of its own original, frame for frame, in memory and before any mark was put on.

    Frames in which nothing was swapped are left out.

    Args:
        size, coverage: of the crops.
        person: whose face the originals show, for a training on several people.
    """
    clip, faces = workspace.clip("destination"), FaceSet(workspace.faces("destination"))
    model = load_model(workspace, model_name, device)
    track, _ = person_of(workspace, "destination", faces)
    info, pairs = faces.info, list[PairSample]()
    for done, swapped in enumerate(swapped_frames(clip, faces, model, settings, track, list(frames)), 1):
        progress(step, done, len(frames))
        if swapped.row is None:
            continue
        affine = rescale_affine(swapped.row.affine, info.size, info.coverage, size, coverage)
        mask = warp_crop(swapped.mask, affine, size).astype(np.float32) / 255
        if mask.mean() < MASK_FLOOR:
            continue
        fake, real = (warp_crop(image, affine, size) for image in (swapped.image, swapped.frame.image))
        scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
        width = swapped.row.width
        pairs.append(PairSample(fake, real, mask, swapped.frame.time, clip.name, width, person, scale))
    return pairs


def train_detector(
    workspace: Workspace,
    model_name: str,
    minutes: float | None = 1.0,
    steps: int | None = None,
    settings: Settings | None = None,
    folder: Path | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> Mapping[str, Any]:
    """Train a detector on a workspace's swap and its original; returns its card.

    Raises:
        Refused: a consent record is missing. InputError: no trained swap model, or a detector is there already.
        Interrupted: Ctrl-C; the same call goes on.
    """
    workspace.require_consent()
    refuse_overwrite((folder or workspace.detector) / CARD, force)
    composite = settings or merged_with(workspace, model_name)
    times = timestamps(workspace.clip("destination"))
    parts = part_by_time(times)
    learnt, held_out = (
        pairs_of(workspace, model_name, composite, parts.frames(part, times, most), device, step, progress)
        for part, most, step in (
            (parts.learnt, MOST_PAIRS, "making pairs to learn from"),
            (parts.calibrated, MOST_HELD_OUT, "making pairs to calibrate on"),
        )
    )
    names = {role: workspace.settings.get("clips", {}).get(role, {}) for role in ROLES}
    clips = "".join(str(clip.get("sha256", "")) for clip in names.values())
    name = f"{workspace.root.resolve().name}-{hashlib.sha256(clips.encode()).hexdigest()[:6]}"
    scope = {
        "kind": "pair",
        "model": judged_model(workspace, model_name, composite),
        "clips": {role: clip.get("sha256") for role, clip in names.items()},
        "trained_until": parts.calibrated[1],
        "scored_from": parts.scored_from,
    }
    words = (
        f"one swap ({model_name}) and its own original: {names['destination'].get('name', 'the destination')} "
        f"with the face of {names['source'].get('name', 'the source')}"
    )
    return train_on_pairs(
        learnt,
        held_out,
        TrainSettings(
            coverage=CROP_COVERAGE,
            minutes=None if steps else minutes,
            steps=steps,
            seed=workspace.seed,
            device=device,
            name=name,
            scope=scope,
            trained_on=words,
        ),
        folder or workspace.detector,
        progress,
        force,
    )


def merged_with(workspace: Workspace, model_name: str) -> Settings:
    """The settings that the workspace's result was merged with; the method's own before there is one."""
    try:
        table = json.loads((workspace.result / "result.json").read_text(encoding="utf-8"))["merge"]
        return from_table(table)
    except (OSError, ValueError, KeyError, TypeError):
        return for_method(model_name)


def judged_model(workspace: Workspace, model_name: str, settings: Settings) -> dict[str, Any]:
    """What a detector of this workspace learned to see: which weights, composited how."""
    card = read_card(workspace.model(model_name))
    judged = {"name": model_name, "weights_sha256": card.get("weights_sha256"), "merge": settings.to_table()}
    person = workspace.settings.get("people", {}).get("destination")
    return judged | ({"person": person} if person else {})


def score_result(workspace: Workspace, device: str = "auto", progress: Progress = silent) -> Detectability:
    """Score the workspace's result against its original, and keep scores and heatmaps beside it.

    The figures are of the part that the detector never saw; the curve and the heatmaps are of the whole clip, the
    earlier part marked as seen.

    Raises:
        InputError: there is no result or no detector yet.
    """
    result, mask = workspace.result / "result.mp4", workspace.result / "result_mask.mkv"
    if not result.is_file():
        raise InputError(f"{workspace.root} has no result yet; run: counterface merge {workspace.root}")
    if not (workspace.detector / "card.json").is_file():
        raise InputError(f"{workspace.root} has no detector yet; run: counterface detector train {workspace.root}")
    detector = load_detector(workspace.detector, device)
    scope = detector.card.get("scope", {})
    start, until = float(scope["scored_from"]), float(scope["trained_until"])
    clip = workspace.clip("destination")
    later = detectability(result, clip, detector, mask, SCORED_FRAMES, start=start, progress=progress)
    earlier = detectability(result, clip, detector, mask, SCORED_FRAMES, stop=start, progress=progress)
    seen = [frame | {"seen_in_training": True} for frame in earlier.to_json()["frames"]]
    table = later.to_json()
    frames = seen + [frame | {"seen_in_training": False} for frame in table["frames"]]
    heat = sorted([*earlier.heatmaps, *later.heatmaps], key=lambda h: h.index)
    with replacing(workspace.result / "heatmaps.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            index=np.array([h.index for h in heat], dtype=np.int64),
            time=np.array([h.time for h in heat], dtype=np.float64),
            heat=np.stack([h.heat for h in heat]).astype(np.float16),
            affine=np.stack([h.affine for h in heat]).astype(np.float32),
            size=np.int64(heat[0].size),
        )
    write_json(
        workspace.result / "detectability.json",
        table | {"frames": frames, "trained_until": until, "scored_from": start, "equalised": table["equalised"]},
    )
    return later


def write_result(workspace: Workspace, model_name: str, settings: Settings, report: MergeReport) -> Path:
    """Write ``result.json``: how the result was made, from what, and what it carries."""
    card = read_card(workspace.model(model_name))
    people: dict[str, dict[str, Any]] = {}
    for role in ROLES:
        info = FaceSet(workspace.faces(role)).info
        clip = workspace.settings.get("clips", {}).get(role, {})
        people[role] = {
            "name": clip.get("name", info.clip),
            "sha256": clip.get("sha256", info.clip_sha256),
            "frames": info.frames,
            "frames_with_face": info.frames_with_face,
            "tracks": len(info.tracks),
            "removed": FaceSet(workspace.faces(role)).removed(),
            "person": workspace.settings.get("people", {}).get(role),
            "notes": info.notes(),
        }
    marks = report.marks
    content = {
        "version": 1,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "software": software(),
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "device": card.get("device")},
        **people,
        "method": card,
        "merge": settings.to_table(),
        "frames": {
            "total": report.total,
            "swapped": report.swapped,
            "left_as_is": sum(report.left.values()),
            "why": dict(report.left),
        },
        "quality": {"heldout_ssim": {role: card["heldout"][role]["ssim"] for role in ROLES}},
        "marks": {
            "badge": bool(marks and marks.badge),
            "credentials": marks.credentials if marks else "none",
            "watermark": marks.watermark if marks else None,
        },
        "consent": [record.to_table() for record in workspace.require_consent()],
        "notes": report.notes,
    }
    path = workspace.result / "result.json"
    write_json(path, content)
    return path


def software() -> str:
    """Name and version of this distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"counterface {version('counterface')}"
    except PackageNotFoundError:
        return "counterface (not installed)"
