"""Grad-CAM for networks without a heatmap: it lies where the evidence is, and is honest about what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from detect.detector import FaceScores, ModelOutput, TrainedDetector, build_model
from detect.explain import NOTHING, OWN, Explainer
from detect.gradcam import GradCam, last_convolution

GREY = {"mean": [0.5] * 3, "std": [0.5] * 3}
SIZE = 64


class Redness(torch.nn.Module):
    """A classifier that is right about one thing: red is manipulated."""

    def __init__(self) -> None:
        super().__init__()
        self.look = torch.nn.Conv2d(3, 2, 4, 4)
        with torch.no_grad():
            self.look.weight.zero_()
            self.look.bias.zero_()  # type: ignore[union-attr]
            self.look.weight[0, 0], self.look.weight[1, 1] = 1.0, 1.0

    def forward(self, x: torch.Tensor) -> ModelOutput:
        features = self.look(x).relu().mean((2, 3))
        return ModelOutput(features[:, 0] - features[:, 1], None, features)


def crops() -> np.ndarray:
    grey = np.full((2, SIZE, SIZE, 3), 128, np.uint8)
    grey[:, 8:24, 40:56] = (255, 0, 0)
    grey[:, 40:56, 8:24] = (0, 255, 0)
    return grey


def test_it_lies_where_the_evidence_is_and_goes_with_the_probability() -> None:
    heat = GradCam(Redness().eval(), "look", GREY).heat(crops(), np.array([0.8, 0.1]))
    assert heat.shape == (2, 16, 16) and heat.dtype == np.float32
    assert heat.max((1, 2)) == pytest.approx([0.8, 0.1])
    assert heat[0, 3:5, 11:13].min() > 0.7 and heat[0, 11:13, 3:5].max() == 0 == heat[0, 8:, 8:].max()


def test_it_works_inside_inference_mode_and_leaves_the_network_as_it_was() -> None:
    module = Redness().eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.inference_mode():
        heat = GradCam(module, "look", GREY).heat(crops(), np.ones(2))
    assert heat.max() == 1 and all(p.grad is None for p in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not module.look._forward_hooks and not module.training


@pytest.mark.parametrize(("backbone", "found"), [("resnet10t", True), ("mobilenetv3_small_050", True),
                                                 ("vit_tiny_patch16_224", False)])  # fmt: skip
def test_the_last_convolution_of_a_timm_network(backbone: str, found: bool) -> None:
    built = build_model("timm_plain", backbone=backbone)
    layer = last_convolution(built.module.eval(), SIZE)
    assert (layer is not None) == found
    if layer is not None:
        heat = GradCam(built.module.eval(), layer, built.normalisation).heat(crops(), np.ones(2))
        assert heat.shape[1] >= 2 and np.isfinite(heat).all() and 0 <= heat.min() <= heat.max() <= 1


class Stub:
    """As much of a detector as an explanation asks for."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module, self.device = module, "cpu"
        self.card = {"input": {"size": SIZE, "normalisation": GREY}}


def scored(count: int, heat: np.ndarray | None = None) -> FaceScores:
    numbers = np.full(count, 0.9)
    return FaceScores(numbers, heat, np.zeros((count, 2), np.float32), numbers, numbers)


def test_an_explanation_says_what_it_is(detector: TrainedDetector, material: Any) -> None:
    real = np.stack([pair.real for pair in material.pairs[:2]])
    own = Explainer(detector)
    scores = detector.score(real)
    assert own.by is None and own.heat(real, scores) is scores.heatmap and own.by == OWN

    cam = Explainer(Stub(Redness().eval()))  # type: ignore[arg-type]
    heat = cam.heat(crops(), scored(2))
    assert heat is not None and heat.max() == pytest.approx(0.9)
    assert cam.by is not None and "Grad-CAM" in cam.by and "(look)" in cam.by

    nothing = Explainer(Stub(torch.nn.Identity()))  # type: ignore[arg-type]
    assert nothing.heat(crops(), scored(2)) is None and nothing.by == NOTHING
