"""What judges the cues: which faces are measured finely, and that trees and lines say what they were fitted to say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.faces.finder import Face
from detect.cues.forest import fit_forest
from detect.cues.frame import FRAME_CUES, measure_frame
from detect.cues.model import FINE_SIDE, LARGE, CueModel, Line, fine, fit_line, is_fine, measure_face
from detect.cues.patch import LARGEST_SIDE, cut_patch

SOME = ("slope_features_0", "skin_over_outer_0", "crispness_features")
NAMES = (*SOME, *map(fine, SOME))


def of_side(portrait: tuple[np.ndarray, Face], side: float) -> tuple[np.ndarray, Face]:
    image, face = portrait
    assert face.landmarks is not None
    by = side / float(np.ptp(face.landmarks[:, :2], axis=0).max())
    points = face.landmarks.copy()
    points[:, :2] = (points[:, :2] + 0.5) * by - 0.5
    way = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=by, fy=by, interpolation=way), replace(face, landmarks=points)


def test_only_large_faces_are_measured_finely(portrait: tuple[np.ndarray, Face]) -> None:
    small, between, large = (measure_face(*of_side(portrait, side), NAMES) for side in (LARGE - 8, LARGE + 8, 400.0))
    assert np.isfinite(small[:3]).all() and np.isnan(small[3:]).all()
    # Up to the size to which faces are brought down for the usual cues both are the same pixels.
    assert np.array_equal(between[:3], between[3:]) and np.isfinite(between).all()
    assert np.isfinite(large).all() and not np.isclose(large[:3], large[3:]).any()


def test_fine_cues_are_those_of_a_larger_patch(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = of_side(portrait, 600.0)
    for largest, part in ((LARGEST_SIDE, slice(0, 3)), (FINE_SIDE, slice(3, 6))):
        patch = cut_patch(image, face, largest)
        assert patch is not None and patch.side == pytest.approx(largest, rel=0.01)
        assert np.array_equal(measure_face(image, face, NAMES)[part], measure_frame(patch, SOME))


def test_names_come_in_any_order(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = of_side(portrait, 300.0)
    mixed = tuple(reversed(NAMES))
    assert np.array_equal(measure_face(image, face, mixed)[::-1], measure_face(image, face, NAMES))


def test_a_face_without_a_mesh_has_no_cues(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    assert np.isnan(measure_face(image, replace(face, landmarks=None), NAMES)).all()


def test_a_coarser_face_shows_in_the_fine_cues_alone(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = of_side(portrait, 440.0)
    grain = np.random.default_rng(0).normal(0, 8, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.float32)
    assert face.landmarks is not None
    cv2.fillConvexPoly(mask, cv2.convexHull(face.landmarks[:, :2].astype(np.int32)), 1)
    coarse = cv2.resize(cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), image.shape[1::-1])
    swap = (image * (1 - mask[..., None]) + coarse * mask[..., None]).astype(np.uint8)
    moved = np.abs(measure_face(swap, face, NAMES) - measure_face(image, face, NAMES))
    assert moved[3] > 2 * moved[0] and moved[3] > 0.3


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count // 2)
    rows = random.normal(size=(count, 4)).astype(np.float32) * [1, 5, 0.1, 1] + labels[:, None] * [0.8, 0, 0.1, 0]
    return rows.astype(np.float32), labels


def test_a_line_finds_what_tells_and_leaves_the_rest() -> None:
    rows, labels = drawn(2000)
    line = fit_line(rows, labels, [0, 1, 3])
    assert line.weights[2] == 0 and line.weights[0] > 10 * np.abs(line.weights[[1, 3]]).max()
    logit = line.logit(drawn(2000, 1)[0])
    assert ((logit > 0) == labels).mean() > 0.6
    back = Line.from_arrays(line.arrays())
    assert np.allclose(back.logit(rows), line.logit(rows), atol=1e-5)


def test_a_line_takes_outliers_and_gaps_as_usual_values() -> None:
    rows, labels = drawn(2000)
    rows[::7, 0] = np.nan
    line = fit_line(rows, labels, [0, 1, 2, 3])
    gap, typical = np.full((1, 4), np.nan, np.float32), line.medians[None]
    assert line.logit(gap) == pytest.approx(line.logit(typical))
    far = line.medians[None].copy()
    far[0, 0] = 1e9
    assert line.logit(far)[0] < line.logit(typical)[0] + 10 * abs(line.weights[0]) * np.nanstd(rows[:, 0])


def test_a_column_that_was_never_measured_is_not_used() -> None:
    rows, labels = drawn(200)
    rows[:, 2] = np.nan
    assert fit_line(rows, labels, [0, 2]).weights[2] == 0


@pytest.fixture(scope="module")
def model() -> CueModel:
    rows, labels = drawn(400)
    return CueModel(
        fit_forest(rows[:, :2], labels, trees=10),
        ("a", "b", "c", "a@448"),
        fit_line(rows, labels, [0, 2]),
        fit_line(rows, labels, [0, 1, 2, 3]),
    )


def test_large_faces_are_judged_by_their_own_line(model: CueModel) -> None:
    rows = drawn(40, 3)[0]
    small = rows.copy()
    small[:, 3] = np.nan
    assert model.large is not None and model.line is not None
    assert np.allclose(model.logit(rows), model.large.logit(rows))
    assert np.allclose(model.logit(small), model.forest.logit(small[:, :2]) + model.line.logit(small))
    mixed = np.concatenate([rows[:3], small[:5]])
    assert np.allclose(model.logit(mixed), np.concatenate([model.logit(rows[:3]), model.logit(small[:5])]))
    with pytest.raises(ValueError, match="is needed"):
        model.logit(rows[:, :3])


def test_most_frames_say_whether_a_face_is_large(model: CueModel) -> None:
    rows = drawn(10, 4)[0]
    rows[:6, 3] = np.nan
    found = model.typical(rows)
    assert not model.is_large(found[None])[0] and np.allclose(found[:3], np.median(rows[:6, :3], axis=0))
    rows[4:6, 3] = 1
    found = model.typical(rows)
    assert model.is_large(found[None])[0] and np.allclose(found, np.median(rows[4:], axis=0))


def test_frames_that_could_not_be_measured_do_not_count(model: CueModel) -> None:
    rows = drawn(10, 4)[0]
    gaps = np.concatenate([np.full((30, 4), np.nan, np.float32), rows])
    assert np.array_equal(model.typical(gaps), model.typical(rows)) and model.is_large(model.typical(gaps)[None])[0]
    assert np.isnan(model.typical(gaps[:30])).all()


def test_it_travels_as_arrays(model: CueModel) -> None:
    rows = drawn(40, 3)[0]
    rows[::2, 3] = np.nan
    arrays = model.arrays()
    back = CueModel.from_arrays(model.names, arrays)
    assert np.allclose(back.logit(rows), model.logit(rows), atol=1e-5)
    with pytest.raises(ValueError, match="do not fit"):
        CueModel.from_arrays(model.names[:3], arrays)
    alone = CueModel.from_arrays(FRAME_CUES[:2], {k: v for k, v in arrays.items() if k.startswith("forest.")})
    assert alone.line is alone.large is None and not is_fine(alone.names[0])
