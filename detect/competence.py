"""What a detector knows, so that it can say when it is asked about something else.

A detector's probability holds for faces like those it was calibrated on. How unlike a face is: its Mahalanobis
distance, in the detector's own features, to the crops of training (Lee et al., "A simple unified framework for
detecting out-of-distribution samples", 2018, with one Gaussian over both classes and a shrunk covariance, Ledoit and
Wolf, 2004), against what held-out crops of the same material reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from detect.recipes.paired import sharpness

QUANTILE = 0.95
SMALLEST_FACE = 64.0
# Coded bits a pixel and frame: talking heads at H.264 CRF 35 have 0.004 to 0.02, at CRF 42 0.002 to 0.01.
FEWEST_BITS = 0.004
# A share of exactly equal neighbours: photographed faces have up to 0.48 at CRF 35 and 0.57 at CRF 42.
FLATTEST = 0.6
FLAT_ROWS, FLAT_REACH = 96, 0.15
# Levels, see :func:`colourfulness`: talking heads have 19 to 80; black and white 0 to 1, whatever the compression.
COLOURLESS = 3.0


@dataclass(frozen=True)
class Competence:
    """The limits of one detector.

    Attributes:
        mean: float32 (d,), of the features of training crops, real and fake.
        whitening: float32 (d, d); the distance of features f is ``|whitening @ (f - mean)| / sqrt(d)``.
        threshold: distance beyond which a face is not like those the detector knows.
        sharpness: (low, high) of the held-out crops, see :func:`detect.recipes.paired.sharpness`.
        face_width: (smallest, largest) pixels in the frame that the detector answers for; the largest is None where
            it is not known.
        bits: coded bits a pixel and frame of a clip below which compression has taken too much.
        flat: see :func:`flat_share`, above which a face hardly is a photographed one.
    """

    mean: np.ndarray
    whitening: np.ndarray
    threshold: float
    sharpness: tuple[float, float]
    face_width: tuple[float, float | None]
    bits: float = FEWEST_BITS
    flat: float = FLATTEST

    def distance(self, features: np.ndarray) -> np.ndarray:
        """float64 (N,) of features (N, d), in units of the threshold: above 1 is outside."""
        centred = np.asarray(features, dtype=np.float64) - self.mean
        return np.linalg.norm(centred @ self.whitening.T, axis=1) / np.sqrt(len(self.mean)) / self.threshold

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean, "whitening": self.whitening}

    def to_card(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "sharpness": list(self.sharpness),
            "face_width": list(self.face_width),
            "bits_per_pixel": self.bits,
            "flat_share": self.flat,
            "feature_distance": "Mahalanobis distance to the training crops, shrunk covariance",
        }

    @staticmethod
    def from_card(card: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Competence:
        low, high = card["sharpness"]
        smallest, largest = card["face_width"]
        return Competence(
            arrays["mean"],
            arrays["whitening"],
            float(card["threshold"]),
            (float(low), float(high)),
            (float(smallest), None if largest is None else float(largest)),
            float(card.get("bits_per_pixel", FEWEST_BITS)),
            float(card.get("flat_share", FLATTEST)),
        )


def flat_share(image: np.ndarray, box: np.ndarray) -> float:
    """Share of pixels around a face that equal the one beside them exactly, in all three colours.

    A camera's noise leaves few such pixels, compression more; drawings and animation are made of them.

    Args:
        image: the frame, uint8 RGB HxWx3.
        box: of the face, xyxy.

    Returns:
        In [0, 1]; NaN where the box lies outside the frame.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    reach = FLAT_REACH * max(x1 - x0, y1 - y0)
    left, top = max(0, int(x0 - reach)), max(0, int(y0 - reach))
    right, bottom = max(0, int(x1 + reach)), max(0, int(y1 + reach))
    part = image[top : bottom : max(1, (bottom - top) // FLAT_ROWS), left:right]
    if part.shape[0] < 1 or part.shape[1] < 2:
        return float("nan")
    same = part[:, 1:] == part[:, :-1]
    return float((same[..., 0] & same[..., 1] & same[..., 2]).mean())


def colourfulness(crop: np.ndarray) -> float:
    """How far apart red, green and blue are in a face's crop (uint8 RGB HxWx3), mean over the pixels, in levels."""
    red, green, blue = cv2.split(crop)
    return float((cv2.max(cv2.max(red, green), blue) - cv2.min(cv2.min(red, green), blue)).mean())


def fit_competence(
    training: np.ndarray, held_out: np.ndarray, held_out_crops: np.ndarray, face_widths: np.ndarray
) -> Competence:
    """Measure what a detector knows.

    Args:
        training: float (N, d), features of training crops.
        held_out: float (M, d), features of held-out crops.
        held_out_crops: uint8 (K, S, S, 3), for the range of sharpness.
        face_widths: float (L,), pixels in the frame, zeros where it is not known.
    """
    training = np.asarray(training, dtype=np.float64)
    mean, scale = training.mean(0), np.maximum(training.std(0), 1e-4)
    covariance = shrunk_covariance((training - mean) / scale)
    values, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(np.maximum(values, 1e-6))).T / scale
    fitted = Competence(
        mean.astype(np.float32), whitening.astype(np.float32), 1.0, (0.0, np.inf), (SMALLEST_FACE, None)
    )
    threshold = float(np.quantile(fitted.distance(held_out), QUANTILE))
    sharp = np.array([sharpness(crop) for crop in held_out_crops])
    low, high = np.quantile(sharp, [0.01, 0.99])
    known = face_widths[face_widths > 0]
    return Competence(
        fitted.mean,
        fitted.whitening,
        max(threshold, 1e-6),
        (float(low) / 3, float(high) * 3),
        (
            max(SMALLEST_FACE, float(known.min()) / 2) if len(known) else SMALLEST_FACE,
            float(known.max()) * 2 if len(known) else None,
        ),
    )


def shrunk_covariance(centred: np.ndarray) -> np.ndarray:
    """The covariance (d, d) of centred rows (N, d), shrunk towards a multiple of the identity.

    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices" (2004). Written out
    because a training machine needs no scikit-learn.
    """
    count, width = centred.shape
    sample = centred.T @ centred / count
    target = np.trace(sample) / width * np.eye(width)
    distance = float(((sample - target) ** 2).sum())
    # Mean squared distance of one row's own outer product from the sample covariance, over the rows.
    noise = float(((centred**2).T @ (centred**2) / count - sample**2).sum()) / count
    share = min(1.0, noise / distance) if distance > 0 else 1.0
    return (1 - share) * sample + share * target
