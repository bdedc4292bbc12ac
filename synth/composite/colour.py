"""Colour transfer from the destination to the swapped face: functions on arrays, one a method.

Each takes the face and its reference as float32 RGB in [0, 1] (S, S, 3) and weights (S, S) in [0, 1] that say where
both show skin, and returns float32 RGB in [0, 1]. Where hardly any pixel counts the face comes back as it is. What is
measured is measured on a picture shrunk to ``SEEN``: the destination's own figures, frame by frame, so that the result
is as steady over time as the destination is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

Transfer = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

SEEN = 96
FEWEST = 16.0
# How far a transfer may stretch or squeeze the colours: a noisy or flat reference must not blow up the contrast.
LEAST_GAIN, MOST_GAIN = 0.6, 1.7
KNOTS = np.linspace(0.01, 0.99, 33)
IDT_TURNS = 8
SOT_STEPS, SOT_DIRECTIONS = 6, 6


def _small(*pictures: np.ndarray) -> list[np.ndarray]:
    if pictures[0].shape[0] <= SEEN:
        return list(pictures)
    return [cv2.resize(picture, (SEEN, SEEN), interpolation=cv2.INTER_AREA) for picture in pictures]


def _moments(image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean (3,) and covariance (3, 3) of the three channels."""
    flat, share = image.reshape(-1, 3).astype(np.float64), weights.ravel() / max(float(weights.sum()), 1e-6)
    mean = share @ flat
    away = flat - mean
    return mean, (away * share[:, None]).T @ away


def reinhard(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Match mean and deviation of each Lab channel (Reinhard et al., "Color transfer between images", 2001)."""
    if float(weights.sum()) < FEWEST:
        return face
    small_face, small_reference, share = _small(face, reference, weights)
    mean, covariance = _moments(cv2.cvtColor(small_face, cv2.COLOR_RGB2LAB), share)
    wanted, wanted_covariance = _moments(cv2.cvtColor(small_reference, cv2.COLOR_RGB2LAB), share)
    ratio = np.sqrt(np.diag(wanted_covariance)) / np.maximum(np.sqrt(np.diag(covariance)), 1e-3)
    ratio = np.clip(ratio, LEAST_GAIN, MOST_GAIN)
    lab = cv2.cvtColor(face, cv2.COLOR_RGB2LAB)
    moved = lab * ratio.astype(np.float32) + (wanted - mean * ratio).astype(np.float32)
    return np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), 0, 1)


def _gains_held(matrix: np.ndarray) -> np.ndarray:
    """The matrix with its singular values within bounds."""
    left, gains, right = np.linalg.svd(matrix)
    return left * np.clip(gains, LEAST_GAIN, MOST_GAIN) @ right


def linear(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Match mean and covariance in Lab by their Cholesky factors (the linear transfer of Hertzmann, 2001).

    Lightness comes first, so that it depends on nothing else and the colours follow it.
    """
    if float(weights.sum()) < FEWEST:
        return face
    small_face, small_reference, share = _small(face, reference, weights)
    mean, covariance = _moments(cv2.cvtColor(small_face, cv2.COLOR_RGB2LAB), share)
    wanted, wanted_covariance = _moments(cv2.cvtColor(small_reference, cv2.COLOR_RGB2LAB), share)
    floor = np.eye(3) * 0.1
    factor = np.linalg.cholesky(wanted_covariance + floor) @ np.linalg.inv(np.linalg.cholesky(covariance + floor))
    matrix = _gains_held(factor)
    affine = np.column_stack([matrix, wanted - matrix @ mean]).astype(np.float32)
    lab = cv2.transform(cv2.cvtColor(face, cv2.COLOR_RGB2LAB), affine)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def monge_kantorovitch(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Match mean and covariance in RGB with the least change of colours (Pitie and Kokaram, "The linear
    Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007)."""
    if float(weights.sum()) < FEWEST:
        return face
    small_face, small_reference, share = _small(face, reference, weights)
    mean, covariance = _moments(small_face, share)
    wanted, wanted_covariance = _moments(small_reference, share)
    floor = np.eye(3) * 1e-5
    root = _root(covariance + floor)
    inverse = np.linalg.inv(root)
    matrix = _gains_held(inverse @ _root(root @ (wanted_covariance + floor) @ root) @ inverse)
    affine = np.column_stack([matrix, wanted - matrix @ mean]).astype(np.float32)
    return np.clip(cv2.transform(face, affine), 0, 1)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric root of a positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _displaced(
    face: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    moved: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """A transfer of the whole distribution, found on the small picture and added smoothly to the full one.

    A map of single colours makes grain and blocks coarser; its displacement, smoothed over neighbours, does not
    (after Rabin, Delon and Gousseau, "Removing artefacts from color and contrast modifications", 2011).
    """
    small_face, small_reference, share = _small(face, reference, weights)
    chosen = share.ravel() > 0.3
    if chosen.sum() < 4 * FEWEST:
        return face
    flat = small_face.reshape(-1, 3).astype(np.float64)
    made = moved(flat, flat[chosen], small_reference.reshape(-1, 3)[chosen].astype(np.float64))
    shift = cv2.GaussianBlur((made - flat).reshape(small_face.shape).astype(np.float32), (0, 0), 0.012 * SEEN)
    if shift.shape != face.shape:
        shift = cv2.resize(shift, face.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(face + shift, 0, 1)


def _match(values: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Values through the map that takes the quantiles of ``own`` to those of ``wanted``, all 1-D.

    The map's slope is bounded, and beyond the outermost quantiles it goes on as a shift.
    """
    low, high = np.quantile(own, KNOTS), np.quantile(wanted, KNOTS)
    step = np.maximum(np.diff(low), 1e-6)
    rise = np.clip(np.diff(high), step * LEAST_GAIN / 2, step * MOST_GAIN * 2)
    high = np.concatenate([[0.0], np.cumsum(rise)]) + np.median(high)
    high -= np.median(high) - np.median(wanted)
    made = np.interp(values, low, high)
    return made + np.minimum(values - low[0], 0) + np.maximum(values - low[-1], 0)


@cache
def _rotations(count: int) -> np.ndarray:
    """Rotations spread by a fixed seed (count, 3, 3), the first one the identity: the same for every frame."""
    random = np.random.default_rng(7)
    made = [np.eye(3)] + [np.linalg.qr(random.standard_normal((3, 3)))[0] for _ in range(count - 1)]
    return np.stack(made)


def iterative_distribution(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Match the whole distribution, axis by axis in turned spaces (Pitie, Kokaram and Dahyot, "Automated colour
    grading using colour distribution transfer", 2007)."""

    def moved(everything: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        for turn in _rotations(IDT_TURNS):
            aims, here, all_here = wanted @ turn, own @ turn, everything @ turn
            everything = np.stack([_match(all_here[:, i], here[:, i], aims[:, i]) for i in range(3)], 1) @ turn.T
            own = np.stack([_match(here[:, i], here[:, i], aims[:, i]) for i in range(3)], 1) @ turn.T
        return everything

    return _displaced(face, reference, weights, moved)


def sliced_optimal_transport(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Move the distribution along the mean of optimal 1-D transports in many directions (Rabin, Peyre, Delon and
    Bernot, "Wasserstein barycenter and its application to texture mixing", 2011)."""

    def moved(everything: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        for turns in _rotations(SOT_STEPS * SOT_DIRECTIONS // 3).reshape(SOT_STEPS, -1, 3, 3):
            lines = np.concatenate(list(turns), 1)  # (3, directions)
            here, aims, all_here = own @ lines, wanted @ lines, everything @ lines
            count = lines.shape[1]
            pulls = np.stack([_match(all_here[:, i], here[:, i], aims[:, i]) for i in range(count)], 1) - all_here
            own_pulls = np.stack([_match(here[:, i], here[:, i], aims[:, i]) for i in range(count)], 1) - here
            # The mean of the pulls' projections holds a third of the displacement in each direction.
            everything = everything + pulls @ lines.T * (3 / count)
            own = own + own_pulls @ lines.T * (3 / count)
        return everything

    return _displaced(face, reference, weights, moved)


def match_histogram(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Match the histogram of each RGB channel under the weights (exact quantiles, bounded slope)."""
    small_face, small_reference, share = _small(face, reference, weights)
    chosen = share > 0.3
    if chosen.sum() < 4 * FEWEST:
        return face
    levels = np.linspace(0, 1, 256)
    made = [
        np.interp(face[..., i], levels, _match(levels, small_face[..., i][chosen], small_reference[..., i][chosen]))
        for i in range(3)
    ]
    return np.clip(np.stack(made, -1), 0, 1).astype(np.float32)


def none(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Leave the colours as the model made them."""
    return face


TRANSFERS: dict[str, Transfer] = {
    "rct": reinhard,
    "lct": linear,
    "mkl": monge_kantorovitch,
    "idt": iterative_distribution,
    "sot": sliced_optimal_transport,
    "none": none,
}
ALIASES = {"reinhard": "rct"}
