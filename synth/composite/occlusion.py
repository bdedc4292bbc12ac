"""What is in front of the face (a hand, a microphone, loose hair) and stays the destination's.

Three ways, one a setting:

``learned``
    where the model's own mask says that there is no face. As good as the method's mask is; one that was trained on
    the hull alone knows of no occluder.
``segment``
    hands, by MediaPipe's hand landmarks in a square about the face: palm and fingers drawn as they lie. Nothing else.
``auto``
    the learned mask, hands, and whatever does not look as this person's face usually does: the crop, bent to the mean
    shape of the clip's faces, against their median and spread there. It needs no model of what hides a face. What is
    there in most frames (glasses, a fringe, a beard) is usual and is not kept, nor is what has the skin's own colour
    and light; eyes and mouth, whose look changes by themselves, are only judged by colours far off.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from datasets.errors import InputError
from datasets.faces.align import transform_points, warp_crop
from datasets.faces.mask import eye_mouth_mask, hull_mask
from datasets.faceset import FaceSet, Tracks, load_arrays
from synth.texture import bend

__all__ = ["Occlusion", "UsualFace", "hand_mask"]

SIDE = 96
MOST_FACES = 48
FEWEST_FACES = 12
# Lab deviations that count as usual even where the clip shows less: light, noise and the mesh's own error.
LEAST_SPREAD = (6.0, 3.0, 3.0)
UNUSUAL, CERTAIN = 2.2, 3.4
EYES_AND_MOUTH = 0.5  # how much less a departure counts there
SMALLEST = 0.012  # of the hull's area: what is smaller is no occluder
HAND_SIDE, HAND_VIEW = 256, 1.6
# At lower confidence, chins and ears pass for hands now and then.
HAND_CONFIDENCE = 0.65
PALM = (0, 1, 5, 9, 13, 17)
BONES = (*((base + i, base + i + 1) for base in (1, 5, 9, 13, 17) for i in range(3)), (0, 5), (0, 17), (0, 1))


class Occlusion:
    """What hides the face in the frames of one clip; models are made when a setting first needs them.

    Args:
        faces, track: the clip's face set and whose face it is.
        size, coverage: of the crops that are swapped.
    """

    def __init__(self, faces: FaceSet, track: Tracks, size: int, coverage: float) -> None:
        self._faces, self._track, self._size, self._coverage = faces, track, size, coverage
        self._usual: UsualFace | None = None
        self._hands: _Hands | None = None

    def kept(
        self, way: str, frame: np.ndarray, affine: np.ndarray, crop: np.ndarray, points: np.ndarray, learned: np.ndarray
    ) -> np.ndarray | None:
        """Where the destination stays, float32 (S, S) in [0, 1]; None for nowhere.

        Args:
            way: one of ``synth.composite.settings.OCCLUSIONS``.
            frame, affine: the frame and its map to crop pixels.
            crop: uint8 RGB (S, S, 3). points: float32 (478, 2) in it. learned: float32 (S, S), the model's mask.

        Raises:
            InputError: ``auto`` with fewer faces than tell what is usual.
        """
        if way == "off":
            return None
        if way == "segment":
            return self._hand(frame, affine)
        absent = np.clip(1 - learned, 0, 1).astype(np.float32) * hull_mask(points, learned.shape[:2])
        if way == "learned":
            return absent
        self._usual = self._usual or self._look()
        return np.maximum(np.maximum(absent, self._usual.unusual(crop, points)), self._hand(frame, affine))

    def _hand(self, frame: np.ndarray, affine: np.ndarray) -> np.ndarray:
        self._hands = self._hands or _Hands()
        return self._hands.kept(frame, affine, self._size)

    def _look(self) -> UsualFace:
        faces = load_arrays(self._faces, SIDE, self._coverage, self._track, MOST_FACES)
        if len(faces) < FEWEST_FACES:
            raise InputError(
                f"occlusion auto needs {FEWEST_FACES} faces of the destination to know its usual look, and there are "
                f"{len(faces)}; use segment, learned or off."
            )
        return UsualFace(faces.images, faces.landmarks)

    def close(self) -> None:
        """Let go of the models."""
        if self._hands is not None:
            self._hands.close()
            self._hands = None


class UsualFace:
    """How one person's face usually looks over a clip, in the mean shape of its own mesh.

    Args:
        images: uint8 RGB (N, S, S, 3), aligned crops.
        landmarks: float32 (N, 478, 2), crop pixels.
    """

    def __init__(self, images: np.ndarray, landmarks: np.ndarray) -> None:
        self.side = images.shape[1]
        self.shape = landmarks.mean(0).astype(np.float32)
        self.hull = hull_mask(self.shape, (self.side, self.side)) > 0.5
        looks = np.stack([_lab(bend(i, p, self.shape)) for i, p in zip(images, landmarks, strict=True)])
        self.median = np.median(looks, 0).astype(np.float32)
        looks = np.stack([look - self._light(look - self.median) for look in looks])
        spread = 1.4826 * np.median(np.abs(looks - self.median), 0)
        self.spread = np.sqrt(spread**2 + np.square(LEAST_SPREAD)).astype(np.float32)
        lively = eye_mouth_mask(self.shape, (self.side, self.side), 0.5)
        self.weight = (1 - EYES_AND_MOUTH * cv2.GaussianBlur(lively, (0, 0), self.side / 60)).astype(np.float32)

    def _light(self, departure: np.ndarray) -> np.ndarray:
        """The even part of a departure from the usual look, which is light; an occluder under half the face is not."""
        return np.median(departure[self.hull], 0)

    def unusual(self, crop: np.ndarray, points: np.ndarray) -> np.ndarray:
        """How surely each pixel of a crop (S, S, 3) shows something else than this face: float32 (S, S) in [0, 1]."""
        size, side = crop.shape[0], self.side
        scale = side / size
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) if size != side else crop
        here = ((points + 0.5) * scale - 0.5).astype(np.float32)
        departure = _lab(bend(small, here, self.shape)) - self.median
        departure -= self._light(departure)
        score = np.sqrt(np.square(departure / self.spread).sum(-1)) * self.weight * self.hull
        score = cv2.GaussianBlur(score.astype(np.float32), (0, 0), side / 64)
        score *= _connected(score, SMALLEST * float(self.hull.sum()))
        # Bent back, and a little wider: the edge of what hides the face is its own, not the swap's.
        score = cv2.dilate(bend(score, self.shape, here), np.ones((3, 3), np.uint8))
        soft = np.clip((score - UNUSUAL) / (CERTAIN - UNUSUAL), 0, 1)
        return cv2.resize(soft, (size, size), interpolation=cv2.INTER_LINEAR)


def _lab(image: np.ndarray) -> np.ndarray:
    """Lab of a uint8 RGB picture, a little blurred, float32."""
    return cv2.GaussianBlur(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), 1.0)


def _connected(score: np.ndarray, least: float) -> np.ndarray:
    """1 where the score belongs to a patch of at least so many pixels that is certain somewhere, else 0."""
    count, labels, figures, _ = cv2.connectedComponentsWithStats((score > UNUSUAL).astype(np.uint8))
    keep = np.zeros(count, np.float32)
    for label in range(1, count):
        if figures[label, cv2.CC_STAT_AREA] >= least and score[labels == label].max() > CERTAIN:
            keep[label] = 1
    return keep[labels]


class _Hands:
    """MediaPipe's hand landmarks, each picture by itself, so that a frame's answer does not hang on the one before."""

    def __init__(self) -> None:
        from datasets.faces.graphs import without_noise

        with without_noise():
            from mediapipe.python.solutions.hands import Hands

            self._model: Any = Hands(
                static_image_mode=True, max_num_hands=2, model_complexity=0, min_detection_confidence=HAND_CONFIDENCE
            )
            self._model.process(np.zeros((HAND_SIDE, HAND_SIDE, 3), np.uint8))

    def kept(self, frame: np.ndarray, affine: np.ndarray, size: int) -> np.ndarray:
        wide = np.asarray(affine, np.float64) * (HAND_SIDE / size / HAND_VIEW)
        wide[:, 2] += HAND_SIDE / 2 * (1 - 1 / HAND_VIEW)
        view = warp_crop(frame, wide.astype(np.float32), HAND_SIDE)
        found = self._model.process(view).multi_hand_landmarks or []
        back = np.array([[1, 0, -HAND_SIDE / 2 * (1 - 1 / HAND_VIEW)], [0, 1, -HAND_SIDE / 2 * (1 - 1 / HAND_VIEW)]])
        back *= size * HAND_VIEW / HAND_SIDE
        mask = np.zeros((size, size), np.float32)
        for hand in found:
            points = np.array([(p.x, p.y) for p in hand.landmark]) * HAND_SIDE - 0.5
            mask = np.maximum(mask, hand_mask(transform_points(points, back), size))
        return mask

    def close(self) -> None:
        self._model.close()


def hand_mask(points: np.ndarray, size: int) -> np.ndarray:
    """A hand's palm and fingers from its 21 landmarks (crop pixels), float32 (size, size) in [0, 1], softly."""
    mask = np.zeros((size, size), np.uint8)
    width = max(2, round(0.36 * float(np.linalg.norm(points[5] - points[17]))))
    fixed = np.round(np.clip(points, -4 * size, 5 * size)).astype(np.int32)
    cv2.fillConvexPoly(mask, cv2.convexHull(fixed[list(PALM)]), 255)
    for one, other in BONES:
        cv2.line(mask, tuple(fixed[one].tolist()), tuple(fixed[other].tolist()), 255, width)
    return cv2.GaussianBlur(mask, (0, 0), max(1.0, size / 96)).astype(np.float32) / 255
