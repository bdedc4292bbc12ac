"""What an autoencoder is shown: prepared or made anew it is the same, and every change moves what it has to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import synth.sampling as sampling
from datasets.facearrays import FaceArrays
from synth.losses import statistics
from synth.recipe import Recipe
from synth.sampling import Faces, Sample, mirrored, one_sided, recoloured, yaw_weights
from synth.texture import Texture, halved, halved_points

RECIPE = Recipe("quick", size=96)


@pytest.fixture(scope="module")
def few(packed: dict[str, FaceArrays]) -> FaceArrays:
    return packed["destination"].subset(slice(0, 12, 2))


@pytest.fixture(scope="module")
def faces(few: FaceArrays) -> Faces:
    made = Faces(few, Texture(few.images[0], few.landmarks[0]), RECIPE)
    made.prepare("destination")
    return made


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_planes_are_at_the_networks_size(faces: Faces, few: FaceArrays) -> None:
    picture, detail, alike = faces.planes(1)
    assert picture.shape == alike.shape == (96, 96, 4) and detail.shape == (96, 96)
    assert np.array_equal(picture[..., :3], halved(few.images[1]))
    assert np.allclose(faces.points(1), halved_points(few.landmarks[1]))


def test_what_does_not_fit_into_memory_is_made_anew_and_the_same(
    faces: Faces, few: FaceArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MOST_KEPT_BYTES", 2 * 96 * 96 * 9)
    small = Faces(few, Texture(few.images[0], few.landmarks[0]), RECIPE)
    small.prepare("destination")
    assert len(small._kept) == 2 < len(small)
    for index in (0, len(few) - 1):
        assert all(np.array_equal(a, b) for a, b in zip(small.planes(index), faces.planes(index), strict=True))


def test_a_draw_is_decided_by_its_seed(faces: Faces) -> None:
    one, again = (faces.draw(random(), np.array([0, 3]), 1.0) for _ in range(2))
    assert torch.equal(one.x, again.x) and one.x.shape == (2, 4, 96, 96) and one.detail.shape == (2, 1, 96, 96)
    assert one.alike is not None and one.swap is None
    without = Faces(faces.faces, None, replace(RECIPE, likeness=False)).draw(random(), np.array([0, 3]), 1.0)
    assert without.alike is None and torch.equal(without.x, one.x)


def test_the_source_with_this_expression_is_drawn_where_swaps_are_judged(few: FaceArrays) -> None:
    def carried(crop: np.ndarray, mask: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        assert crop.shape == (96, 96, 3) and mask.shape == (96, 96) and landmarks.shape == (478, 2)
        return np.full((96, 96, 4), 128, np.uint8)

    judged = Faces(few, Texture(few.images[0], few.landmarks[0]), RECIPE, carried)
    swap = judged.draw(random(), np.array([2]), 1.0).swap
    assert swap is not None and torch.allclose(swap, torch.tensor(128 / 255), atol=1e-6)


def test_each_bin_of_yaw_is_drawn_as_often() -> None:
    yaw = np.array([0.1] * 90 + [30.0] * 9 + [-40.0])
    weights = yaw_weights(yaw)
    assert weights.sum() == pytest.approx(1)
    assert weights[:90].sum() == pytest.approx(1 / 3) and weights[-1] == pytest.approx(1 / 3)


def test_faces_of_one_yaw_or_of_none_known_are_drawn_alike() -> None:
    for yaw in (np.full(7, 12.0), np.full(7, np.nan), np.full(7, 200.0), np.array([np.inf] * 7)):
        assert np.allclose(yaw_weights(yaw), 1 / 7)


def test_mirroring_turns_all_planes_of_a_face_or_none(faces: Faces) -> None:
    drawn = faces.draw(random(), np.arange(6), 0.0)
    turned = mirrored(random(), drawn)
    flipped = [not torch.equal(a, b) for a, b in zip(turned.x, drawn.x, strict=True)]
    assert any(flipped) and not all(flipped)
    for name in ("x", "y", "detail", "alike"):
        before, after = getattr(drawn, name), getattr(turned, name)
        for i, flip in enumerate(flipped):
            assert torch.equal(after[i], before[i].flip(2) if flip else before[i])


def test_recoloured_faces_take_the_colours_of_the_other_and_keep_their_hull() -> None:
    torch.manual_seed(0)

    def sample(low: float) -> Sample:
        planes = torch.cat([low + 0.2 * torch.rand(8, 3, 32, 32), torch.ones(8, 1, 32, 32)], 1)
        return Sample(planes, planes.clone(), torch.rand(8, 1, 32, 32), planes.clone())

    dark, light = sample(0.1), sample(0.6)
    changed = recoloured(random(), dark, light)
    means = statistics(changed.y[:, :3], changed.y[:, 3:])[0].mean((1, 2, 3))
    assert ((means - 0.7).abs() < 0.02).any() and ((means - 0.2).abs() < 0.02).any()
    assert torch.equal(changed.y[:, 3:], dark.y[:, 3:]) and torch.equal(changed.detail, dark.detail)
    assert changed.alike is not None and torch.allclose(changed.alike, changed.y, atol=1e-5)


def test_faces_that_all_look_one_way_and_a_destination_that_turns_further_are_said(few: FaceArrays) -> None:
    def turned(low: float, high: float) -> FaceArrays:
        angles = np.zeros((len(few), 3), np.float32)
        angles[:, 0] = np.linspace(low, high, len(few))
        return replace(few, angles=angles)

    assert one_sided({"source": turned(-10, 10), "destination": turned(-15, 12)}) == []
    still, wide = turned(4, 5), turned(-30, 30)
    said = one_sided({"source": still, "destination": wide})
    assert len(said) == 2 and "All faces of the source look the same way (yaw 4 to 5 degrees)" in said[0]
    assert "turns from -27 to 27 degrees and the source only from 4 to 5" in said[1]
    assert one_sided({"source": wide, "destination": replace(few, angles=few.angles * np.nan)}) == []
