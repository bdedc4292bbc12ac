"""A small bank of faces of made-up people: real portraits, tinted, one tint a person."""

from __future__ import annotations

import functools

import numpy as np

from datasets.facebank import FaceBank
from datasets.faces.align import align_affine, transform_points, warp_crop
from datasets.faces.finder import make_finder

SIZE, COVERAGE = 160, 1.8
PEOPLE = ("hopper", "astronaut")


@functools.lru_cache(maxsize=2)
def living_bank(each: int = 12) -> FaceBank:
    """The sample's two portraits, animated: ``each`` faces a person, in the order of time."""
    from footage import living

    crops, points, people, times, widths, scales = [], [], [], [], [], []
    finder = make_finder("mediapipe")
    for number, name in enumerate(PEOPLE):
        frames = living(name)
        for i in np.linspace(0, len(frames) - 1, each).astype(int).tolist():
            finder.reset()
            face = finder.find(frames[i])[0]
            assert face.landmarks is not None
            affine = align_affine(face, SIZE, COVERAGE)
            crops.append(warp_crop(frames[i], affine, SIZE))
            points.append(transform_points(face.landmarks, affine)[:, :2])
            people.append(number)
            times.append(i / 10)
            widths.append(float(face.box[2] - face.box[0]))
            scales.append(float(np.sqrt(abs(np.linalg.det(affine[:, :2])))))
    finder.close()
    return FaceBank(
        crops,
        np.array(points, np.float32),
        np.array(people),
        PEOPLE,
        np.array(times),
        np.array(widths, np.float32),
        np.array(scales, np.float32),
        np.array(people),
        SIZE,
        COVERAGE,
    )
