"""The contract of every network in detect/models; a new file there is picked up by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datasets.errors import InputError
from detect.competence import Competence
from detect.detector import (
    BuiltModel,
    ModelOutput,
    build_model,
    forward,
    load_detector,
    registered,
    save_detector,
    to_tensor,
)
from detect.objective import pair_loss

SIZE = 64


def crops(count: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def trivial(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fakes with a smooth square, then originals of the same noise without; and their masks."""
    real = (128 + np.random.default_rng(seed).normal(0, 30, (count, SIZE, SIZE, 3))).clip(0, 255).astype(np.uint8)
    fake, mask = real.copy(), np.zeros((2 * count, SIZE, SIZE), np.float32)
    fake[:, 16:48, 16:48] = (150, 120, 110)
    mask[:count, 16:48, 16:48] = 1
    return np.concatenate([fake, real]), mask


@pytest.fixture(scope="module", params=registered())
def built(request: pytest.FixtureRequest) -> tuple[str, BuiltModel]:
    torch.manual_seed(0)
    return request.param, build_model(request.param)


def test_shapes_are_as_promised_and_every_number_is_one(built: tuple[str, BuiltModel]) -> None:
    _, model = built
    for size in (SIZE, 96):
        out = model.module.eval()(to_tensor(crops(3, size=size), model.normalisation))
        assert isinstance(out, ModelOutput)
        assert out.logit.shape == (3,) and out.features.ndim == 2 and len(out.features) == 3
        if out.heat is not None:
            assert out.heat.ndim == 3 and len(out.heat) == 3 and out.heat.shape[1] == out.heat.shape[2] <= size
        assert all(bool(torch.isfinite(part).all()) for part in out if part is not None)
    assert json.loads(json.dumps(dict(model.options))) == dict(model.options)
    assert "scratch" in model.initial_weights and set(model.normalisation) == {"mean", "std"}


def test_flat_crops_give_numbers_and_gradients(built: tuple[str, BuiltModel]) -> None:
    """Black, white and grey: no logarithm of nothing, no division by no spread."""
    _, model = built
    flat = np.stack([np.full((SIZE, SIZE, 3), v, np.uint8) for v in (0, 0, 255, 128)])
    model.module.train()
    out = model.module(to_tensor(flat, model.normalisation))
    pair_loss(out, torch.zeros(4, SIZE, SIZE)).backward()
    grads = [p.grad for p in model.module.parameters() if p.grad is not None]
    assert grads and all(bool(torch.isfinite(g).all()) for g in grads)
    model.module.zero_grad(set_to_none=True)


def test_gradients_reach_every_weight(built: tuple[str, BuiltModel]) -> None:
    _, model = built
    out = model.module.train()(to_tensor(crops(4), model.normalisation))
    pair_loss(out, torch.rand(4, SIZE, SIZE)).backward()
    assert all(p.grad is not None for p in model.module.parameters() if p.requires_grad)
    model.module.zero_grad(set_to_none=True)


def test_a_face_gets_the_same_answer_whoever_else_is_in_the_batch(built: tuple[str, BuiltModel]) -> None:
    _, model = built
    whole = forward(model.module, crops(8), model.normalisation)
    for i in (0, 5):
        alone = forward(model.module, crops(8)[i : i + 1], model.normalisation)
        for one, many in zip(alone, whole, strict=True):
            assert (one is None) == (many is None)
            if one is not None and many is not None:
                np.testing.assert_allclose(one[0], many[i], rtol=1e-3, atol=1e-4)


def test_it_comes_back_from_disk_as_it_was(built: tuple[str, BuiltModel], tmp_path: Path) -> None:
    name, model = built
    before = forward(model.module, crops(4), model.normalisation)
    width = before[2].shape[1]
    competence = Competence(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), 2.0, (1.0, 9.0), (64.0, None))
    card = {
        "name": "x",
        "version": "1",
        "architecture": {"name": name, "options": dict(model.options)},
        "input": {"size": SIZE, "coverage": 1.25, "normalisation": dict(model.normalisation)},
        "calibration": {
            "kind": "platt", "slope": 1.0, "offset": 0.0, "covariance": [[0, 0], [0, 0]], "spread": 0.0, "samples": 4,
        },
    }  # fmt: skip
    save_detector(tmp_path / "d", model.module, card, competence)
    loaded = load_detector(tmp_path / "d", "cpu")
    same = forward(loaded.module, crops(4), model.normalisation)
    assert np.array_equal(same[0], before[0]) and np.array_equal(same[2], before[2])
    again = loaded.score(crops(4))  # folded for inference, so equal up to rounding
    assert np.allclose(again.network, before[0], atol=1e-5) and np.allclose(again.features, before[2], atol=1e-4)
    assert (again.heatmap is None) == (before[1] is None)


@pytest.mark.parametrize("name", registered())
def test_it_learns_a_trivial_set_in_a_few_steps(name: str) -> None:
    torch.manual_seed(1)
    model = build_model(name)
    optimiser = torch.optim.AdamW(model.module.parameters(), 2e-3)
    for step in range(12):
        images, masks = trivial(4, step)
        model.module.train()
        loss = pair_loss(model.module(to_tensor(images, model.normalisation)), torch.from_numpy(masks))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    # As in training: statistics of batch normalisation need longer to settle than these few steps.
    images, _ = trivial(8, 100)
    with torch.no_grad():
        logit = model.module(to_tensor(images, model.normalisation)).logit.numpy()
    assert logit[:8].min() > logit[8:].max()


def test_the_spectrum_is_that_of_a_fast_transform() -> None:
    branch: Any = build_model("spectrum").module.branch
    x = torch.rand(2, 3, 48, 48)
    grey = (x * branch.colour).sum(1, keepdim=True) + branch.black
    padded = torch.nn.functional.pad(grey, (2, 2, 2, 2), mode="reflect")
    residual = torch.nn.functional.conv2d(padded, branch.filter)[:, 0] * 255
    window = branch.matrices(48, x.device)[0]
    wanted = 0.5 * torch.log(torch.fft.rfft2(residual * window, norm="ortho").abs().square() + 1e-3)
    assert torch.allclose(branch.amplitude(x), wanted, atol=2e-3)


def test_rings_are_means_and_take_a_wave_to_its_frequency() -> None:
    from detect.models.spectrum import ring_weights

    rings = ring_weights(64, 32)
    assert rings.shape == (32, 64 * 33) and np.allclose(rings.sum(1), 1, atol=1e-5)
    x = np.arange(64)
    for cycles in (4, 12, 24):
        wave = np.abs(np.fft.rfft2(np.cos(2 * np.pi * cycles * x / 64)[None].repeat(64, 0)))
        assert abs(int(np.argmax(rings @ wave.ravel())) - cycles / 32 * 31) <= 1


def test_weights_that_cannot_be_fetched_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    create = timm.create_model

    def offline(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise ConnectionError("no way out")
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    for name in ("timm_plain", "timm_heatmap", "spectrum"):
        said = build_model(name, "imagenet").initial_weights
        assert said.startswith("scratch") and "could not be fetched: no way out" in said
        with pytest.raises(InputError, match="timm has no backbone 'none such'"):
            build_model(name, backbone="none such")
        with pytest.raises(InputError, match="no 'other' weights"):
            build_model(name, "other")


def test_a_transformer_is_a_backbone_too() -> None:
    model = build_model("timm_plain", backbone="vit_tiny_patch16_224")
    assert forward(model.module, crops(2), model.normalisation)[0].shape == (2,)
