"""Small clips of several "people" for tests of pairs: crops of two public-domain portraits, each lit its own way."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from portraits import ASTRONAUT_FACE, HOPPER_FACE, astronaut, hopper

SIDE, FRAMES = 160, 8


@lru_cache(maxsize=64)
def person(number: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Frames (uint8 RGB 160 x 160) of a portrait cropped, turned and lit as ``number`` says, and its face's mask."""
    rng = np.random.default_rng(number)
    picture, face = (astronaut(), ASTRONAUT_FACE) if number % 2 else (hopper(), HOPPER_FACE)
    scale = rng.uniform(0.42, 0.7) * (1.0 if number % 2 else 0.6)
    turn, gamma, at = rng.uniform(-8, 8), rng.uniform(0.7, 1.4), SIDE / 2 + rng.uniform(-12, 12, 2)
    images = []
    for i in range(FRAMES):
        affine = cv2.getRotationMatrix2D(face, turn + 0.4 * i, scale)
        affine[:, 2] += at + np.array((0.7, 0.3)) * i - face
        image = cv2.warpAffine(picture, affine, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
        lit = 255 * (image / 255.0) ** gamma + rng.normal(0, 2, image.shape)
        images.append(np.rint(np.clip(lit, 0, 255)).astype(np.uint8))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (round(at[0]) + 3, round(at[1])), (18, 24), 0, 0, 360, 255, -1)
    return tuple(images), mask


def swap(images: tuple[np.ndarray, ...], mask: np.ndarray) -> list[np.ndarray]:
    """A "swap": the face blurred and tinted within its mask, and nothing else."""
    made = []
    for image in images:
        other = cv2.GaussianBlur(image, (0, 0), 2)
        other = np.clip(other + np.array((14, -6, 4)), 0, 255).astype(np.uint8)
        made.append(np.where(mask[..., None] > 0, other, image))
    return made
