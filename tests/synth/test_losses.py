"""Losses agree with their definitions and with an independent implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from synth.losses import blur, dssim, gaussian_window, ssim_map


def pictures(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    a = torch.rand(2, 3, 48, 48)
    return a, (a + 0.15 * torch.randn_like(a)).clamp(0, 1)


def test_the_window_is_a_normalised_symmetric_gaussian() -> None:
    window = gaussian_window(11, 1.5)
    assert float(window.sum()) == pytest.approx(1, abs=1e-6) and torch.equal(window, window.flip(0))
    assert float(window[5] / window[4]) == pytest.approx(float(np.exp(1 / (2 * 1.5**2))), rel=1e-5)


def test_ssim_is_that_of_scikit_image() -> None:
    a, b = pictures()
    mine = ssim_map(a, b, gaussian_window(11, 1.5)).mean((2, 3))
    for i in range(2):
        for c in range(3):
            whole = structural_similarity(
                a[i, c].numpy(), b[i, c].numpy(), gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                data_range=1.0, full=True,
            )[1]  # fmt: skip
            assert float(mine[i, c]) == pytest.approx(float(whole[5:-5, 5:-5].mean()), abs=2e-4)


def test_dssim_is_zero_for_the_same_and_symmetric_and_grows() -> None:
    a, b = pictures()
    window = gaussian_window(9, 1.5)
    assert float(dssim(a, a, window)) == pytest.approx(0, abs=1e-6)
    assert float(dssim(a, b, window)) == pytest.approx(float(dssim(b, a, window)), abs=1e-6)
    assert 0 < float(dssim(a, b, window)) < float(dssim(a, 1 - a, window)) <= 1


def test_blurring_keeps_a_flat_picture_and_drops_the_rim() -> None:
    flat = torch.full((1, 2, 20, 30), 0.3)
    out = blur(flat, gaussian_window(9, 2.0))
    assert out.shape == (1, 2, 12, 22) and torch.allclose(out, torch.tensor(0.3), atol=1e-6)


def test_the_gradient_leads_back() -> None:
    a, b = pictures()
    b.requires_grad_()
    before = dssim(a, b, gaussian_window(9, 1.5))
    before.backward()
    assert b.grad is not None
    after = dssim(a, b.detach() - 2 * b.grad / b.grad.norm(), gaussian_window(9, 1.5))
    assert float(after) < float(before.detach())
