"""Where a network without a heatmap of its own looked: Grad-CAM over its last convolution.

R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization" (2017), as
captum does it. It is coarser than a heatmap head, which was shown the true masks: it says what moved the score, not
where the picture was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

BATCH = 8
LEAST_SIDE = 2


@dataclass(frozen=True)
class GradCam:
    """Grad-CAM of one network.

    Attributes:
        module: its forward returns :class:`detect.detector.ModelOutput`; in evaluation mode.
        layer: name of the convolution whose features are weighted, as ``module.named_modules()`` has it.
        normalisation: of the pixels, as the card has it.
        device: where the network lies.
    """

    module: torch.nn.Module
    layer: str
    normalisation: Mapping[str, list[float]]
    device: str = "cpu"

    def heat(self, crops: np.ndarray, probability: np.ndarray) -> np.ndarray:
        """Where the evidence for a manipulation lies.

        Grad-CAM has no unit. Each map is therefore scaled to its own highest value and then by the probability, so
        that a crop that the detector finds nothing in has no hot spot.

        Args:
            crops: uint8 RGB (N, S, S, 3).
            probability: float (N,), calibrated.

        Returns:
            float32 (N, h, w) in [0, 1], over the whole crop.
        """
        import torch
        from captum.attr import LayerGradCam

        from detect.detector import to_tensor

        explained = LayerGradCam(lambda x: self.module(x).logit, self.module.get_submodule(self.layer))
        found = []
        for start in range(0, len(crops), BATCH):
            # A tensor of inference mode, or parameters without gradients, would stop the way back to the layer.
            with torch.inference_mode(False), torch.enable_grad():
                pixels = to_tensor(crops[start : start + BATCH], self.normalisation, self.device).requires_grad_()
                maps = explained.attribute(pixels, relu_attributions=True)
            found.append(maps[:, 0].detach().float().cpu().numpy())
        heat = np.concatenate(found)
        most = heat.max((1, 2), keepdims=True)
        scale = np.asarray(probability, dtype=np.float32)[:, None, None]
        return (heat / np.maximum(most, 1e-12) * scale * (most > 0)).astype(np.float32)


def last_convolution(module: torch.nn.Module, size: int, device: str = "cpu") -> str | None:
    """The name of the last convolution that the classifier's features come from.

    None for a network whose features are no longer a picture when they reach the classifier, such as a vision
    transformer: its one convolution only cuts the crop into patches.

    Args:
        size: side of the crop, pixels.
    """
    import torch
    from torch import nn

    ran: list[tuple[str, nn.Module, torch.Size]] = []
    hooks = [
        part.register_forward_hook(
            lambda own, _, out, name=name: ran.append((name, own, out.shape)) if isinstance(out, torch.Tensor) else None
        )
        for name, part in module.named_modules()
        if not list(part.children())
    ]
    try:
        with torch.inference_mode():
            module(torch.zeros(1, 3, size, size, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    last = None
    for order, (name, part, shape) in enumerate(ran):
        if isinstance(part, nn.Conv2d) and min(shape[-2:]) >= LEAST_SIDE:
            last = order, name
    if last is None:
        return None
    order, name = last
    tokens = any(isinstance(part, nn.Linear) and len(shape) == 3 for _, part, shape in ran[order + 1 :])
    return None if tokens else name
