"""Random warps and colour changes of training crops: the input is warped, the target is not."""

from __future__ import annotations

import cv2
import numpy as np


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal draws truncated at 2.5 standard deviations, divided by 2.5: in [-1, 1], float32."""
    draws = rng.standard_normal(shape)
    outside = np.abs(draws) > 2.5
    while outside.any():
        draws[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(draws) > 2.5
    return (draws / 2.5).astype(np.float32)


def warp_field(rng: np.random.Generator, size: int, strength: float = 1.0) -> np.ndarray:
    """A smooth displacement, float32 (2, size, size) in pixels: nodes of a coarse grid moved by up to .24 of a cell.

    The grid's cell is a half, a quarter or an eighth of the crop; the rim stays where it is.
    """
    cells = int(rng.choice((2, 4, 8)))
    nodes = np.zeros((2, cells + 1, cells + 1), dtype=np.float32)
    inner = truncated_normal(rng, (2, cells - 1, cells - 1))
    nodes[:, 1:-1, 1:-1] = inner * (0.24 * strength * size / cells)
    at = (np.arange(size, dtype=np.float32) + 0.5) * cells / size
    x, y = np.meshgrid(at, at)
    return np.stack([cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for plane in nodes])


def random_pose(
    rng: np.random.Generator,
    size: int,
    turn: float = 10.0,
    shift: float = 0.05,
    scale: tuple[float, float] = (0.92, 1.1),
) -> np.ndarray:
    """A random rotation (+-``turn`` degrees), shift and scale about the centre: affine (2, 3), new to old pixels."""
    angle, grow = rng.uniform(-turn, turn), rng.uniform(*scale)
    affine: np.ndarray = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), angle, grow)
    offset = np.concatenate([np.zeros((2, 2)), rng.uniform(-shift, shift, (2, 1)) * size], axis=1)
    return (affine + offset).astype(np.float32)


def training_sample(
    rng: np.random.Generator, planes: tuple[np.ndarray, ...], warp: float, pose: float
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """One augmented sample: everything is turned, shifted and scaled alike; only the input is warped too.

    Args:
        planes: pictures of the same face, uint8 (S, S) or (S, S, C); the first is the one that becomes the input.
        warp: strength of the random warp of the input, 0 to 1.
        pose: strength of rotation, shift and scale, 0 to 1.

    Returns:
        the input, like ``planes[0]``, and the planes as targets.
    """
    size = planes[0].shape[0]
    affine = random_pose(rng, size, 10 * pose, 0.05 * pose, (1 - 0.06 * pose, 1 + 0.06 * pose))
    inverse = cv2.invertAffineTransform(affine)
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))

    def sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        at = inverse[:, 0, None, None] * x + inverse[:, 1, None, None] * y + inverse[:, 2, None, None]
        at = at.astype(np.float32)
        return cv2.remap(picture, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    targets = tuple(sample(plane, x, y) for plane in planes)
    field = warp_field(rng, size, warp)
    return sample(planes[0], x + field[0], y + field[1]), targets


def jitter_colour(rng: np.random.Generator, count: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Random gain and offset a channel, float32 (N, 3) each, for pictures in [0, 1]: x * gain + offset."""
    gain = 1 + strength * (rng.uniform(-0.12, 0.12, (count, 1)) + rng.uniform(-0.06, 0.06, (count, 3)))
    offset = strength * (rng.uniform(-0.06, 0.06, (count, 1)) + rng.uniform(-0.03, 0.03, (count, 3)))
    return gain.astype(np.float32), offset.astype(np.float32)
