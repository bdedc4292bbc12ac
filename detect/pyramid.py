"""The network of a heatmap beside a classifier, on any backbone that gives features at several strides.

Needs torch at once, so it is imported by the models that are built of it and by nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from datasets.errors import InputError
from detect.backbones import check_backbone, started
from detect.detector import ModelOutput

DEEPEST_STRIDE = 16
TOP_SHARE = 0.1


class Pyramid(nn.Module):
    """A backbone with a small feature pyramid (Lin et al., 2017) that the heatmap is read off.

    The classifier sees the pooled features and the heatmap's own statistics, so that the two cannot tell different
    stories.

    Args:
        body: a timm backbone that gives features.
        stride: pixels of the crop for one pixel of the heatmap.
        width: channels of the pyramid.
        beside: numbers that the classifier sees beside those, see ``forward``.
    """

    def __init__(self, body: Any, stride: int, width: int, beside: int = 0) -> None:
        super().__init__()
        reductions, channels = body.feature_info.reduction(), body.feature_info.channels()
        if stride not in reductions:
            raise InputError(f"This backbone has no features at stride {stride}; it has: {reductions}.")
        self.used = [i for i, at in enumerate(reductions) if at >= stride]
        self.body = body
        self.lateral = nn.ModuleList(nn.Conv2d(channels[i], width, 1) for i in self.used)
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
        pooled = 2 * sum(channels[i] for i in self.used) + width + 3 + beside
        self.to_logit = nn.Sequential(nn.LayerNorm(pooled), nn.Linear(pooled, 1))

    def forward(self, x: Tensor, beside: Tensor | None = None) -> ModelOutput:
        """Images float32 (N, 3, S, S), normalised; ``beside`` float32 (N, k) joins the features."""
        found = self.body(x.contiguous(memory_format=torch.channels_last))
        maps = [found[i] for i in self.used]
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
        if beside is not None:
            features = torch.cat([features, beside], 1)
        pointed = (pyramid * weight).sum((2, 3))
        flat = shown.flatten(1)
        top = flat.topk(max(1, int(flat.shape[1] * TOP_SHARE)), dim=1).values.mean(1)
        statistics = torch.stack([flat.mean(1), top, flat.std(1)], 1)
        logit = self.to_logit(torch.cat([features, pointed, statistics], 1))[:, 0]
        return ModelOutput(logit, heat, features)


def body_of(name: str, weights: str) -> tuple[Any, str]:
    """A timm backbone that gives features at several strides, and where its weights come from.

    Raises:
        InputError: there is no such backbone, or it has no such features.
    """
    import timm

    check_backbone(name, weights)
    try:
        probe: Any = timm.create_model(name, pretrained=False, features_only=True)
        wanted = [i for i, at in enumerate(probe.feature_info.reduction()) if at <= DEEPEST_STRIDE]

        def create(pretrained: bool) -> Any:
            return timm.create_model(name, pretrained=pretrained, features_only=True, out_indices=wanted)

        body, said = started(name, weights, create)
        return _drop_unused(body), said
    except (AttributeError, AssertionError, TypeError, RuntimeError) as error:
        raise InputError(f"The timm backbone {name!r} gives no features at several strides.") from error


def normalisation_of(name: str) -> dict[str, list[float]]:
    """The mean and spread of colours, in [0, 1], that a timm backbone's published weights were trained with."""
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
    from timm.models import get_pretrained_cfg

    published = get_pretrained_cfg(name)
    mean, std = (published.mean, published.std) if published else (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    return {"mean": list(mean), "std": list(std)}


def _drop_unused(body: Any) -> Any:
    """Take off the last blocks that no wanted feature comes from; timm would go on computing them."""
    blocks = getattr(body, "blocks", None)
    if isinstance(blocks, nn.Sequential):
        with torch.enable_grad():
            sum(found.sum() for found in body.eval()(torch.zeros(1, 3, 64, 64))).backward()
        while len(blocks) and all(p.grad is None for p in blocks[-1].parameters()):
            del blocks[-1]
        body.zero_grad(set_to_none=True)
    return body.train()
