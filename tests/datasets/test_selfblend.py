"""Self-blended pairs: exact masks, the same pair from the same draw, differences that are there and within bounds."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from portraits import astronaut, hopper

from datasets.errors import InputError
from datasets.faces.align import align_affine, transform_points, warp_crop
from datasets.faces.finder import make_finder
from datasets.selfblend import layer, replay, self_blend, self_blends
from datasets.selfblenddraw import MASKS, TEXTURES, SelfBlendDraw, SelfBlendSettings, draw_self_blend
from datasets.selfblendmask import Place, outlines, place_of

PLAIN = SelfBlendSettings(degrade=False)
Faces = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Two portraits as crops of 256 px with their meshes."""
    found = []
    for image in (astronaut(), hopper()):
        finder = make_finder("mediapipe")
        face = finder.find(image)[0]
        finder.close()
        assert face.landmarks is not None
        affine = align_affine(face, 256, 1.6)
        found.append((warp_crop(image, affine, 256), transform_points(face.landmarks, affine)[:, :2]))
    return found


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def scaled(face: tuple[np.ndarray, np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
    """A face at another crop size."""
    factor = size / len(face[0])
    return cv2.resize(face[0], (size, size), interpolation=cv2.INTER_AREA), (face[1] + 0.5) * factor - 0.5


def test_a_pair_is_two_pictures_and_the_mask(faces: Faces) -> None:
    for seed in range(20):
        crop, mesh = faces[seed % 2]
        before = crop.copy()
        pair = self_blend(crop, mesh, rng(seed))
        for picture in (pair.real, pair.fake):
            assert picture.shape == crop.shape and picture.dtype == np.uint8 and not np.shares_memory(picture, crop)
        assert pair.mask.shape == crop.shape[:2] and pair.mask.dtype == np.float32
        assert pair.mask.min() == 0 and 0 < pair.mask.max() <= 1 and pair.changed
        assert np.array_equal(crop, before), "the crop is left as it was"


def test_the_mask_is_the_alpha_that_was_used(faces: Faces) -> None:
    """Outside it nothing differs, bit for bit; inside, it mixes the real one with the copy that lies there whole."""
    for seed in range(60):
        crop, mesh = faces[seed % 2]
        draw = draw_self_blend(rng(seed), SelfBlendSettings(ratios=(0.5,), degrade=False))
        pair, solid = replay(crop, mesh, draw), replay(crop, mesh, replace(draw, ratio=1.0))
        assert np.array_equal(pair.fake[pair.mask == 0], pair.real[pair.mask == 0])
        whole = solid.mask == 1  # there the copy itself is to be seen
        assert whole.any()
        alpha = pair.mask[whole][:, None].astype(np.float64)
        mixed = pair.real[whole] * (1 - alpha) + solid.fake[whole] * alpha
        assert np.abs(mixed - pair.fake[whole]).max() <= 0.51


def test_the_real_one_is_the_crop_itself_when_the_source_is_what_changes(faces: Faces) -> None:
    settings = SelfBlendSettings(either=False, degrade=False)
    for seed in range(10):
        assert np.array_equal(self_blend(*faces[0], rng(seed), settings).real, faces[0][0])


def test_both_sides_get_changed_and_both_pictures_alike(faces: Faces) -> None:
    sides = {self_blend(*faces[0], rng(seed), PLAIN).draw.changed for seed in range(20)}
    assert sides == {"source", "target"}
    pair = self_blend(*faces[0], rng(1))
    plain = replay(*faces[0], replace(pair.draw, shared=None))
    assert pair.draw.shared is not None and 40 <= pair.draw.shared.jpeg <= 100
    assert not np.array_equal(pair.real, plain.real) and np.array_equal(pair.mask, plain.mask)
    far = cv2.dilate(pair.mask, np.ones((33, 33))) == 0
    assert np.array_equal(pair.real[far], pair.fake[far]), "JPEG blocks without any of the mask come out the same"


def test_a_seed_gives_the_same_pair_whatever_the_company(faces: Faces) -> None:
    crops, meshes = zip(*faces, strict=True)
    both, swapped = self_blends(crops, meshes, [7, 8]), self_blends(crops[::-1], meshes[::-1], [8, 7])
    for one, other in zip(both, swapped[::-1], strict=True):
        assert one.draw == other.draw and np.array_equal(one.fake, other.fake) and np.array_equal(one.mask, other.mask)
    assert both[0].draw != both[1].draw
    with pytest.raises(ValueError):
        self_blends(crops, meshes, [1])


def test_a_logged_draw_gives_the_same_pair_again(faces: Faces) -> None:
    for seed in range(40):
        pair = self_blend(*faces[seed % 2], rng(seed), None if seed % 4 else PLAIN)
        logged = json.loads(json.dumps(pair.draw.to_table()))
        assert SelfBlendDraw.from_table(logged) == pair.draw
        again = replay(*faces[seed % 2], SelfBlendDraw.from_table(logged))
        assert np.array_equal(pair.real, again.real) and np.array_equal(pair.fake, again.fake)
        assert np.array_equal(pair.mask, again.mask)


@pytest.mark.parametrize(
    "change", [{"mask": "hat"}, {"parts": ["ear"]}, {"waves": [[1, 2]]}, {"look": {"texture": "fur"}}, {"more": 1}]
)
def test_what_is_no_record_of_a_draw_is_said(change: dict) -> None:
    table = draw_self_blend(rng(0)).to_table() | change
    with pytest.raises(InputError, match="not the record of a self-blended face"):
        SelfBlendDraw.from_table(table)
    with pytest.raises(InputError):
        SelfBlendDraw.from_table({})


def test_there_is_always_something_to_see_in_the_fake(faces: Faces) -> None:
    """From hardly visible to plain, never the same picture and never another one."""
    seen = []
    for seed in range(200):
        pair = self_blend(*faces[seed % 2], rng(seed), PLAIN)
        inside = pair.mask > 0.5 * pair.mask.max()
        seen.append(np.abs(pair.fake[inside].astype(int) - pair.real[inside]).mean())
    assert min(seen) > 0.1 and max(seen) < 60
    assert np.percentile(seen, 90) > 3 * np.percentile(seen, 10), seen


def test_each_kind_of_mask_covers_its_part_of_the_face(faces: Faces) -> None:
    crop, mesh = faces[1]
    at = {"forehead": 10, "eye": 33, "other eye": 263, "nose": 1, "mouth": 13, "chin": 152}
    covered = {
        "face": {"forehead", "eye", "other eye", "nose", "mouth", "chin"},
        "below-brows": {"eye", "other eye", "nose", "mouth", "chin"},
        "inner": {"eye", "other eye", "nose", "mouth"},
        "lower": {"nose", "mouth", "chin"},
        "eyes": {"eye", "other eye"},
    }
    for kind, wanted in covered.items():
        settings = SelfBlendSettings(masks=(kind,), ratios=(1.0,), degrade=False)
        drawn = [draw_self_blend(rng(seed), settings) for seed in range(12)]
        mask = np.mean([replay(crop, mesh, replace(draw, shift=(0, 0), turn=0.0)).mask for draw in drawn], 0)
        middle = mesh.mean(0)
        for name, point in at.items():
            x, y = np.rint(mesh[point] + 0.12 * (middle - mesh[point])).astype(int)
            assert (mask[y, x] > 0.5) == (name in wanted), (kind, name, mask[y, x])
    parts = {draw_self_blend(rng(seed), SelfBlendSettings(masks=("parts",))).parts for seed in range(40)}
    assert all(parts) and len(parts) > 6


def test_settings_are_kept_to(faces: Faces) -> None:
    settings = SelfBlendSettings(masks=("lower", "eyes"), textures=("blur",), ratios=(0.5,), degrade=False)
    for seed in range(20):
        draw = draw_self_blend(rng(seed), settings)
        assert draw.mask in ("lower", "eyes") and draw.look.texture == "blur" and draw.ratio == 0.5
        assert replay(*faces[0], draw).mask.max() <= 128 / 255
    weak, strong = (
        np.mean(
            [np.abs(p.fake.astype(int) - p.real).sum() / p.mask.sum() for p in self_blends(*many(faces), settings=s)]
        )
        for s in (SelfBlendSettings(strength=0.3, degrade=False), SelfBlendSettings(strength=1.5, degrade=False))
    )
    assert strong > 2 * weak


def many(faces: Faces, count: int = 20) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    return [faces[i % 2][0] for i in range(count)], [faces[i % 2][1] for i in range(count)], list(range(count))


@pytest.mark.parametrize(
    "wrong",
    [
        {"masks": ("hat",)},
        {"masks": ()},
        {"textures": ("fur",)},
        {"strength": 0},
        {"strength": 3},
        {"strength": float("nan")},
        {"ratios": (0.0,)},
        {"ratios": ()},
    ],
)
def test_settings_out_of_bounds_are_said(wrong: dict) -> None:
    with pytest.raises(InputError):
        SelfBlendSettings(**wrong)


def test_faces_at_the_border_and_outside_it(faces: Faces) -> None:
    crop, mesh = faces[0]
    for seed in range(30):
        for shift in ((-110, 0), (120, 60), (0, -90)):
            moved = cv2.warpAffine(crop, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (256, 256))  # type: ignore[arg-type]
            pair = self_blend(moved, mesh + shift, rng(seed), PLAIN)
            assert np.array_equal(pair.fake[pair.mask == 0], pair.real[pair.mask == 0])
    away = self_blend(crop, mesh + 2000, rng(0))
    assert not away.changed and np.array_equal(away.real, away.fake)


@pytest.mark.parametrize("size", [16, 40, 96])
def test_tiny_faces(faces: Faces, size: int) -> None:
    for seed in range(30):
        crop, mesh = scaled(faces[seed % 2], size)
        pair = self_blend(crop, mesh, rng(seed), PLAIN)
        assert pair.fake.shape == crop.shape and pair.mask.max() > 0.1
        assert np.array_equal(pair.fake[pair.mask == 0], pair.real[pair.mask == 0])


def test_a_draw_means_the_same_at_any_size(faces: Faces) -> None:
    """The mask of a large crop, brought down, is that of the small crop."""
    for seed in range(12):
        large, small = scaled(faces[0], 380), scaled(faces[0], 190)
        draw = draw_self_blend(rng(seed), PLAIN)
        big, little = replay(*large, draw).mask, replay(*small, draw).mask
        assert np.abs(cv2.resize(big, (190, 190), interpolation=cv2.INTER_AREA) - little).mean() < 0.01


def test_crops_need_not_be_square(faces: Faces) -> None:
    crop, mesh = faces[0][0][20:230], faces[0][1] - (0, 20)
    pair = self_blend(crop, mesh, rng(3))
    assert pair.fake.shape == crop.shape and pair.mask.shape == crop.shape[:2]


def test_every_texture_and_mask_gets_drawn() -> None:
    drawn = [draw_self_blend(rng(seed)) for seed in range(300)]
    assert {draw.mask for draw in drawn} == set(MASKS)
    assert {draw.look.texture for draw in drawn} == set(TEXTURES)


def test_a_layer_hangs_on_the_place_it_is_given_and_not_on_the_face(faces: Faces) -> None:
    """As in a clip: where the landmarks stay, a face that opens its mouth changes nothing of the copy around it."""
    crop, mesh = faces[1]
    draw = draw_self_blend(rng(2), SelfBlendSettings(masks=("eyes",), either=False, degrade=False))
    place = Place((127.5, 127.5), 160.0)
    face, alpha = layer(crop, mesh, draw, place)
    opened = mesh.copy()
    opened[152] += (0, 20)
    again, same = layer(crop, opened, draw, place)
    assert np.array_equal(face, again) and np.array_equal(alpha, same)
    assert face.shape == crop.shape and alpha.dtype == np.float32 and alpha.max() > 0
    with pytest.raises(ValueError):
        layer(crop, mesh, replace(draw, changed="target"), place)


def test_outlines_move_smoothly_with_the_landmarks(faces: Faces) -> None:
    """A jitter of the mesh moves the outline by no more than about itself: no flicker is added."""
    mesh = faces[0][1]
    place = place_of(mesh)
    for seed in range(10):
        draw = draw_self_blend(rng(seed), SelfBlendSettings(masks=("face",)))
        still, moved = outlines(mesh, draw, place)[0], outlines(mesh + 0.3, draw, place)[0]
        gap = np.linalg.norm(still[:, None] - moved[None], axis=2).min(1)
        assert gap.max() < 0.8
