"""The losses of a step: each does what it is named for, the late ones come late, and no gradient goes astray."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synth.adversary import PatchAdversary, judged
from synth.architectures import Pair, network_of
from synth.losses import face_dssim, statistics, style_loss
from synth.objective import PEOPLE, Batch, Objective
from synth.recipe import Dims, Recipe
from synth.sampling import Sample

SMALL = Recipe("df", size=64, dims=Dims(16, 6, 6, 4), batch=2)


def batch(late: float = 0.0, swap: bool = False) -> Batch:
    torch.manual_seed(1)

    def planes(channels: int) -> torch.Tensor:
        return torch.rand(2, channels, 64, 64)

    return Batch(
        {who: Sample(planes(4), planes(4), planes(1), planes(4), planes(4) if swap else None) for who in PEOPLE}, late
    )


def objective(recipe: Recipe) -> Objective:
    torch.manual_seed(0)
    adversary = PatchAdversary(recipe.gan_patch) if recipe.gan else None
    return Objective(Pair(network_of(recipe)), recipe, "cpu", adversary)


def test_a_step_gives_a_loss_and_one_for_each_person() -> None:
    loss, figures = objective(SMALL)(batch())
    assert isinstance(loss, torch.Tensor) and set(figures) == {"loss_source", "loss_destination"}
    assert float(loss.detach()) == pytest.approx((figures["loss_source"] + figures["loss_destination"]) / 2, rel=1e-5)


def test_eyes_and_mouth_weigh_what_they_are_given() -> None:
    plain, heavy = (objective(replace(SMALL, eyes_mouth=weight))(batch())[1]["loss_source"] for weight in (0, 100))
    assert heavy > plain + 1


def test_the_late_losses_are_not_there_early() -> None:
    early = objective(replace(SMALL, gan=0.1, style=1))(batch(0.0, True))
    assert isinstance(early[0], torch.Tensor) and set(early[1]) == {"loss_source", "loss_destination"}
    losses, figures = objective(replace(SMALL, gan=0.1, style=1))(batch(1.0, True))
    assert isinstance(losses, dict) and set(losses) == {"model", "adversary"}
    assert {"loss_style", "loss_gan", "loss_adversary"} <= set(figures)


def test_each_loss_moves_its_own_network_alone() -> None:
    step = objective(replace(SMALL, gan=0.1))
    assert step.adversary is not None and isinstance(step.network, Pair)
    losses, _ = step(batch(1.0))
    assert isinstance(losses, dict)
    losses["model"].backward()
    assert all(p.grad is None for p in step.adversary.parameters())
    assert any(p.grad is not None for p in step.network.parameters())
    step.network.zero_grad(set_to_none=True)
    losses["adversary"].backward()
    assert all(p.grad is None for p in step.network.parameters())
    assert all(p.grad is not None for p in step.adversary.parameters())


@pytest.mark.parametrize(("size", "patch"), [(64, 8), (96, 16), (128, 32)])
def test_an_adversary_sees_patches_and_pixels(size: int, patch: int) -> None:
    patches, pixels = PatchAdversary(patch)(torch.rand(1, 3, size, size))
    assert pixels.shape == (1, 1, size, size) and 4 <= size / patches.shape[-1] <= patch


def test_an_adversary_learns_to_tell() -> None:
    torch.manual_seed(0)
    adversary, real = PatchAdversary(8), torch.rand(1, 3, 32, 32)
    made = torch.nn.functional.avg_pool2d(real, 5, 1, 2)
    optimizer, losses = torch.optim.Adam(adversary.parameters(), 3e-3), []
    for _ in range(12):
        loss = judged(adversary, real, True) + judged(adversary, made, False)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_a_large_face_is_looked_at_twice() -> None:
    torch.manual_seed(0)
    truth = torch.rand(1, 3, 256, 256)
    assert float(face_dssim(truth, truth)) == pytest.approx(0, abs=1e-6)
    # Noise as fine as a pixel is half gone on the halved picture; below 256 pixels there is one scale alone.
    noisy = truth + 0.2 * torch.randn_like(truth)
    flat = torch.full((1, 3, 256, 256), 0.5)
    fine = flat + 0.1 * (torch.arange(256) % 2 * 2 - 1).float()
    assert float(face_dssim(flat, fine)) < 0.6 * float(face_dssim(flat[..., :192, :192], fine[..., :192, :192]))
    assert 0 < float(face_dssim(truth, noisy)) < 0.5


def test_style_is_about_colours_and_not_about_what_is_seen() -> None:
    torch.manual_seed(0)
    face, hull = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    assert float(style_loss(face, face.flip(3), hull)) < 1e-5
    assert float(style_loss(face, face * 0.5 + 0.4, hull)) > 1e-2


def test_statistics_are_those_inside_the_hull() -> None:
    picture, hull = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    picture[..., :4], hull[..., :4] = 0.7, 1
    picture[..., 4:] = 9
    mean, deviation = statistics(picture, hull)
    assert mean.flatten().tolist() == pytest.approx([0.7] * 3) and float(deviation.max()) < 1e-3
