"""Any timm backbone with a heatmap head: where was the face changed, and was it at all.

The heatmap is read off a small feature pyramid (Lin et al., 2017) and is supervised by the true swap masks. The
classifier sees the pooled features and the heatmap's own statistics, so that the two cannot tell different stories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets.errors import InputError
from detect.detector import BuiltModel, register_model

if TYPE_CHECKING:
    import torch

DEFAULT_BACKBONE = "mobilenetv3_small_050"
DEEPEST_STRIDE = 16
TOP_SHARE = 0.1


@register_model("timm_heatmap")
def timm_heatmap(
    weights: str = "scratch", backbone: str = DEFAULT_BACKBONE, stride: int = 4, width: int = 32
) -> BuiltModel:
    """Build the model.

    Args:
        weights: ``scratch``, or ``imagenet``: the backbone's published weights. When these can't be fetched the model
            starts from scratch, and ``initial_weights`` says so and why.
        backbone: a timm model that gives features at several strides.
        stride: pixels of the crop for one pixel of the heatmap, 2, 4 or 8.
        width: channels of the pyramid.
    """
    if weights not in ("scratch", "imagenet"):
        raise InputError(f"There are no {weights!r} weights for a detector; there are: scratch, imagenet.")
    body, said = _backbone(backbone, weights)
    module = _module(body, stride, width)
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    return BuiltModel(
        module=module,
        options={"backbone": backbone, "stride": stride, "width": width},
        normalisation={"mean": list(IMAGENET_DEFAULT_MEAN), "std": list(IMAGENET_DEFAULT_STD)},
        initial_weights=said,
    )


def _backbone(name: str, weights: str) -> tuple[Any, str]:
    import timm

    def create(pretrained: bool) -> Any:
        probe: Any = timm.create_model(name, pretrained=False, features_only=True)
        wanted = [i for i, at in enumerate(probe.feature_info.reduction()) if at <= DEEPEST_STRIDE]
        return _drop_unused(timm.create_model(name, pretrained=pretrained, features_only=True, out_indices=wanted))

    if name not in timm.list_models():
        raise InputError(f"timm has no backbone {name!r}.")
    try:
        if weights == "scratch":
            return create(False), "scratch (random, from the seed)"
        try:
            return create(True), f"ImageNet (timm {name})"
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            return create(False), f"scratch (random, from the seed): ImageNet weights could not be fetched: {reason}"
    except (AttributeError, AssertionError, TypeError) as error:
        raise InputError(f"The timm backbone {name!r} gives no features at several strides.") from error


def _drop_unused(body: Any) -> Any:
    """Take off the last blocks that no wanted feature comes from; timm would go on computing them."""
    import torch
    from torch import nn

    blocks = getattr(body, "blocks", None)
    if isinstance(blocks, nn.Sequential):
        with torch.enable_grad():
            sum(found.sum() for found in body.eval()(torch.zeros(1, 3, 64, 64))).backward()
        while len(blocks) and all(p.grad is None for p in blocks[-1].parameters()):
            del blocks[-1]
        body.zero_grad(set_to_none=True)
    return body.train()


def _module(body: Any, stride: int, width: int) -> torch.nn.Module:
    import torch
    from torch import nn
    from torch.nn import functional

    from detect.detector import ModelOutput

    reductions, channels = body.feature_info.reduction(), body.feature_info.channels()
    if stride not in reductions:
        raise InputError(f"This backbone has no features at stride {stride}; it has: {reductions}.")
    used = [i for i, at in enumerate(reductions) if at >= stride]

    class TimmHeatmap(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.lateral = nn.ModuleList(nn.Conv2d(channels[i], width, 1) for i in used)
            self.smooth = nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            self.to_heat = nn.Conv2d(width, 1, 1)
            # Mean and spread of every channel; what the heatmap points at; how much of it there is.
            pooled = 2 * sum(channels[i] for i in used) + width
            self.to_logit = nn.Sequential(nn.LayerNorm(pooled + 3), nn.Linear(pooled + 3, 1))

        def forward(self, x: torch.Tensor) -> ModelOutput:
            found = self.body(x.contiguous(memory_format=torch.channels_last))
            maps = [found[i] for i in used]
            pyramid = self.lateral[-1](maps[-1])
            for lateral, finer in zip(reversed(self.lateral[:-1]), reversed(maps[:-1]), strict=True):
                pyramid = lateral(finer) + functional.interpolate(pyramid, size=finer.shape[-2:], mode="nearest")
            pyramid = self.smooth(pyramid)
            heat = self.to_heat(pyramid)[:, 0]
            shown = heat.sigmoid()
            weight = shown[:, None] / (shown.sum((1, 2))[:, None, None, None] + 1e-3)
            # The square root of a bare variance has no gradient where a channel is dead.
            spread = [(m.var((2, 3), correction=0) + 1e-5).sqrt() for m in maps]
            features = torch.cat([*(m.mean((2, 3)) for m in maps), *spread], 1)
            pointed = (pyramid * weight).sum((2, 3))
            flat = shown.flatten(1)
            top = flat.topk(max(1, int(flat.shape[1] * TOP_SHARE)), dim=1).values.mean(1)
            statistics = torch.stack([flat.mean(1), top, flat.std(1)], 1)
            logit = self.to_logit(torch.cat([features, pointed, statistics], 1))[:, 0]
            return ModelOutput(logit, heat, features)

    return TimmHeatmap().to(memory_format=torch.channels_last)
