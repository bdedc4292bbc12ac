"""Landmark jitter: how much the parts of the face tremble, beyond how much they move.

Second differences over time of the mesh after the head's own motion is taken off, each frame's rigid points brought
to the same place. A face that moves smoothly has small ones beside its first differences; noise has sqrt(3) times.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from detect.cues.looks import Look
from detect.cues.measured import FEWEST_PIXELS, NAN, Measured
from detect.cues.registry import TrackCue, register_track_cues
from detect.cues.run import SIZE, Runs
from detect.cues.words import Words

GROUPS = {
    "jaw": (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454),
    "eyes": (33, 133, 159, 145, 362, 263, 386, 374),
    "mouth": (61, 291, 13, 14, 0, 17),
    "nose": (1, 4, 5, 6, 197, 195),
}
GROUP_WORDS = {"jaw": "the jaw's outline", "eyes": "the eyes", "mouth": "the mouth", "nose": "the nose"}
# In sides of the landmark box.
FLOOR, MOTION_FLOOR = 1e-4, 1e-3
PIXEL_FLOOR = 0.02


def _roughness(runs: Runs, group: str) -> tuple[float, float]:
    """Root mean square second and first differences of a group, in sides of the box; NaN without three frames."""

    def work() -> tuple[float, float]:
        long = [run.points[:, list(GROUPS[group])] for run in runs.aligned if len(run.points) > 2]
        if not long:
            return NAN, NAN
        second, first = [np.concatenate([np.diff(part, n, axis=0) for part in long]) for n in (2, 1)]
        return float(np.sqrt((second**2).sum(-1).mean())), float(np.sqrt((first**2).sum(-1).mean()))

    return runs.once(("jitter", group), work)


def _amount(runs: Runs, group: str) -> float:
    return float(np.log(_roughness(runs, group)[0] + FLOOR))


def _over_motion(runs: Runs, group: str) -> float:
    second, first = _roughness(runs, group)
    return float(np.log(second + FLOOR) - np.log(first + FLOOR))


def over_head(runs: Runs) -> float:
    """log of the jitter of all groups over the head's motion through the frame."""
    moved = [run.motion for run in runs.aligned if len(run.motion) > 1]
    if not moved:
        return NAN
    head = float(np.sqrt((np.concatenate(moved) ** 2).sum(-1).mean()))
    shaken = float(np.mean([_roughness(runs, group)[0] for group in GROUPS]))
    return float(np.log(shaken + FLOOR) - np.log(head + MOTION_FLOOR))


def shake(runs: Runs) -> float:
    """log of the second difference of the face's place against the ring around it, over that of the ring, by flow."""
    faces, rings = [], []
    for run in runs.aligned:
        inner, outer = run.regions["inner"], run.regions["outer"]
        if len(run.flows) < 2 or min(int(inner.sum()), int(outer.sum())) <= FEWEST_PIXELS:
            continue
        face = np.array([np.median(flow[inner], axis=0) for flow in run.flows])
        ring = np.array([np.median(flow[outer], axis=0) for flow in run.flows])
        faces.append(np.diff(face - ring, axis=0))
        rings.append(np.diff(ring, axis=0))
    if not faces:
        return NAN
    size = [float(np.sqrt((np.concatenate(part) ** 2).sum(-1).mean())) for part in (faces, rings)]
    return float(np.log(size[0] + PIXEL_FLOOR) - np.log(size[1] + PIXEL_FLOOR))


def shear(runs: Runs) -> float:
    """Median flow across the face's edge: how far its inside slides against its outside, 160 px pictures, pixels."""
    slid = []
    for run in runs.aligned:
        inside, outside = run.regions["inner_edge"], run.regions["outer_edge"]
        if min(int(inside.sum()), int(outside.sum())) > FEWEST_PIXELS:
            slid += [
                float(np.linalg.norm(np.median(flow[inside], 0) - np.median(flow[outside], 0))) for flow in run.flows
            ]
    return float(np.median(slid)) / SIZE * 100 if slid else NAN


def _points_look(*groups: str) -> Look:
    def look(m: Measured) -> np.ndarray:
        height, width = m.image.shape[:2]
        heat = np.zeros((height, width), np.float32)
        sigma = max(1.0, 0.03 * m.side)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        for group in groups:
            for px, py in m.landmarks[list(GROUPS[group])].tolist():
                np.maximum(heat, np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)), out=heat)
        return heat

    return look


def _edge_look(m: Measured) -> np.ndarray:
    return np.maximum(m.regions["inner_edge"], m.regions["outer_edge"]).astype(np.float32)


register_track_cues(
    20,
    [
        TrackCue(
            f"jitter_{group}",
            partial(_amount, group=group),
            _points_look(group),
            Words(f"The trembling of {GROUP_WORDS[group]} from frame to frame", scale="log amount"),
        )
        for group in GROUPS
    ]
    + [
        TrackCue(
            f"jitter_over_motion_{group}",
            partial(_over_motion, group=group),
            _points_look(group),
            Words(
                f"The trembling of {GROUP_WORDS[group]} from frame to frame",
                "against its movement",
                scale="log amount",
            ),
        )
        for group in GROUPS
    ]
    + [
        TrackCue(
            "jitter_over_head_motion",
            over_head,
            _points_look(*GROUPS),
            Words("The trembling of the face", "against how far the head moves", scale="log amount"),
        ),
        TrackCue(
            "shake_face_over_outer",
            shake,
            _points_look(*GROUPS),
            Words("The shaking of the face against the head", "against that of the head", scale="log amount"),
        ),
        TrackCue(
            "shear_contour",
            shear,
            _edge_look,
            Words(
                "The sliding of the face against what lies outside its edge",
                "",
                "smaller",
                "larger",
                "units",
                "hundredths of the picture",
            ),
        ),
    ],
)
