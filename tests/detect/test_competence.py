"""What a detector knows: near for its own material, far for another."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detect.competence import Competence, fit_competence, shrunk_covariance

WIDTH = 12


def features(count: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(WIDTH, WIDTH))
    return rng.normal(size=(count, WIDTH)) @ mixing + shift


def fitted() -> Competence:
    crops = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    return fit_competence(features(400), features(100, seed=1), crops, np.array([200.0, 220.0]))


def test_the_covariance_is_that_of_scikit_learn() -> None:
    from sklearn.covariance import ledoit_wolf

    rows = features(30)
    rows = rows - rows.mean(0)
    assert np.allclose(shrunk_covariance(rows), ledoit_wolf(rows, assume_centered=True)[0])


def test_own_material_is_inside_and_other_material_outside() -> None:
    competence = fitted()
    assert np.median(competence.distance(features(100, seed=2))) < 1
    assert np.median(competence.distance(features(100, shift=20.0, seed=3))) > 1.5


def test_distance_does_not_depend_on_the_scale_of_a_feature() -> None:
    scale = np.geomspace(1e-3, 1e3, WIDTH)
    crops = np.zeros((2, 16, 16, 3), np.uint8)
    scaled = fit_competence(features(400) * scale, features(100, seed=1) * scale, crops, np.zeros(0))
    assert np.allclose(
        scaled.distance(features(20, seed=4) * scale), fitted().distance(features(20, seed=4)), rtol=1e-2
    )


def test_face_widths_bound_what_is_answered() -> None:
    competence = fitted()
    assert competence.face_width == (100.0, 440.0)
    unknown = fit_competence(features(50), features(50), np.zeros((1, 16, 16, 3), np.uint8), np.zeros(3))
    assert unknown.face_width == (64.0, None)


def test_it_comes_back_from_the_card() -> None:
    competence = fitted()
    again = Competence.from_card(json.loads(json.dumps(competence.to_card())), competence.arrays())
    rows = features(5)
    assert np.array_equal(again.distance(rows), competence.distance(rows))
    assert again.sharpness == pytest.approx(competence.sharpness) and again.face_width == competence.face_width
