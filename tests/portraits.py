"""Small real pictures for tests of faces: two public-domain portraits, and clips made of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from datasets.encode import ClipEncoder
from datasets.video import Frame

# In each portrait: where the face's middle is, and how wide its mesh is, pixels.
ASTRONAUT_FACE, ASTRONAUT_WIDTH = (225.0, 123.0), 93.0
HOPPER_FACE, HOPPER_WIDTH = (262.0, 210.0), 200.0


def astronaut() -> np.ndarray:
    import skimage.data

    return skimage.data.astronaut()


def hopper() -> np.ndarray:
    import matplotlib.cbook

    path = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def room(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A blurred, textured background without a face."""
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 4)


def put(image: np.ndarray, who: str, at: tuple[float, float], width: float, turn: float = 0.0) -> None:
    """Paste a portrait so that its face stands ``at`` (x, y), ``width`` pixels wide, turned by degrees."""
    first = who == "astronaut"
    picture = astronaut()[:260, 110:330] if first else hopper()[:420]
    middle = (ASTRONAUT_FACE[0] - 110, ASTRONAUT_FACE[1]) if first else HOPPER_FACE
    affine = cv2.getRotationMatrix2D(middle, turn, width / (ASTRONAUT_WIDTH if first else HOPPER_WIDTH))
    affine[:, 2] += np.array(at) - middle
    size = image.shape[1::-1]
    pasted = cv2.warpAffine(picture, affine, size, flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), affine, size, flags=cv2.INTER_NEAREST) > 0
    image[inside] = pasted[inside]


def clip(path: Path, frames: int, draw: Callable[[int, np.ndarray], None], size: tuple[int, int] = (320, 240)) -> Path:
    """Write a clip at 25 frames/s; ``draw`` paints frame i onto the empty room."""
    background = room(*size)
    with ClipEncoder(path, size, Fraction(25)) as encoder:
        for i in range(frames):
            image = background.copy()
            draw(i, image)
            encoder.write(Frame(i, i / 25, image))
    return path
