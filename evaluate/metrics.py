"""How good is a score, a probability, a heatmap, a picture: pure functions on arrays.

Labels are 1 for manipulated and 0 for real; scores are higher for manipulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CALIBRATION_BINS = 15
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5


def _numbers(label: np.ndarray, score: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores as flat float64 arrays of one length. Raises ValueError for what is no number."""
    label, score = np.asarray(label, dtype=np.float64).ravel(), np.asarray(score, dtype=np.float64).ravel()
    if label.shape != score.shape:
        raise ValueError(f"{label.size} labels and {score.size} {what}; as many are needed, at least one")
    for name, values in (("labels", label), (what, score)):
        if bad := int((~np.isfinite(values)).sum()):
            raise ValueError(f"{bad} of {values.size} {name} are NaN or infinite")
    return label, score


def checked_scores(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels as int64 (N,) and scores as float64 (N,).

    Raises:
        ValueError: unequal lengths, NaN or infinity, other labels than 0 and 1, or one class alone.
    """
    label, score = _numbers(label, score, "scores")
    if not np.isin(label, (0, 1)).all() or np.unique(label).size != 2:
        raise ValueError("both classes are needed, as labels 0 and 1")
    return label.astype(int), score


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, of (N,) labels and scores."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*checked_scores(label, score)))


def average_precision(label: np.ndarray, score: np.ndarray) -> float:
    """Average precision, of (N,) labels and scores."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*checked_scores(label, score)))


def _roc(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(*checked_scores(label, score), drop_intermediate=False)
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


def accuracy(label: np.ndarray, score: np.ndarray, threshold: float) -> float:
    """Share of (N,) scores on the right side of a threshold; at it and above is manipulated. One class is allowed."""
    label, score = _numbers(label, score, "scores")
    if not label.size:
        raise ValueError("no scores")
    return float(np.mean((score >= threshold) == (label == 1)))


def balanced_accuracy(label: np.ndarray, score: np.ndarray, threshold: float) -> float:
    """The mean of the two classes' accuracies at a threshold, of (N,) labels and scores."""
    label, score = checked_scores(label, score)
    said = score >= threshold
    return float((said[label == 1].mean() + (~said[label == 0]).mean()) / 2)


def best_threshold(label: np.ndarray, score: np.ndarray) -> float:
    """The threshold of the best balanced accuracy (Youden, 1950), in the middle between the two scores beside it.

    To be fixed on validation data and then kept: on the data that it is fixed on it flatters. Of several equally good
    ones the lowest is taken.
    """
    label, score = checked_scores(label, score)
    levels = np.unique(score)
    middles = (levels[:-1] + levels[1:]) / 2 if len(levels) > 1 else levels
    fake, real = np.sort(score[label == 1]), np.sort(score[label == 0])
    caught = 1 - np.searchsorted(fake, middles, side="left") / len(fake)
    passed = np.searchsorted(real, middles, side="left") / len(real)
    return float(middles[int(np.argmax(caught + passed))])


def paired_accuracy(fake: np.ndarray, real: np.ndarray) -> float:
    """How often a fake is scored above its own original, ties counted half; both (N,), in the same order."""
    fake, real = np.asarray(fake, dtype=np.float64).ravel(), np.asarray(real, dtype=np.float64).ravel()
    if fake.shape != real.shape or not fake.size:
        raise ValueError(f"{fake.size} fakes and {real.size} originals: they are needed in pairs, at least one")
    return float(np.mean((fake > real) + 0.5 * (fake == real)))


def _equal_mass(probability: np.ndarray, bins: int) -> np.ndarray:
    """Which bin each probability (N,) falls into; equal ones share a bin, whatever order they come in."""
    ranks = np.searchsorted(np.sort(probability), probability, side="left")
    return ranks * min(bins, len(probability)) // len(probability)


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability table.

    Attributes:
        low, high: the smallest and the largest probability in it.
        said: their mean.
        seen: share of manipulated ones among them.
        count: how many.
    """

    low: float
    high: float
    said: float
    seen: float
    count: int


def reliability(label: np.ndarray, probability: np.ndarray, bins: int = CALIBRATION_BINS) -> tuple[ReliabilityBin, ...]:
    """What was said against what was seen, over bins of equal mass, by ascending probability.

    Args:
        label: (N,), 0 or 1; one class alone is allowed.
        probability: (N,) in [0, 1].
    """
    label, probability = checked_probabilities(label, probability)
    bin_of = _equal_mass(probability, bins)
    found = []
    for one in np.unique(bin_of):
        inside = probability[bin_of == one]
        seen = float(label[bin_of == one].mean())
        found.append(ReliabilityBin(float(inside.min()), float(inside.max()), float(inside.mean()), seen, len(inside)))
    return tuple(found)


def checked_probabilities(label: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities as float64 (N,); one class alone is allowed.

    Raises:
        ValueError: unequal lengths, none at all, NaN or infinity, labels that are neither 0 nor 1, or a probability
            outside [0, 1].
    """
    label, probability = _numbers(label, probability, "probabilities")
    if not label.size:
        raise ValueError("0 labels and 0 probabilities; as many are needed, at least one")
    if not np.isin(label, (0, 1)).all():
        raise ValueError("labels are 0 and 1")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities lie between 0 and 1")
    return label, probability


def ece(label: np.ndarray, probability: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over bins of equal mass (Nguyen and O'Connor, 2015); see :func:`reliability`."""
    table = reliability(label, probability, bins)
    return float(sum(one.count * abs(one.seen - one.said) for one in table) / sum(one.count for one in table))


def ece_by_chance(probability: np.ndarray, bins: int = CALIBRATION_BINS, draws: int = 200, seed: int = 0) -> float:
    """The mean ECE of labels drawn from the probabilities (N,) themselves: what perfect calibration would show here.

    With few samples a bin it is far from 0, and no detector can be asked for less.
    """
    rng, said = np.random.default_rng(seed), np.asarray(probability, dtype=np.float64).ravel()
    return float(np.mean([ece(rng.random(said.size) < said, said, bins) for _ in range(draws)]))


def brier(label: np.ndarray, probability: np.ndarray) -> float:
    """Mean squared distance of probabilities (N,) to labels (N,)."""
    label, probability = checked_probabilities(label, probability)
    return float(np.mean((probability - label) ** 2))


def nll(label: np.ndarray, probability: np.ndarray) -> float:
    """Mean negative log-likelihood, nats, of probabilities (N,) for labels (N,); one class alone is allowed.

    A certainty that was wrong costs as much as float64 can say, about 36 nats, and not infinity.
    """
    from sklearn.metrics import log_loss

    label, probability = checked_probabilities(label, probability)
    return float(log_loss(label.astype(int), probability, labels=[0, 1]))


def risk_coverage(wrong: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The risk-coverage curve (El-Yaniv and Wiener, 2010): the most confident are answered first.

    Args:
        wrong: (N,), 1 where the answer would be wrong.
        confidence: (N,), higher is surer; equal ones are answered together.

    Returns:
        (coverage, risk), float64 (M,) each: the share answered, ascending to 1, and the error rate among these.
    """
    wrong, confidence = np.asarray(wrong, dtype=np.float64).ravel(), np.asarray(confidence, dtype=np.float64).ravel()
    if wrong.shape != confidence.shape or not wrong.size:
        raise ValueError(f"{wrong.size} errors and {confidence.size} confidences; as many are needed, at least one")
    order = np.argsort(-confidence, kind="stable")
    last = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))
    answered = last + 1.0
    return answered / len(wrong), np.cumsum(wrong[order])[last] / answered


def risk_area(wrong: np.ndarray, confidence: np.ndarray) -> float:
    """Area under the risk-coverage curve (Geifman et al., 2019): the mean risk over all coverages; ties answer
    together, at their common risk."""
    coverage, risk = risk_coverage(wrong, confidence)
    return float((np.diff(coverage, prepend=0.0) * risk).sum())


@dataclass(frozen=True)
class Abstention:
    """What saying "cannot tell" is worth.

    Attributes:
        coverage: share that was answered.
        error: share of wrong ones among the answered; None when nothing was.
        error_of_all: share of wrong ones when each must be answered, at a threshold of .5.
    """

    coverage: float
    error: float | None
    error_of_all: float


def abstention(label: np.ndarray, probability: np.ndarray, answer: np.ndarray) -> Abstention:
    """Error with and without abstention.

    Args:
        label: (N,), 0 or 1.
        probability: (N,) in [0, 1].
        answer: (N,), 1 for manipulated, 0 for not, NaN for "cannot tell".
    """
    label, probability = checked_probabilities(label, probability)
    answer = np.asarray(answer, dtype=np.float64).ravel()
    if answer.shape != label.shape:
        raise ValueError(f"{label.size} labels and {answer.size} answers")
    answered = ~np.isnan(answer)
    error = float((answer[answered] != label[answered]).mean()) if answered.any() else None
    return Abstention(float(answered.mean()), error, float(((probability >= 0.5) != label).mean()))


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
