"""What a detector is trained towards, and the two figures that its curve shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detect.recipes.paired import Batch

if TYPE_CHECKING:
    import torch

HEAT_WEIGHT, DICE_WEIGHT, RANK_WEIGHT = 2.0, 0.5, 0.5


def pair_loss(out: Any, masks: torch.Tensor) -> torch.Tensor:
    """The loss of a batch of pairs, swaps first.

    Binary cross-entropy of the label; a ranking term that asks each swap to stand above its own original; for the
    heatmap, cross-entropy on every pixel and soft Dice (Milletari et al., 2016) on the swaps.

    Args:
        out: :class:`detect.detector.ModelOutput` of 2N images; without a heatmap its terms are left out.
        masks: float32 (2N, S, S) in [0, 1].
    """
    import torch
    from torch.nn import functional

    logit, half = out.logit.float(), len(out.logit) // 2
    label = torch.cat([torch.ones_like(logit[:half]), torch.zeros_like(logit[half:])])
    loss = functional.binary_cross_entropy_with_logits(logit, label)
    loss = loss + RANK_WEIGHT * functional.softplus(logit[half:] - logit[:half]).mean()
    if out.heat is None:
        return loss
    heat = out.heat.float()
    target = functional.adaptive_avg_pool2d(masks[:, None], heat.shape[-2:])[:, 0]
    loss = loss + HEAT_WEIGHT * functional.binary_cross_entropy_with_logits(heat, target)
    shown, truth = heat[:half].sigmoid(), target[:half]
    overlap = 2 * (shown * truth).sum((1, 2)) + 1
    return loss + DICE_WEIGHT * (1 - overlap / (shown.sum((1, 2)) + truth.sum((1, 2)) + 1)).mean()


def rank_auc(logit: np.ndarray, label: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney), ties counted half; no scikit-learn needed."""
    fake, real = np.asarray(logit)[np.asarray(label) > 0.5], np.asarray(logit)[np.asarray(label) <= 0.5]
    order = np.sort(real)
    below, up_to = np.searchsorted(order, fake, "left"), np.searchsorted(order, fake, "right")
    return float((below + up_to).sum() / (2 * len(fake) * len(real)))


def heat_iou(heat: np.ndarray, batch: Batch) -> float:
    """Mean IoU of heatmaps and swap masks at one half, over the swaps of a batch."""
    import cv2

    half = len(batch.images) // 2
    height, width = heat.shape[1:]
    found = []
    for shown, mask in zip(heat[:half], batch.masks[:half], strict=True):
        truth = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) >= 0.5
        shown = shown >= 0.5
        found.append((shown & truth).sum() / max(1, (shown | truth).sum()))
    return float(np.mean(found))
