"""About what a unit costs: seconds of one core and bytes on the disk, from what was measured.

The constants are of one core of a shared virtual machine (AMD EPYC) and pictures of about 512 x 512;
``python -m benchmarks.factoryscale --measured DATASET`` measures them anew. They are for planning:
a build never depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REFERENCE_PIXELS = 512 * 512
# Seconds a frame at the reference size, and seconds a unit, whatever its length.
FRAME = {"footage": 0.008, "faces": 0.022, "render": 0.036, "encode": 0.007}
FIXED = {"footage": 0.4, "faces": 1.0, "train": 4.0, "render": 1.2, "encode": 0.5}
# What a method adds to each frame that it renders, and seconds a step of its training.
METHOD_FRAME = {"graphics": 0.10, "self-blend": 0.005, "reenact": 0.10, "quick96": 0.08}
STEP = {"quick96": 0.29, "reenact": 0.55}
OTHER_METHOD_FRAME, OTHER_STEP = 0.10, 1.0
# Bytes a pixel and frame: without loss, and at CRF 18, from which on every so many steps halve them.
LOSSLESS_BYTES, CRF18_BYTES, HALVED_BY = 0.16, 0.0055, 5.3
MASK_BYTES = 0.02
FACE_BYTES, GEOMETRY_BYTES = 45_000.0, 8_700.0
MODEL_BYTES = {"graphics": 10e6, "self-blend": 1e4, "reenact": 15e6, "quick96": 10e6}
OTHER_MODEL_BYTES = 150e6
CREDENTIALS_BYTES = 30_000.0


@dataclass(frozen=True)
class Cost:
    """Seconds of one core; bytes that stay in the set; bytes of working files, which may be deleted afterwards."""

    seconds: float = 0.0
    bytes: float = 0.0
    working: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.bytes + other.bytes, self.working + other.working)


def cost_of(kind: str, params: Mapping[str, Any]) -> Cost:
    """What a unit is expected to cost."""
    if kind == "train":
        method = str(params["method"])
        seconds = (
            60.0 * params["minutes"] if params["minutes"] else STEP.get(method, OTHER_STEP) * (params["steps"] or 0)
        )
        return Cost(FIXED[kind] + seconds, 0, MODEL_BYTES.get(method, OTHER_MODEL_BYTES))
    frames, pixels = float(params["frames"]), float(params["pixels"])
    scale = pixels / REFERENCE_PIXELS
    seconds = FIXED[kind] + frames * FRAME[kind] * scale
    if kind == "footage":
        return Cost(seconds, 0, frames * pixels * LOSSLESS_BYTES)
    if kind == "faces":
        return Cost(seconds, frames * GEOMETRY_BYTES, frames * FACE_BYTES)
    if kind == "render":
        made = params.get("method")
        if made:
            seconds += frames * METHOD_FRAME.get(str(made), OTHER_METHOD_FRAME) * (0.5 + 0.5 * scale)
        mask = frames * pixels * MASK_BYTES if made else 0.0
        return Cost(seconds, CREDENTIALS_BYTES + mask + frames * pixels * LOSSLESS_BYTES)
    return Cost(seconds, CREDENTIALS_BYTES + frames * pixels * bytes_at(int(params["crf"])))


def bytes_at(crf: int) -> float:
    """Bytes a pixel and frame at a CRF."""
    return LOSSLESS_BYTES if crf == 0 else min(LOSSLESS_BYTES, CRF18_BYTES * 2 ** ((18 - crf) / HALVED_BY))
