"""Weights that a package carries, several networks as one, and networks folded for inference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from timm.layers import Conv2dSame

from datasets.errors import InputError
from detect import backbones
from detect.detector import ModelOutput, build_model
from detect.ensemble import ensemble
from detect.fuse import for_inference, fused
from detect.pyramid import body_of, normalisation_of

NAME, PACKAGE = "mobilenetv3_small_050", "weights_for_this_test"


def packed(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """A package that carries weights under other names, in timm's order."""
    (folder / PACKAGE / "models").mkdir(parents=True)
    (folder / PACKAGE / "__init__.py").touch()
    torch.save({f"_{i}": value for i, value in enumerate(state.values())}, folder / PACKAGE / "models" / "a.pth")


def test_weights_of_a_package_are_taken_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    whole = build_model("timm_plain", backbone=NAME)  # any other random weights
    assert whole.initial_weights.startswith("scratch")
    import timm

    wanted = timm.create_model(NAME, features_only=True)
    packed(tmp_path, {k: v for k, v in wanted.state_dict().items()})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(backbones.PACKAGES, NAME, PACKAGE)
    body, said = body_of(NAME, "imagenet")
    assert said == f"ImageNet ({NAME}, of the package {PACKAGE})"
    own = body.state_dict()
    assert own and all(torch.equal(own[key], wanted.state_dict()[key]) for key in own)


def test_weights_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(tmp_path, {"a": torch.zeros(3, 3)})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(backbones.PACKAGES, NAME, PACKAGE)
    with pytest.raises(InputError, match="another network"):
        body_of(NAME, "imagenet")


def test_colours_are_scaled_as_the_weights_expect() -> None:
    assert normalisation_of("tf_efficientnet_lite0")["mean"] == [0.5, 0.5, 0.5]
    assert normalisation_of(NAME)["mean"] == pytest.approx([0.485, 0.456, 0.406])


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    torch.manual_seed(0)
    built = build_model("timm_heatmap", backbone=NAME, members=2)
    assert built.options["members"] == 2
    module, x = built.module.eval(), torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        said: ModelOutput = module(x)
        alone = [member(x) for member in module.members]  # type: ignore[operator, union-attr]
    assert torch.allclose(said.logit, (alone[0].logit + alone[1].logit) / 2, atol=1e-6)
    assert said.heat is not None and torch.allclose(said.heat, (alone[0].heat + alone[1].heat) / 2, atol=1e-6)
    assert torch.equal(said.features, alone[0].features)
    with pytest.raises(InputError, match="one network or more"):
        ensemble(torch.nn.Identity, 0)


@pytest.mark.parametrize("backbone", [NAME, "tf_efficientnet_lite0", "resnet10t"])
def test_a_folded_network_answers_alike_and_has_fewer_layers(backbone: str) -> None:
    torch.manual_seed(0)
    module = build_model("timm_heatmap", backbone=backbone).module
    with torch.no_grad():
        for _ in range(2):  # statistics that are not those of a fresh layer
            module(torch.rand(4, 3, 64, 64))
    module.eval()
    quick, x = for_inference(module, 64), torch.rand(2, 3, 64, 64)
    norms = [sum(isinstance(m, torch.nn.BatchNorm2d) for m in one.modules()) for one in (module, quick)]
    assert norms[0] > 10 and norms[1] <= 1
    assert not any(isinstance(m, Conv2dSame) for m in quick.modules())
    with torch.inference_mode():
        a, b = module(x), quick(x)
    assert torch.allclose(a.logit, b.logit, atol=1e-4) and torch.allclose(a.heat, b.heat, atol=1e-4)
    assert torch.allclose(a.features, b.features, atol=1e-4)


def test_a_network_that_would_answer_otherwise_is_left_as_it_is() -> None:
    class Crossed(torch.nn.Module):
        """Its normalisation stands after its convolution and runs before it."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 3, 3), torch.nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            found = self.conv(self.norm(x)).mean((2, 3))
            return ModelOutput(found[:, 0], None, found)

    module = Crossed()
    module(torch.rand(4, 3, 16, 16) + 3)
    module.eval()
    assert for_inference(module, 16) is module
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused(module).modules())
