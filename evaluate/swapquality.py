"""How good a finished swap is, from its file and its original's: who it shows, what it does, and what the paste left.

Faces are found anew in both files, and every figure compares the same frames of the two. The studio's own marks are in
the swap's file: the badge is left out, the watermark and the encoder are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.errors import InputError
from datasets.faces.align import five_of_mesh
from datasets.faces.expression import eye_opening, mouth_opening
from datasets.faces.finder import make_finder
from datasets.faces.identity import IdentityEmbedding, aligned
from datasets.faces.mask import hull_mask
from datasets.progress import Progress, silent
from datasets.provenance.badge import badge_box
from datasets.video import frames_at
from datasets.workspace import Workspace
from evaluate.likeness import source_faces
from evaluate.matching import matched
from evaluate.metrics import block_bootstrap
from evaluate.quality import Compared, FidelityMeter, consecutive, cosine, nearer_to
from evaluate.results import MASK, VIDEO
from evaluate.seams import bands, colour_difference, seam_strength, sharpness_ratio, ssim_outside

SEAMS_EVERY, IDENTITY_EVERY = 4, 4
# Iris centre, outer and inner corner of either eye on the mesh.
EYES = ((468, 33, 133), (473, 263, 362))
FACE_MARGIN = 0.04
RATIO = "x original"


@dataclass(frozen=True)
class Said:
    """What a figure is.

    Attributes:
        name: for people. unit: of the value.
        yardstick: a value that is good enough, of our own choosing, or the one asked of this studio's swaps.
        formula: how it is worked out, and from whom.
        perfect: the value of a swap without fault.
    """

    name: str
    unit: str
    yardstick: float
    formula: str
    perfect: float = 0.0


FIGURES: Mapping[str, Said] = {
    "pose": Said("head pose", "degrees", 3.0, "angle between the heads' rotations, fitted to the mesh (Umeyama, 1991)"),
    "gaze": Said("gaze", "eye widths", 0.05, "distance of the irises' places between the corners of the eyes"),
    "eyes": Said("eyes' opening", "height / width", 0.04, "difference of eye aspect ratios (Soukupova and Cech, 2016)"),
    "mouth": Said("mouth's opening", "height / width", 0.06, "the same ratio of the lips' inner edge"),
    "landmarks": Said(
        "landmarks",
        "pupils' distance",
        0.03,
        "mean distance of 68 points (mean error, Sagonas et al., 2013)",
    ),
    "flicker": Said(
        "flicker", RATIO, 1.25, "mean second difference in time of luminance, the faces warped to one mesh", 1.0
    ),
    "sharpness": Said("sharpness", RATIO, 0.5, "energy of the Laplacian inside the mask (Subbarao et al., 1993)", 1.0),
    "seam": Said("seam", RATIO, 1.25, "mean luminance gradient along the mask's edge", 1.0),
    "ssim_outside": Said("SSIM outside the mask", "", 0.98, "Wang et al., 2004; the badge left out", 1.0),
    "colour_outside": Said(
        "colour outside the mask", "delta E", 2.3, "CIELAB distance of 1976; 2.3 is just noticeable (Mahy et al., 1994)"
    ),
}


@dataclass
class _Kept:
    """Values by figure, with their times."""

    values: dict[str, list[float]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def add(self, time: float, **figures: float | None) -> None:
        for name, value in figures.items():
            if value is not None and np.isfinite(value):
                self.values.setdefault(name, []).append(float(value))
                self.times.setdefault(name, []).append(time)

    def table(self) -> dict[str, dict[str, Any]]:
        found = {}
        for name, values in self.values.items():
            ends = block_bootstrap(np.array(values), np.array(self.times[name]))
            found[name] = {"value": float(np.mean(values)), "interval": list(ends), "frames": len(values)}
        return found


def gaze_error(one: np.ndarray, other: np.ndarray) -> float:
    """How far apart two meshes (478, 3) look: the irises' places between the eyes' corners, in eye widths."""

    def place(points: np.ndarray) -> np.ndarray:
        found = []
        for iris, outer, inner in EYES:
            across = points[inner, :2] - points[outer, :2]
            width = max(float(np.linalg.norm(across)), 1e-6)
            along = across / width
            offset = (points[iris, :2] - (points[inner, :2] + points[outer, :2]) / 2) / width
            found.append([offset @ along, offset @ np.array([-along[1], along[0]])])
        return np.array(found)

    return float(np.linalg.norm(place(np.asarray(one)) - place(np.asarray(other)), axis=1).mean())


def swap_figures(
    fake: Path,
    original: Path,
    mask: Path | None = None,
    frames: int = 120,
    source: np.ndarray | None = None,
    embedding: IdentityEmbedding | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure a swap against its original.

    Args:
        mask: its swap mask; where there is none, the face's outline in the original stands for it.
        frames: how many, in four stretches of consecutive ones.
        source: float32 (N, 128), vectors of the person whose face was taken, for the identity.

    Returns:
        ``figures`` (value, interval, frames by name), ``identity`` or None, ``frames``, ``mask``; see
        docs/evaluation.md.

    Raises:
        InputError: the clips are not frame for frame the same, or no swapped face was found.
    """
    info, times = matched(fake, original, mask)
    wanted = list(consecutive(len(times), frames))
    kept, vectors = _Kept(), {"swap": list[np.ndarray](), "original": list[np.ndarray]()}
    box = badge_box(info.width, info.height)
    done = 0
    with closing(make_finder("mediapipe")) as one, closing(make_finder("mediapipe")) as other:
        meter = FidelityMeter((one, other))
        for done, (index, time, swap, own, changed) in enumerate(_frames(fake, original, mask, wanted, times), 1):
            progress("measuring the swap", done, len(wanted))
            place = _box(changed)
            if place is None:
                continue
            compared = meter.add(index, swap, own, place)
            if compared is None:
                continue
            kept.add(time, **_motion(compared))
            if embedding is not None and done % IDENTITY_EVERY == 0:
                vectors["swap"].append(aligned(swap, five_of_mesh(compared.swap)))
                vectors["original"].append(aligned(own, five_of_mesh(compared.original)))
            if done % SEAMS_EVERY == 0:
                kept.add(time, **_paste(swap, own, changed if mask else _outline(own, compared.original), box))
    try:
        measured = meter.result()
    except ValueError as error:
        raise InputError(f"No swapped face was found in the {done} frames of {fake} that were looked at.") from error
    figures = kept.table()
    figures["flicker"] = {"value": measured.flicker_ratio, "interval": None, "frames": measured.frames}
    identity = None
    if embedding is not None and source is not None and len(source) and vectors["swap"]:
        made, own = (embedding.embed(vectors[name]) for name in ("swap", "original"))
        identity = {
            "to_source": cosine(made, source),
            "to_destination": cosine(made, own),
            "original_to_source": cosine(own, source),
            "nearer": nearer_to(made, source, own),
            "frames": len(made),
        }
    return {
        "figures": {name: figures[name] for name in FIGURES if name in figures},
        "identity": identity,
        "frames": measured.frames,
        "mask": "the true swap mask" if mask else "the face's outline in the original",
    }


def workspace_figures(
    workspace: Workspace,
    frames: int = 120,
    embedding: IdentityEmbedding | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """:func:`swap_figures` of a workspace's result, which knows its original, its mask and its source."""
    vectors = embedding.embed(source_faces(workspace)) if embedding else None
    fake, mask = workspace.result / VIDEO, workspace.result / MASK
    return swap_figures(fake, workspace.clip("destination"), mask, frames, vectors, embedding, progress)


def _frames(
    fake: Path, original: Path, mask: Path | None, wanted: list[int], times: np.ndarray
) -> Iterator[tuple[int, float, np.ndarray, np.ndarray, np.ndarray]]:
    """(number, time, swap, original, mask in [0, 1]) of each frame; without a mask the difference of the two."""
    streams = [frames_at(path, wanted) for path in (fake, original)]
    masks: Iterator[Any] = iter([None] * len(wanted)) if mask is None else frames_at(mask, wanted)
    for swap, own, truth in zip(*streams, masks, strict=True):
        if truth is not None:
            changed = truth.image[..., 0].astype(np.float32) / 255
        else:
            apart = np.abs(swap.image.astype(np.int16) - own.image).mean(2).astype(np.float32)
            changed = np.clip(cv2.GaussianBlur(apart, (0, 0), 5) / 12, 0, 1)
        yield own.index, float(times[own.index]), swap.image, own.image, changed


def _box(changed: np.ndarray) -> np.ndarray | None:
    """The box of what was changed, xyxy; None where nothing was."""
    inside = changed >= 0.5
    if not inside.any():
        return None
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _outline(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face's outline as a mask, grown a little."""
    hull = (hull_mask(landmarks[:, :2], image.shape[:2]) > 0.5).astype(np.uint8)
    reach = max(1, round(FACE_MARGIN * float(np.sqrt(hull.sum()))))
    return cv2.dilate(hull, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(np.float32)


def _motion(compared: Compared) -> dict[str, float]:
    one, other = compared.swap, compared.original
    return {
        "pose": compared.pose,
        "landmarks": compared.landmarks,
        "gaze": gaze_error(one, other),
        "eyes": abs(eye_opening(one) - eye_opening(other)),
        "mouth": abs(mouth_opening(one) - mouth_opening(other)),
    }


def _paste(
    swap: np.ndarray, original: np.ndarray, mask: np.ndarray, badge: tuple[int, int, int, int]
) -> dict[str, float | None]:
    inside, edge, away = bands(mask)
    x0, y0, x1, y1 = (int(v) for v in badge)
    for part in (inside, edge, away):
        part[max(0, y0) : y1, max(0, x0) : x1] = False
    return {
        "seam": seam_strength(swap, original, edge),
        "sharpness": sharpness_ratio(swap, original, inside),
        "ssim_outside": ssim_outside(swap, original, away),
        "colour_outside": colour_difference(swap, original, away),
    }


def faces_of_clips(clips: list[Path], embedding: IdentityEmbedding, most: int = 24) -> np.ndarray:
    """Vectors of the largest face in some frames of clips or pictures, float32 (N, 128).

    Raises:
        InputError: a file can't be read.
    """
    from datasets.video import is_picture, read_picture, spread

    crops: list[np.ndarray] = []
    with closing(make_finder("mediapipe")) as finder:
        for clip in clips:
            images = [read_picture(clip)] if is_picture(clip) else (f.image for f in spread(clip, most))
            for image in images:
                finder.reset()
                if faces := finder.find(image):
                    crops.append(aligned(image, faces[0].five_points))
    return embedding.embed(crops)
