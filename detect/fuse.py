"""A network made ready for inference: the same answers in less time.

Batch normalisation is folded into the convolutions before it, and convolutions that pad "same" do it themselves: timm
copies the whole picture to add a row and a column. On a CPU large networks then run in onnxruntime
(``detect.runtime``).
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


# Logits of both may differ by so much; a network that lists its layers in another order than it runs them differs more.
TOLERANCE = 1e-3


def for_inference(module: torch.nn.Module, size: int, device: str = "cpu") -> torch.nn.Module:
    """What stands in for a network in evaluation mode, if it answers as the network does; else the network itself.

    Args:
        size: side of its crops, pixels.
    """
    from detect.runtime import in_onnxruntime

    folded = fused(module)
    known = folded if _alike(module, folded, size, device) else module
    if str(device) == "cpu" and (quick := in_onnxruntime(known, size)) is not None:
        try:
            if _alike(module, quick, size, device):
                return quick
        except Exception:  # onnxruntime's own errors share no base class but this
            pass
    return known


def _alike(module: torch.nn.Module, quick: torch.nn.Module, size: int, device: str) -> bool:
    import torch

    with torch.inference_mode():
        probe = torch.rand((1, 3, size, size), generator=torch.Generator().manual_seed(0)).to(device)
        known, found = module(probe), quick(probe)
        pairs = [(known.logit, found.logit), (known.features, found.features)]
        pairs += [] if known.heat is None else [(known.heat, found.heat)]
        return all(torch.allclose(a, b, atol=TOLERANCE, rtol=TOLERANCE) for a, b in pairs)


def fused(module: torch.nn.Module) -> torch.nn.Module:
    """A copy for inference alone. A normalisation is folded where it stands right after a convolution in its parent.

    timm's layers that normalise and activate in one keep their activation. Whether the copy answers alike has to be
    tried, see :func:`for_inference`.
    """
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    found = copy.deepcopy(module).eval()
    for parent in found.modules():
        for name, layer in parent._modules.items():
            parent._modules[name] = _padding_itself(layer)
        names = list(parent._modules)
        for first, second in pairwise(names):
            conv, norm = parent._modules[first], parent._modules[second]
            if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                continue
            if conv.out_channels != norm.num_features or norm.running_mean is None or norm.running_var is None:
                continue
            weight, bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            conv.weight, conv.bias = weight, bias
            parent._modules[second] = getattr(norm, "act", None) or nn.Identity()
    return found


def _padding_itself(layer: torch.nn.Module | None) -> torch.nn.Module | None:
    """A "same" convolution as an ordinary one; any other layer as it is.

    The kernel grows by a row and a column of zeros where the padding is uneven. That holds where the picture's side is
    a multiple of the stride.
    """
    import torch
    from timm.layers import Conv2dSame
    from torch import nn

    if not isinstance(layer, Conv2dSame) or len(set(layer.kernel_size)) > 1 or len(set(layer.stride)) > 1:
        return layer
    missing = layer.kernel_size[0] - layer.stride[0]
    if missing < 0 or layer.dilation != (1, 1):
        return layer
    uneven = missing % 2
    after = missing // 2 + uneven
    own = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size[0] + uneven,
        layer.stride[0],
        after,
        groups=layer.groups,
        bias=layer.bias is not None,
        device=layer.weight.device,
        dtype=layer.weight.dtype,
    )
    with torch.no_grad():
        own.weight.zero_()[..., uneven:, uneven:] = layer.weight
        if own.bias is not None and layer.bias is not None:
            own.bias.copy_(layer.bias)
    return own.eval()
