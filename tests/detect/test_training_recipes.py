"""Training for clips from anywhere: averaged weights, SAM, 16 bit, and going on exactly where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from facebanks import living_bank
from safetensors.numpy import load_file

import detect.training
from datasets.errors import InputError, Interrupted
from detect.detector import load_detector
from detect.objective import rank_auc
from detect.optimisers import OPTIMISERS, RHO, make_optimiser, uphill
from detect.recipe import Material, Recipe, RecipeSettings, make_recipe
from detect.training import TrainSettings, train_recipe

TINY = TrainSettings(steps=4, device="cpu", seed=2, ema=0.9, coverage=1.25, scope={"kind": "general"}, name="tiny")


def recipe(name: str = "self-blend") -> Recipe:
    bank = living_bank()
    material = Material(faces=bank.of({"hopper"}), held_faces=bank.of({"astronaut"}))
    return make_recipe(name, material, RecipeSettings(size=64, batch=3, seed=2))


def weights(folder: Path) -> dict[str, np.ndarray]:
    return {k: v for k, v in load_file(folder / "weights.safetensors").items() if k.startswith("model.")}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_stopped_and_gone_on_is_the_same_as_unbroken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With averaged weights and the optimiser that has most to keep; ``test_training`` holds it of the usual one."""
    settings = replace(TINY, optimizer="sam", learning_rate=1e-3)
    card = train_recipe(recipe(), settings, tmp_path / "unbroken")
    monkeypatch.setattr(detect.training, "SAVE_SECONDS", 0.0)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="from step 2 of 4"):
        train_recipe(recipe(), settings, tmp_path / "broken", stop)
    # How many threads make the batches is no part of what comes out.
    train_recipe(recipe(), replace(settings, workers=3), tmp_path / "broken")
    assert same(weights(tmp_path / "broken"), weights(tmp_path / "unbroken"))
    lines = [json.loads(line) for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 5)) and "heat_iou" in lines[0]
    assert card["recipe"] == "self-blend" and card["people"] == {"training": 1, "held_out": 1}
    assert card["input"] | {"normalisation": 0, "alignment": 0} == {
        "size": 64, "coverage": 1.25, "normalisation": 0, "alignment": 0,
    }  # fmt: skip
    assert load_detector(tmp_path / "broken", "cpu").score(recipe().held_out().images).probability.shape == (24,)


def test_what_is_kept_are_the_averaged_weights(tmp_path: Path) -> None:
    train_recipe(recipe(), TINY, tmp_path / "averaged")
    train_recipe(recipe(), replace(TINY, ema=None), tmp_path / "last")
    averaged, last = weights(tmp_path / "averaged"), weights(tmp_path / "last")
    assert not same(averaged, last)
    assert max(np.abs(averaged[n].astype(float) - last[n]).max() for n in averaged if averaged[n].dtype.kind == "f") < 1


@pytest.mark.slow
def test_a_plain_network_is_trained_and_has_no_heatmap(tmp_path: Path) -> None:
    card = train_recipe(recipe(), replace(TINY, steps=2, model="timm_plain"), tmp_path / "d")
    assert "heat_iou" not in card["held_out"] and 0 <= card["held_out"]["auc"] <= 1
    assert load_detector(tmp_path / "d", "cpu").score(recipe().held_out().images).heatmap is None


def test_sixteen_bit_learns_too(tmp_path: Path) -> None:
    card = train_recipe(recipe(), replace(TINY, steps=2, precision="bf16"), tmp_path / "d")
    assert card["settings"]["precision"] == "bf16" and card["step"] == 2
    with pytest.raises(InputError, match="fp16 needs a CUDA GPU"):
        train_recipe(recipe(), replace(TINY, precision="fp16"), tmp_path / "e")


def test_sam_looks_uphill_and_comes_back() -> None:
    torch.manual_seed(0)
    net: Any = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    x, y = torch.randn(32, 4), torch.randn(32, 1)

    def loss() -> torch.Tensor:
        return (net(x) - y).square().mean()

    loss().backward()
    before = [p.detach().clone() for p in net.parameters()]
    here = float(loss().detach())
    running = net[1].running_mean.clone()
    with uphill(net):
        moved = torch.cat([(p - b).flatten() for p, b in zip(net.parameters(), before, strict=True)])
        assert float(moved.detach().norm()) == pytest.approx(RHO, rel=1e-4)
        assert float(loss().detach()) > here
        assert torch.equal(net[1].running_mean, running)
    assert all(torch.equal(p, b) for p, b in zip(net.parameters(), before, strict=True))
    assert net[1].momentum == 0.1


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_goes_downhill(name: str) -> None:
    from detect.optimisers import sharpness_aware, usual_rate

    torch.manual_seed(0)
    net, x = torch.nn.Linear(4, 1), torch.randn(64, 4)
    y = x.sum(1, keepdim=True)
    optimiser = make_optimiser(name, net, usual_rate(name, False), 0.0)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (net(x) - y).square().mean()
        loss.backward()
        if sharpness_aware(name):
            with uphill(net):
                optimiser.zero_grad()
                (net(x) - y).square().mean().backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_unknown_optimisers_and_devices_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no optimiser 'x'; there are: adamw"):
        train_recipe(recipe(), replace(TINY, optimizer="x"), tmp_path / "d")
    with pytest.raises(InputError, match="4096 devices were asked for"):
        train_recipe(recipe(), replace(TINY, devices=4096), tmp_path / "d")
    assert not (tmp_path / "d" / "card.json").exists()


@pytest.mark.slow
def test_self_blends_of_faces_in_other_moments_are_told_from_the_real_ones(tmp_path: Path) -> None:
    """Real faces alone are learnt from; blends of later moments, drawn with other seeds, are recognised."""
    bank = living_bank(40)
    later = np.concatenate([np.flatnonzero(bank.people == person)[28:] for person in (0, 1)])
    earlier = np.setdiff1d(np.arange(len(bank)), later)
    material = Material(faces=bank.subset(earlier), held_faces=bank.subset(later), held_words="later moments")
    asked = RecipeSettings(size=96, batch=16, seed=0, strength="mild")
    settings = replace(TINY, steps=600, ema=0.98, seed=0)
    train_recipe(make_recipe("self-blend", material, asked), settings, tmp_path / "d")
    detector = load_detector(tmp_path / "d", "cpu")
    found: list[Any] = []
    for seed in range(11, 17):
        fresh = make_recipe("self-blend", material, replace(asked, seed=seed)).held_out()
        found.append(rank_auc(detector.score(fresh.images).logit, fresh.labels))
    # From scratch, in six hundred steps, on two faces: .81 here; a network that learnt nothing stands at .5.
    assert np.mean(found) > 0.7
