"""A person's neutral texture, and that texture bent to another expression by the landmarks.

A network with a likeness starts from this picture and learns what is missing in it (the inside of the mouth, lids,
light, the far side of a turned head), instead of learning the whole face from grey: the idea of active appearance
models (Cootes, Edwards and Taylor, 1998) as a starting point for an autoencoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.facearrays import FaceArrays
from datasets.faces.mask import hull_mask
from synth.composite.colour import reinhard
from synth.meshwarp import rasterise, with_irises_between_lids

UPPER_LIP, LOWER_LIP, NOSE, LEFT_CHEEK, RIGHT_CHEEK = 13, 14, 1, 234, 454
LEFT_LIDS, RIGHT_LIDS = (159, 145), (386, 374)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
SPREAD = ((0.01, 1.0), (0.04, 1e-3), (0.25, 1e-6))
SCALES = ((0.02, 1.0), (0.06, 1e-2), (0.25, 1e-5))
MOST_AVERAGED = 10
# Part of a picture's side that is left out at a mesh's rim, where it holds hair and background.
RIM = 0.035
# How much of the source's own shape a swap keeps.
SHAPE = 0.3
CANDIDATES = 5


@dataclass(frozen=True)
class Texture:
    """A face at rest.

    Attributes:
        image: uint8 RGB (S, S, 3).
        landmarks: float32 (478, 2), crop pixels: where the neutral face's points lie.
    """

    image: np.ndarray
    landmarks: np.ndarray

    def halved(self) -> Texture:
        """The same at half the size."""
        return self.shrunk(self.image.shape[0] // 2)

    def shrunk(self, side: int) -> Texture:
        """The same at a smaller size."""
        return Texture(shrunk(self.image, side), shrunk_points(self.landmarks, self.image.shape[0], side))


def flow(at: np.ndarray, towards: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth map that takes each pixel near a point of ``at`` to the same point of ``towards``.

    Normalised convolution of the landmarks' displacements with Gaussians of falling weight and growing width: close
    to the landmarks they decide, far away the nearest ones do.

    Args:
        at, towards: float32 (478, 2), pixels of a square of ``size``.

    Returns:
        x and y to sample from, float32 (size, size) each.
    """
    planes = np.zeros((size, size, 3), dtype=np.float32)
    place = np.clip(at, 0, size - 1.001)
    low = np.floor(place).astype(int)
    rest = place - low
    values = np.column_stack([towards - at, np.ones(len(at))]).astype(np.float32)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - dx - rest[:, 0]) * np.abs(1 - dy - rest[:, 1])
        np.add.at(planes, (low[:, 1] + dy, low[:, 0] + dx), values * weight[:, None])
    spread = np.zeros_like(planes)
    for sigma, share in SCALES:
        spread += share * _blurred(planes, sigma * size)
    moved = spread[..., :2] / np.maximum(spread[..., 2:], 1e-12)
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    return x + moved[..., 0], y + moved[..., 1]


def _blurred(planes: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur (H, W, C); a wide one is made on a smaller picture, where it costs little."""
    shrink = max(1, int(sigma / 2.5))
    side = planes.shape[1::-1]
    small = planes
    if shrink > 1:
        small = cv2.resize(planes, (-(-side[0] // shrink), -(-side[1] // shrink)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return blurred if shrink == 1 else cv2.resize(blurred, side, interpolation=cv2.INTER_LINEAR)


def bend(image: np.ndarray, points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The picture with its ``points`` moved to the ``wanted`` places, uint8 like ``image`` (S, S, C).

    Inside the mesh piecewise affine, so that lips and lids meet where they should; around it a smooth flow.
    """
    size = image.shape[0]
    x, y = (np.ascontiguousarray(plane, dtype=np.float32) for plane in flow(wanted, points, size))
    mesh = rasterise(with_irises_between_lids(wanted), None, size)
    inside = mesh.spread(with_irises_between_lids(points))
    x.ravel()[mesh.pixels], y.ravel()[mesh.pixels] = inside[:, 0], inside[:, 1]
    # Where an extreme expression folds the mesh, single pixels come from the wrong side of the fold; edges stay.
    return cv2.remap(
        image, cv2.medianBlur(x, 5), cv2.medianBlur(y, 5), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def filled(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The picture with its skin spread beyond the face, uint8 (S, S, 3): hair and background must not be drawn in.

    Args:
        inside: float32 (S, S) in [0, 1], the face.
    """
    weight = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=max(1, round(RIM * len(image))))[..., None]
    planes = np.dstack([image * weight, weight]).astype(np.float32)
    spread = np.zeros_like(planes)
    for sigma, share in SPREAD:
        spread += share * _blurred(planes, sigma * len(image))
    around = spread[..., :3] / np.maximum(spread[..., 3:], 1e-12)
    return np.rint(image * weight + around * (1 - weight)).astype(np.uint8)


def restlessness(landmarks: np.ndarray) -> np.ndarray:
    """How far each face (N, 478, 2) is from rest: mouth open, eyes shut, head turned; float (N,), 0 is at rest."""

    def distance(first: int, second: int) -> np.ndarray:
        return np.linalg.norm(landmarks[:, first] - landmarks[:, second], axis=1)

    width = np.maximum(distance(LEFT_CHEEK, RIGHT_CHEEK), 1e-6)
    mouth = distance(UPPER_LIP, LOWER_LIP) / width
    eyes = (distance(*LEFT_LIDS) + distance(*RIGHT_LIDS)) / (2 * width)
    middle = (landmarks[:, LEFT_CHEEK, 0] + landmarks[:, RIGHT_CHEEK, 0]) / 2
    turn = np.abs(landmarks[:, NOSE, 0] - middle) / width
    shut = np.maximum(0, np.quantile(eyes, 0.6) - eyes)
    return mouth + 2 * shut + turn


def neutral_texture(faces: FaceArrays) -> Texture:
    """The mean of a few faces near rest, each bent to their mean shape first, so that it stays sharp.

    Of the faces nearest to rest the sharpest are taken.
    """
    unrest = restlessness(faces.landmarks)
    near = np.argsort(unrest, kind="stable")[: max(4, min(CANDIDATES * MOST_AVERAGED, len(faces) // 5))]
    sharp = [cv2.Laplacian(cv2.cvtColor(faces.images[i], cv2.COLOR_RGB2GRAY), cv2.CV_32F).var() for i in near]
    chosen = near[np.argsort(np.negative(sharp), kind="stable")[:MOST_AVERAGED]]
    shape = faces.landmarks[chosen].mean(0).astype(np.float32)
    total = np.zeros(faces.images.shape[1:], dtype=np.float64)
    for index in chosen:
        total += bend(faces.images[index], faces.landmarks[index], shape)
    mean = np.rint(total / len(chosen)).astype(np.uint8)
    return Texture(filled(mean, hull_mask(shape, mean.shape[:2])), shape)


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """A square picture or mask (S, S) or (S, S, C) at a smaller size, each pixel the mean of those it covers."""
    return image if image.shape[0] == side else cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def shrunk_points(points: np.ndarray, size: int, side: int) -> np.ndarray:
    """The points of a picture of ``size`` in the pixels of the same picture shrunk to ``side``, float32 (..., 2)."""
    return ((points + 0.5) * (side / size) - 0.5).astype(np.float32)


def halved(image: np.ndarray) -> np.ndarray:
    """A picture or mask (S, S) or (S, S, C) at half its size, each pixel the mean of four."""
    return shrunk(image, image.shape[0] // 2)


def halved_points(points: np.ndarray) -> np.ndarray:
    """The same points in the pixels of the halved picture."""
    return shrunk_points(points, 2, 1)


def with_detail(coarse: np.ndarray, likeness: np.ndarray, tolerance: float = 0.10) -> np.ndarray:
    """A face larger than the network's: what the network made, with the fine texture of the likeness over it.

    The fine texture is left out where the network departs from the likeness (an open mouth, a shut eye), for there it
    belongs to something that is not in the picture any more.

    Args:
        coarse: float32 RGB (S, S, 3) in [0, 1], the network's face.
        likeness: uint8 (T, T, 3 or more), T >= S, the bent neutral texture.
        tolerance: departure at which most of the detail is gone.

    Returns:
        float32 RGB (T, T, 3) in [0, 1].
    """
    fine = likeness[..., :3].astype(np.float32) / 255
    low = shrunk(fine, coarse.shape[0])
    side = fine.shape[1::-1]
    detail = fine - cv2.resize(low, side, interpolation=cv2.INTER_CUBIC)
    departure = cv2.GaussianBlur(np.abs(coarse - low).max(-1), (0, 0), 1.5)
    share = cv2.resize(np.exp(-((departure / tolerance) ** 2)), side, interpolation=cv2.INTER_LINEAR)
    return np.clip(cv2.resize(coarse, side, interpolation=cv2.INTER_CUBIC) + detail * share[..., None], 0, 1)


def mouth_interior(landmarks: np.ndarray, size: int) -> np.ndarray:
    """What lies between the lips, softly: float32 (size, size) in [0, 1], zero for a closed mouth.

    Args:
        landmarks: (478, 2), pixels of a square of ``size``.
    """
    mask = np.zeros((size, size), dtype=np.uint8)
    polygon = np.asarray(landmarks, dtype=np.float32)[list(INNER_LIPS), :2]
    opening = polygon[:, 1].max() - polygon[:, 1].min()
    across = polygon[:, 0].max() - polygon[:, 0].min()
    if opening < 0.12 * across:
        return mask.astype(np.float32)
    cv2.fillPoly(mask, [np.round(polygon * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), 0.007 * size).astype(np.float32) / 255


def likeness(texture: Texture, landmarks: np.ndarray, living: Texture | None = None) -> np.ndarray:
    """The texture bent to these landmarks, with the hull they span: uint8 (S, S, 4).

    A face at rest shows nothing of the inside of the mouth. Where the lips are parted it is taken from the ``living``
    face, the one whose expression this is, bent to the same landmarks.
    """
    size = texture.image.shape[0]
    picture = bend(texture.image, texture.landmarks, landmarks)
    if living is not None:
        inside = mouth_interior(landmarks, size)
        if inside.any():
            other = bend(living.image, living.landmarks, landmarks)
            picture = np.rint(picture + (other.astype(np.float32) - picture) * inside[..., None]).astype(np.uint8)
    hull = np.rint(hull_mask(landmarks, (size, size)) * 255).astype(np.uint8)
    return np.dstack([picture, hull])


def carry_over(landmarks: np.ndarray, rest: np.ndarray, new_rest: np.ndarray, share: float = SHAPE) -> np.ndarray:
    """The same expression on another face, (478, 2): moved by ``share`` of what parts the two faces at rest.

    They are compared after the affine map that brings the one nearest to the other, so that place, size, turn and
    proportions stay the old face's, and what is its own of the new one's brows, eyes, nose and mouth comes through.
    With 0 the new face takes the shape of the old one altogether.
    """
    plane = np.column_stack([new_rest, np.ones(len(new_rest))]).astype(np.float64)
    brought = plane @ np.linalg.lstsq(plane, rest.astype(np.float64), rcond=None)[0]
    return (landmarks + share * (brought - rest)).astype(np.float32)


def carried(
    source: Texture, rest: Texture, crop: np.ndarray, mask: np.ndarray, landmarks: np.ndarray, share: float = SHAPE
) -> np.ndarray:
    """The source's likeness with the expression of a destination crop: uint8 (S, S, 4).

    The inside of the mouth comes from the crop, in the source's colours.

    Args:
        source, rest: source and destination at rest, at the crop's size.
        crop, mask, landmarks: uint8 RGB (S, S, 3), its hull uint8 (S, S), float32 (478, 2) in crop pixels.
        share: how much of the source's own shape is kept (``carry_over``).
    """
    wanted = carry_over(landmarks, rest.landmarks, source.landmarks, share)
    living = None
    if mouth_interior(wanted, crop.shape[0]).any():
        hull = mask.astype(np.float32) / 255
        coloured = reinhard(crop.astype(np.float32) / 255, source.image.astype(np.float32) / 255, hull)
        living = Texture(np.rint(coloured * 255).astype(np.uint8), landmarks)
    return likeness(source, wanted, living)
