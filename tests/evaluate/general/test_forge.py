"""Pairs drawn for a GPU: their geometry, their encoders, that swap and original are treated alike; fitting on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.errors import InputError
from datasets.faces.finder import make_finder
from datasets.faces.mask import hull_mask
from evaluate.general import bank as banks
from evaluate.general import fit
from evaluate.general.assemble import load_member
from evaluate.general.bank import FaceCanvases, canvases_of, load_canvases, save_canvases
from evaluate.general.forge import codecs, copies, fields, outlines, textures
from evaluate.general.forge.forge import Forge, joined
from evaluate.general.portraits import portrait_of
from tests.portraits import astronaut, hopper

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bank() -> FaceCanvases:
    finder = make_finder("mediapipe")
    found = []
    for number, (picture, person) in enumerate([(astronaut(), "a"), (hopper(), "h")] * 3):
        lit = np.clip(picture * (1 - 0.05 * number) + 3 * number, 0, 255).astype(np.uint8)
        portrait = portrait_of(lit, finder, f"{person}{number}", f"{person}.mp4" if number < 3 else "")
        assert portrait is not None
        found.append(portrait)
    finder.close()
    return canvases_of(found)


@pytest.fixture(scope="module")
def file(bank: FaceCanvases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank") / "bank.npz"
    save_canvases(path, bank)
    return path


@pytest.fixture(scope="module")
def forge(bank: FaceCanvases) -> Forge:
    return Forge(bank, np.arange(len(bank)) % 2, CPU, 224, 1.6, fit.pixels_of(bank, CPU))


def picture(bank: FaceCanvases, side: int, rows: int = 2) -> torch.Tensor:
    return textures.resized(fit.pixels_of(bank, CPU)[:rows].float() / 255, side)


def test_a_bank_is_kept_and_faces_stand_where_their_points_are(bank: FaceCanvases, file: Path) -> None:
    again = load_canvases(file)
    assert again.fingerprint() == load_canvases(file).fingerprint()
    assert [np.array_equal(a, b) for a, b in zip(again.pictures, bank.pictures, strict=True)] == [True] * len(bank)
    assert np.abs(again.landmarks - bank.landmarks).max() < 1e-3 and not again.grey.any()
    box = np.ptp(bank.landmarks, axis=1).max(1)
    assert np.allclose(box, 1 / banks.COVERAGE, rtol=0.2)
    middle = (bank.landmarks.min(1) + bank.landmarks.max(1)) / 2
    assert np.abs(middle - [0.5, 0.5 + banks.BELOW]).max() < 0.08
    with pytest.raises(InputError, match="face bank"):
        load_canvases(file.with_name("none.npz"))


def test_points_and_outlines_move_with_the_picture() -> None:
    turn, scale, shift = torch.tensor([0.3]), torch.tensor([0.8]), torch.tensor([[0.05, -0.1]])
    side, at = 128, torch.tensor([[[0.4, 0.6]]])
    dot = torch.exp(-((fields.unit_grid(side, CPU) - at[0, 0]).square().sum(-1)) / 0.001)[None, None]
    seen = fields.sample(dot, fields.affine_grid(side, turn, scale, shift))[0, 0]
    row, column = divmod(int(seen.argmax()), side)
    wanted = fields.moved_points(at, turn, scale, shift)[0, 0]
    assert torch.allclose((torch.tensor([column, row]) + 0.5) / side, wanted, atol=1.5 / side)
    square = torch.tensor([[[1.0, 0, -0.5], [-1, 0, 0.3], [0, 1, -0.7], [0, -1, 0.5]]])
    inside = (outlines.distance(square, side) < 0).float()[:, None]
    moved = fields.sample(inside, fields.affine_grid(side, turn, scale, shift))[:, 0] > 0.5
    planes = outlines.distance(outlines.moved_planes(square, turn, scale, shift), side) < 0
    assert (moved == planes).float().mean() > 0.99


def test_a_face_is_bent_onto_the_points_of_another(bank: FaceCanvases) -> None:
    points = torch.from_numpy(bank.landmarks[:2, list(fields.BENT_BY)])
    where = fields.bent(256, points[:1], points[1:], 1e-5)
    at = fields.sample(where.permute(0, 3, 1, 2), points[:1, :, None], "bicubic")[0, :, :, 0].T
    assert (at - points[1]).abs().max() < 0.01


def test_the_whole_outline_is_the_hull(bank: FaceCanvases) -> None:
    planes = torch.from_numpy(outlines.outlines_of(bank.landmarks[0]))
    assert planes.shape == (len(outlines.SHAPES), outlines.EDGES, 3)
    own = (outlines.distance(planes[:1], 200)[0] < 0).numpy()
    hull = hull_mask(bank.landmarks[0] * 200 - 0.5, (200, 200)) > 0.5
    assert (own & hull).sum() / (own | hull).sum() > 0.97


def test_jpeg_is_that_of_the_standard(bank: FaceCanvases) -> None:
    image = (picture(bank, 160) * 255).round() / 255
    for quality in (40, 75, 95):
        own = codecs.jpeg(image, torch.full((2,), float(quality)))[0].permute(1, 2, 0).numpy() * 255
        plain = (image[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        blob = cv2.imencode(".jpg", plain[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        real = cv2.imdecode(blob, cv2.IMREAD_COLOR)[..., ::-1].astype(float)
        ours, theirs = (np.square(x - plain).mean() for x in (own, real))
        assert np.square(own - real).mean() < 0.5 * theirs and 0.8 < ours / theirs < 1.25


def test_video_loses_more_the_coarser_it_is(bank: FaceCanvases) -> None:
    image = picture(bank, 160)
    before = torch.roll(image, (1, -2), (2, 3))
    lost = [
        float((codecs.video(image, before, torch.full((2,), qp), (-1, 2), 8) - image).square().mean())
        for qp in (4.0, 20.0, 28.0, 36.0)
    ]
    assert lost == sorted(lost) and lost[0] < 1e-4 and lost[-1] > 4 * lost[1]


def test_textures_keep_what_they_should(bank: FaceCanvases) -> None:
    image = picture(bank, 128)
    none = torch.zeros(2)
    assert torch.allclose(textures.blurred(image, none), image, atol=1e-5)
    assert textures.blurred(image, torch.tensor([0.0, 2.0]))[1].std() < image[1].std()
    assert torch.allclose(textures.sharpened(image, none, none + 1), image, atol=1e-6)
    level = torch.tensor([0.05, 0.05])
    assert torch.allclose(textures.smoothed(torch.full_like(image, 0.3), level), torch.full_like(image, 0.3), atol=1e-4)
    assert textures.fewer(image, 500) is image and textures.fewer(image, 32).shape == image.shape


def test_a_batch_is_drawn_from_its_seed_and_its_pool(forge: Forge) -> None:
    drawn, again, other = forge.group(3, (1, 2), 0), forge.group(3, (1, 2), 0), forge.group(3, (1, 3), 0)
    assert torch.equal(drawn.images, again.images) and not torch.equal(drawn.images, other.images)
    assert drawn.images.shape == (6, 3, 224, 224) and drawn.masks.shape == (6, 224, 224)
    assert drawn.images.min() >= 0 and drawn.images.max() <= 1 and not drawn.masks[3:].any()
    rng = np.random.default_rng(0)
    for pool in (0, 1):
        targets, donors, _ = forge.people(rng, 20, 128, pool)
        assert set(forge.pool[targets]) == {pool} == set(forge.pool[donors])
    both = joined([drawn, other])
    assert torch.equal(both.images[3:6], other.images[:3]) and torch.equal(both.images[6:9], drawn.images[3:])


@pytest.mark.parametrize("seed", range(4))
def test_swap_and_original_differ_inside_the_mask_alone(forge: Forge, seed: int) -> None:
    drawn = forge.group(4, (5, seed), seed % 2)
    away = (drawn.images[:4] - drawn.images[4:]).abs().mean(1)
    inside, outside = drawn.masks[:4] > 0.6, drawn.masks[:4] == 0
    assert away[inside].mean() > 2 * away[outside].mean()


def test_copies_come_back_to_their_place(bank: FaceCanvases) -> None:
    canvases = picture(bank, 320)
    back = copies.laid_back(copies.aligned_crop(canvases), 320)
    inner = slice(110, 240)
    assert (back - canvases)[..., inner, inner].abs().mean() < 0.03
    for shape in copies.SHAPES:
        assert copies.Copier(shape)(torch.rand(1, 3, copies.SIDE, copies.SIDE)).shape == (
            1,
            3,
            copies.SIDE,
            copies.SIDE,
        )


@pytest.mark.slow
def test_networks_are_fitted_and_held_out_people_are_named(file: Path, tmp_path: Path) -> None:
    made, nets = tmp_path / "copiers", tmp_path / "networks"
    fit.run(["copiers", str(file), "-o", str(made), "--steps", "2", "--batch", "2", "--device", "cpu"])
    assert len(fit.load_copiers(made, CPU)) == 2 * len(copies.SHAPES)
    small = ["--backbone", "mobilenetv3_small_050", "--weights", "scratch", "--batch", "2", "--held", "1"]
    wanted = ["--copiers", str(made), "--folds", "2", "--steps", "2", "--device", "cpu"]
    fit.run(["networks", str(file), "-o", str(nets), *small, *wanted])
    members = [load_member(nets / f"fold-{k}") for k in (0, 1)]
    people = [set(one.card["people"]["held_out"]) for one in members]
    assert not people[0] & people[1] and len(people[0] | people[1]) == 6
    logit, heat, _ = members[0].of(np.zeros((2, 224, 224, 3), np.uint8))
    assert logit.shape == (2,) and heat is not None and heat.shape == (2, 56, 56)
    assert members[0].card["pairs_seen"] == 4 and members[0].card["data_sha256"] == load_canvases(file).fingerprint()


@pytest.mark.parametrize(("extra", "said"), [([], "--steps or --seconds"), (["--steps", "1", "--folds", "1"], "folds")])
def test_what_can_not_be_fitted_is_said(file: Path, tmp_path: Path, extra: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit.run(["networks", str(file), "-o", str(tmp_path / "n"), "--device", "cpu", *extra])
    with pytest.raises(InputError, match="no copiers"):
        fit.load_copiers(tmp_path / "nothing", CPU)
