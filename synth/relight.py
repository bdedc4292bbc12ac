"""Light on a face as nine numbers a colour, found on one face and put onto another.

The light that a smooth, matt surface returns is, to within a few per cent, a sum of the first nine spherical
harmonics of its normals (Basri and Jacobs, "Lambertian reflectance and linear subspaces", 2003; Ramamoorthi and
Hanrahan, 2001). They are fitted to the skin at the mesh points. A face's light over its own mean says nothing of how
light or dark its skin is, and it is this ratio that is carried over, so that the albedo, and with it the person,
stays. What the harmonics leave over, a shadow that one part of the head throws on another, follows as a ratio of the
two low-passed pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.faces.mask import LEFT_EYE, LIPS, RIGHT_EYE
from synth.meshwarp import sample

HARMONICS = 9
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSTRILS = (98, 97, 2, 326, 327, 60, 290, 20, 250, 238, 458, 79, 309, 218, 438)
LOW_PASS = 0.025
# How strongly each harmonic is drawn to zero. Up and down more than left and right: a face's two halves have the same
# albedo, so a difference between them is light, where a darker chin may be a beard.
RIDGE = np.array([0.0, 0.01, 0.03, 0.03, 0.03, 0.03, 0.05, 0.03, 0.05])
ROUNDS, OUTLIER = 5, 0.25
DARKEST, BRIGHTEST = 0.35, 2.2
# The finest shading that is evened out, over the crop's side; the side of the picture it is looked at; how far it goes.
EVEN_SIGMA, EVEN_SIDE, EVEN_MOST = 0.1, 64, 1.5


def harmonics(normals: np.ndarray) -> np.ndarray:
    """The nine harmonics (unnormalised) of unit normals (N, 3): 1, x, y, z, xy, xz, yz, x2 - y2, 3 z2 - 1; (N, 9)."""
    x, y, z = np.asarray(normals).T
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], 1)


def skin_points() -> np.ndarray:
    """Mesh points where plain skin is to be expected, bool (478,): not eyes, brows, lips or nostrils."""
    skin = np.ones(478, dtype=bool)
    skin[list((*LEFT_EYE, *RIGHT_EYE, *LIPS, *BROWS, *NOSTRILS, *range(468, 478)))] = False
    return skin


def skin_colours(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Colours of a crop, uint8 (S, S, 3), at its mesh points (478, 2), low-passed: float64 (478, 3) in [0, 1]."""
    smooth = cv2.GaussianBlur(crop, (0, 0), LOW_PASS * crop.shape[0])
    return sample(smooth, landmarks).astype(np.float64) / 255


def fit_light(colours: np.ndarray, normals: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The light on a face, float64 (9, 3): the harmonics' weights for each colour.

    Ridge regression, reweighted so that what is no bare skin (hair, glasses, a shadow's edge) counts little.

    Args:
        colours: (478, 3) in [0, 1], see :func:`skin_colours`.
        normals: (478, 3), unit, in the picture's axes.
        seen: (478,) in [0, 1], how well each point is seen.
    """
    basis = harmonics(normals)
    base = skin_points() * np.asarray(seen, dtype=np.float64)
    if base.sum() < HARMONICS:
        base = skin_points().astype(np.float64)
    weights = base
    light = np.zeros((HARMONICS, 3))
    for _ in range(ROUNDS):
        gram = (basis * weights[:, None]).T @ basis + np.diag(RIDGE) * weights.sum()
        gram[0, 0] += 1e-9
        light = np.linalg.solve(gram, (basis * weights[:, None]).T @ colours)
        brightness = max(float(weights @ colours.mean(1) / weights.sum()), 1e-3)
        off = np.linalg.norm(colours - basis @ light, axis=1) / (brightness * np.sqrt(3))
        weights = base / (1 + (off / OUTLIER) ** 2)
    return light


def mean_light(light: np.ndarray) -> np.ndarray:
    """What the light gives on average over the points of a face that looks at the camera, float64 (3,), above 0."""
    from synth.meshwarp import mean_normals

    skin = skin_points()
    return np.asarray(np.maximum((harmonics(mean_normals()[skin]) @ light).mean(0), 1e-3))


def shading(light: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The light at each normal over its own mean, float64 (N, 3), held within ``DARKEST`` and ``BRIGHTEST``."""
    return np.asarray(np.clip(harmonics(normals) @ light / mean_light(light), DARKEST, BRIGHTEST))


def even_out(face: np.ndarray, crop: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Gains that give a face the coarse shading of the crop it is to stand in, without that one's skin colour.

    The ratio of the two pictures, low-passed within the hull, over its own mean (the quotient image of Shashua and
    Riklin-Raviv, 2001, at a coarse scale).

    Args:
        face, crop: uint8 or float32 RGB (S, S, 3) of one range. hull: float32 (S, S) in [0, 1].

    Returns:
        float32 (S, S, 3), mean 1 over the hull, within 1 / ``EVEN_MOST`` and ``EVEN_MOST``.
    """
    side = (EVEN_SIDE, EVEN_SIDE)
    weight = cv2.resize(hull, side, interpolation=cv2.INTER_AREA)[..., None]
    if float(weight.sum()) < 1:
        return np.ones(face.shape, np.float32)
    small = [cv2.resize(np.asarray(p, dtype=np.float32), side, interpolation=cv2.INTER_AREA) for p in (crop, face)]
    floor = 0.02 * max(float(small[0].max()), 1e-3)
    soft = [cv2.GaussianBlur((p + floor) * weight, (0, 0), EVEN_SIGMA * EVEN_SIDE) for p in small]
    ratio = (soft[0] + 1e-4 * floor) / (soft[1] + 1e-4 * floor)
    ratio /= (ratio * weight).sum((0, 1)) / weight.sum()
    ratio = np.clip(ratio, 1 / EVEN_MOST, EVEN_MOST).astype(np.float32)
    return np.asarray(cv2.resize(ratio, face.shape[1::-1], interpolation=cv2.INTER_LINEAR))
