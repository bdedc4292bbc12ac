"""The two public-domain portraits, framed alike, with the face mesh of the still picture.

The pictures are read from the wheels of scikit-image and matplotlib; nothing is downloaded and none is shipped here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import CounterfaceError, InputError

FRAMED = 512
MARGIN = 0.07


@dataclass(frozen=True)
class Credit:
    """Where a portrait comes from and why it may be used.

    Attributes:
        key: the name in this package.
        person: who is shown.
        title, author, licence: of the picture.
        origin: the package that carries the file.
        page: where the picture is published.
    """

    key: str
    person: str
    title: str
    author: str
    licence: str
    origin: str
    page: str


@dataclass(frozen=True)
class Likeness:
    """What the animation has to know of one portrait that the mesh does not say.

    Attributes:
        crop: left, top and side of the square that becomes the frame, in pixels of the portrait.
        lid_room: how far up the lid skin reaches, as a part of the way from lid to brow (glasses cover the rest).
        lashes: how far lashes and liner reach from the open eye, in eye widths.
        lips_closed: whether the still shows closed lips, so that the inside of the mouth has to be painted.
        unsharp: strength of the sharpening after enlarging.
        light: unit-free direction to the key light; x right, y down, z away from the camera.
        behind: boxes (x0, y0, x1, y1) of the portrait that are background for certain.
        front: polygons of the portrait that belong to the person for certain.
        strays: boxes beside the person with stray hair, which must not stay behind in the background.
    """

    crop: tuple[float, float, float]
    lid_room: float
    lashes: float
    lips_closed: bool
    unsharp: float
    light: tuple[float, float, float]
    behind: tuple[tuple[float, float, float, float], ...] = ()
    front: tuple[tuple[tuple[float, float], ...], ...] = ()
    strays: tuple[tuple[float, float, float, float], ...] = ()


CREDITS = {
    "hopper": Credit(
        "hopper",
        "Grace Hopper",
        "Commodore Grace M. Hopper, USNR",
        "James S. Davis, United States Navy",
        "public domain (work of the US Navy)",
        "matplotlib sample data, grace_hopper.jpg",
        "https://commons.wikimedia.org/wiki/File:Commodore_Grace_M._Hopper,_USN_(covered).jpg",
    ),
    "astronaut": Credit(
        "astronaut",
        "Eileen Collins",
        "Astronaut Eileen M. Collins, official portrait",
        "NASA",
        "public domain (work of NASA)",
        "scikit-image, skimage.data.astronaut",
        "https://flic.kr/p/r9qvLn",
    ),
}
LIKENESS = {
    "hopper": Likeness(
        crop=(8.0, 4.0, 496.0),
        lid_room=0.24,
        lashes=0.08,
        lips_closed=True,
        unsharp=0.0,
        light=(-0.5, -0.55, -0.7),
        behind=((-40.0, -40.0, 150.0, 290.0),),
        front=(((336.0, 262.0), (361.0, 262.0), (360.0, 286.0), (348.0, 303.0), (336.0, 308.0)),),
        strays=((340.0, 150.0, 394.0, 240.0), (340.0, 240.0, 376.0, 318.0)),
    ),
    "astronaut": Likeness(
        crop=(95.0, 1.0, 258.0),
        lid_room=0.62,
        lashes=0.19,
        lips_closed=False,
        unsharp=0.7,
        light=(-0.45, -0.5, -0.75),
    ),
}
NAMES = tuple(CREDITS)


@dataclass(frozen=True)
class Portrait:
    """A framed portrait with some picture to spare around the frame.

    Attributes:
        name: key of :data:`CREDITS`.
        size: side of the frame, pixels.
        margin: pixels of picture on each side beyond the frame.
        image: uint8 RGB, (size + 2 margin) square.
        landmarks: float32 (478, 3), pixels of ``image``, z in the same unit, smaller is nearer.
    """

    name: str
    size: int
    margin: int
    image: np.ndarray
    landmarks: np.ndarray

    @property
    def face_width(self) -> float:
        """Width of the mesh, pixels: the unit in which everything of the animation is measured."""
        return float(np.ptp(self.landmarks[:, 0]))

    def from_original(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 2) of the portrait as its package carries it, in pixels of ``image``."""
        x, y, side = LIKENESS[self.name].crop
        return (points - [x, y]) * (self.size / side) + self.margin


def check_name(name: str) -> None:
    """Raise InputError when there is no such sample."""
    if name not in CREDITS:
        raise InputError(f"There is no sample {name!r}; there are: {', '.join(NAMES)}.")


def file_of(name: str) -> Path:
    """The picture's file inside the package that carries it. Raises InputError when it is not there."""
    check_name(name)
    if name == "astronaut":
        import skimage

        path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    else:
        import matplotlib

        path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if not path.is_file():
        raise InputError(f"The portrait {path} is missing; install {CREDITS[name].origin.split()[0]} again.")
    return path


def original(name: str) -> np.ndarray:
    """The portrait as its package carries it, uint8 RGB HxWx3."""
    from datasets.video import read_picture

    return read_picture(file_of(name))


@lru_cache(maxsize=2)
def _framed(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The portrait framed at 512 px with its margin, and its mesh."""
    import cv2

    likeness = LIKENESS[name]
    picture = original(name)
    x, y, side = likeness.crop
    scale = FRAMED / side
    margin = round(MARGIN * FRAMED)
    full = FRAMED + 2 * margin
    # Pixel centres sit at halves: without the half pixel an enlarged picture is shifted against its mesh.
    shift = 0.5 * scale - 0.5
    affine = np.array([[scale, 0, margin - x * scale + shift], [0, scale, margin - y * scale + shift]], np.float32)
    image = cv2.warpAffine(picture, affine, (full, full), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    if likeness.unsharp:
        soft = cv2.GaussianBlur(image, (0, 0), 1.6)
        image = cv2.addWeighted(image, 1 + likeness.unsharp, soft, -likeness.unsharp, 0)
    return image, _mesh(image, name)


def _mesh(image: np.ndarray, name: str) -> np.ndarray:
    from datasets.faces.finder import make_finder

    finder = make_finder("mediapipe")
    try:
        faces = finder.find(image)
    finally:
        finder.close()
    landmarks: Any = faces[0].landmarks if faces else None
    if landmarks is None:
        raise CounterfaceError(f"The face finder sees no face in the portrait {name!r}; run: counterface doctor")
    return np.asarray(landmarks, dtype=np.float32)


@lru_cache(maxsize=4)
def portrait(name: str, size: int = FRAMED) -> Portrait:
    """The framed portrait at a frame size in pixels. Raises InputError for an unknown name."""
    import cv2

    check_name(name)
    image, landmarks = _framed(name)
    scale = size / FRAMED
    margin = round(MARGIN * size)
    full = size + 2 * margin
    if size != FRAMED:
        old = image.shape[0]
        image = cv2.resize(image, (full, full), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        landmarks = landmarks * np.float32(full / old)
    return Portrait(name, size, margin, image, landmarks)
