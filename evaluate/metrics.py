"""How good is a score, a probability, a heatmap, a picture: pure functions on arrays.

Labels are 1 for manipulated and 0 for real; scores are higher for manipulated.
"""

from __future__ import annotations

import numpy as np

CALIBRATION_BINS = 15
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5


def _checked(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    label, score = np.asarray(label).astype(int).ravel(), np.asarray(score, dtype=np.float64).ravel()
    if label.shape != score.shape:
        raise ValueError(f"{label.size} labels and {score.size} scores")
    if not np.isin(label, (0, 1)).all() or np.unique(label).size != 2:
        raise ValueError("both classes are needed, as labels 0 and 1")
    return label, score


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, of (N,) labels and scores."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*_checked(label, score)))


def average_precision(label: np.ndarray, score: np.ndarray) -> float:
    """Average precision, of (N,) labels and scores."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*_checked(label, score)))


def _roc(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(*_checked(label, score), drop_intermediate=False)
    return false_positive, true_positive


def eer(label: np.ndarray, score: np.ndarray) -> float:
    """Equal error rate: where the false positive and the false negative rate meet, between the steps of the curve."""
    false_positive, true_positive = _roc(label, score)
    gap = false_positive - (1 - true_positive)
    after = int(np.argmax(gap >= 0))
    if gap[after] == 0:
        return float(false_positive[after])
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(false_positive[after - 1] + share * (false_positive[after] - false_positive[after - 1]))


def tpr_at_fpr(label: np.ndarray, score: np.ndarray, fpr: float) -> float:
    """The highest true positive rate that a threshold reaches with at most ``fpr`` false positives."""
    false_positive, true_positive = _roc(label, score)
    return float(true_positive[false_positive <= fpr + 1e-12].max())


def ece(label: np.ndarray, probability: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over bins of equal mass (Nguyen and O'Connor, 2015).

    Args:
        label: (N,), 0 or 1; one class alone is allowed.
        probability: (N,) in [0, 1].
    """
    label, probability = np.asarray(label, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    # Equal probabilities share a bin, whatever order they come in: a bin's edge never falls between them.
    ranks = np.searchsorted(np.sort(probability), probability, side="left")
    bin_of = ranks * min(bins, len(label)) // len(label)
    error = 0.0
    for one in np.unique(bin_of):
        inside = bin_of == one
        error += inside.mean() * abs(label[inside].mean() - probability[inside].mean())
    return float(error)


def brier(label: np.ndarray, probability: np.ndarray) -> float:
    """Mean squared distance of probabilities (N,) to labels (N,)."""
    return float(np.mean((np.asarray(probability, dtype=np.float64) - np.asarray(label)) ** 2))


def iou(heat: np.ndarray, mask: np.ndarray, threshold: float | None = 0.5) -> float:
    """Intersection over union of a heatmap and a mask of one shape, both in [0, 1].

    Args:
        threshold: both are cut there; None for the soft form, ``sum(min) / sum(max)`` (Ruzicka).

    Returns:
        In [0, 1]; 1.0 when both are empty.
    """
    heat, mask = np.asarray(heat, dtype=np.float64), np.asarray(mask, dtype=np.float64)
    if heat.shape != mask.shape:
        raise ValueError(f"a heatmap of {heat.shape} and a mask of {mask.shape}")
    if threshold is not None:
        heat, mask = (heat >= threshold).astype(np.float64), (mask >= threshold).astype(np.float64)
    union = np.maximum(heat, mask).sum()
    return float(np.minimum(heat, mask).sum() / union) if union > 0 else 1.0


def pointing_game(heat: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> bool:
    """Whether the heatmap's highest point lies inside the mask (Zhang et al., 2016); both (h, w)."""
    peak = np.unravel_index(int(np.argmax(heat)), np.shape(heat))
    return bool(np.asarray(mask)[peak] >= threshold)


def block_bootstrap(
    values: np.ndarray, times: np.ndarray, block_seconds: float = 1.0, n: int = 2000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """A percentile interval of the mean of a series whose neighbours are alike.

    Whole blocks of time are drawn with replacement (Künsch, 1989, with blocks that don't overlap), so that a
    thousand frames of one second do not count as a thousand observations. One block says nothing of its spread: then
    the frames are drawn one by one, and the interval is a lower bound of the true one.

    Args:
        values: float (N,).
        times: seconds (N,).
        n: draws.

    Returns:
        (low, high); the mean itself lies inside.
    """
    values, times = np.asarray(values, dtype=np.float64), np.asarray(times, dtype=np.float64)
    if values.shape != times.shape or not len(values):
        raise ValueError("values and times of one length, at least one, are needed")
    blocks = np.floor((times - times.min()) / block_seconds).astype(int)
    if np.unique(blocks).size < 2:
        blocks = np.arange(len(values))
    names, of = np.unique(blocks, return_inverse=True)
    sums, counts = np.bincount(of, weights=values), np.bincount(of)
    drawn = np.random.default_rng(seed).integers(0, len(names), (n, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    mean = float(values.mean())
    return min(float(low), mean), max(float(high), mean)


def ssim(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity (Wang et al., 2004; Gaussian window, sigma 1.5) of two uint8 RGB pictures (H, W, 3).

    Args:
        mask: float (H, W) in [0, 1]; the similarity is averaged over it (a face region). None for everywhere.

    Returns:
        At most 1, which equal pictures have.
    """
    from skimage.metrics import structural_similarity

    if a.shape != b.shape:
        raise ValueError(f"pictures of {a.shape} and {b.shape}")
    if min(a.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {SSIM_WINDOW} px")
    whole, local = structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=SSIM_SIGMA, use_sample_covariance=False, data_range=255,
        full=True,
    )  # fmt: skip
    if mask is None:
        return float(whole)
    weight = np.asarray(mask, dtype=np.float64)
    if weight.sum() <= 0:
        raise ValueError("the mask is empty")
    return float((local.mean(2) * weight).sum() / weight.sum())
