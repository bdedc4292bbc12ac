"""Aligned crops on their way into a network, and how near what comes out is to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from synth.losses import gaussian_window, ssim_map

BLOCKS, HELD_OUT = 20, (6, 15)
HULL_MARGIN = 3
SEEN_WINDOW, SEEN_SIGMA = 11, 1.5


def check_faces(faces: Mapping[str, FaceArrays], size: int, coverage: float, fewest: int, purpose: str = "") -> None:
    """Check what a method was given: enough faces of each person, at its size and coverage.

    Args:
        purpose: ends the sentence: "the least to train on".

    Raises:
        InputError: too few faces. ValueError: crops of another size or coverage.
    """
    for who, those in faces.items():
        if len(those) < fewest:
            raise InputError(f"The {who} has {len(those)} usable faces; {fewest} is the least{purpose}.")
        if those.size != size or abs(those.coverage - coverage) > 1e-6:
            raise ValueError(f"{who}: crops of {those.size} px at coverage {those.coverage}")


def data_hash(faces: FaceArrays) -> str:
    """What tells these faces from others, 16 hexadecimal digits."""
    digest = hashlib.sha256(faces.images.tobytes())
    digest.update(faces.landmarks.tobytes())
    return digest.hexdigest()[:16]


def held_out(faces: FaceArrays) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and indices held out: two stretches of a twentieth of the clip each."""
    block = np.arange(len(faces)) * BLOCKS // len(faces)
    out = np.isin(block, HELD_OUT)
    out[[len(faces) * stretch // BLOCKS for stretch in HELD_OUT]] = True
    return np.flatnonzero(~out), np.flatnonzero(out)


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (N, S, S, C) as float32 NCHW in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def network_input(x: Tensor) -> Tensor:
    """Picture and hull (N, 4, S, S) as the encoder takes them: grey outside the hull, centred on zero.

    What surrounds the face tells the two people apart and nothing of the expression; hiding it makes their codes
    comparable.
    """
    hull = x[:, 3:]
    reach = 2 * HULL_MARGIN + 1
    # One direction after the other is the same maximum, at a third of the cost.
    wide = functional.max_pool2d(hull, (reach, 1), 1, (HULL_MARGIN, 0))
    wide = functional.max_pool2d(wide, (1, reach), 1, (0, HULL_MARGIN))
    return torch.cat([(x[:, :3] - 0.5) * wide, hull - 0.5], 1)


def face_ssim(made: Tensor, truth: Tensor, hull: Tensor) -> float:
    """Mean SSIM (11 px Gaussian window) over the hull, the surroundings of both pictures hidden."""
    window = gaussian_window(SEEN_WINDOW, SEEN_SIGMA)
    rim = SEEN_WINDOW // 2
    values = ssim_map(made * hull, truth * hull, window).mean(1, keepdim=True)
    weights = hull[:, :, rim:-rim, rim:-rim]
    return float((values * weights).sum() / weights.sum())
