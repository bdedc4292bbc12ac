"""The metrics against scikit-learn's on 1,000 random cases: ties, one class alone, NaN, weights.

    python -m benchmarks.metrics [--cases 1000]

Prints the largest difference of each figure (asked: 1e-9), and how many of the cases without a figure (one class, NaN,
infinity) gave an error that says so. What scikit-learn has no function for (EER, TPR at a FPR) is read off its curve.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter

import numpy as np


def case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and integer weights of one random case; many have ties, some one class, some NaN."""
    count = int(rng.integers(2, 400))
    label = (rng.random(count) < rng.choice([0.02, 0.3, 0.5, 0.9])).astype(int)
    score = np.clip(rng.normal(0.45 + 0.2 * label * rng.random(), 0.2), 0, 1)
    if rng.random() < 0.5:
        score = np.round(score, int(rng.integers(0, 3)))
    if rng.random() < 0.08:
        label[:] = rng.integers(0, 2)
    if rng.random() < 0.05:
        score[rng.integers(0, count)] = rng.choice([np.nan, np.inf])
    return label, score, rng.integers(0, 4, count)


def equal_error(fpr: np.ndarray, tpr: np.ndarray) -> float:
    """Where a ROC curve of straight pieces crosses ``fpr + tpr = 1``, by looking at every piece."""
    for at in range(1, len(fpr)):
        before, after = fpr[at - 1] + tpr[at - 1] - 1, fpr[at] + tpr[at] - 1
        if before <= 0 <= after and after > before:
            return float(fpr[at - 1] + (fpr[at] - fpr[at - 1]) * -before / (after - before))
    raise AssertionError("a curve from (0, 0) to (1, 1) crosses the diagonal")


def differences(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """How far each figure is from scikit-learn's, unweighted and weighted. Raises ValueError for a case without one."""
    from sklearn import metrics as reference

    from evaluate import metrics as own
    from evaluate.resampled import CURVE, weighted_curve

    mine = {
        "AUC": own.auc(label, score),
        "AP": own.average_precision(label, score),
        "EER": own.eer(label, score),
        "TPR at 1% FPR": own.tpr_at_fpr(label, score, 0.01),
        "TPR at 5% FPR": own.tpr_at_fpr(label, score, 0.05),
    }
    found = {name: abs(mine[name] - value) for name, value in curve(label, score, None).items()}
    found |= {
        "Brier": abs(own.brier(label, score) - reference.brier_score_loss(label, score)),
        "NLL": abs(own.nll(label, score) - reference.log_loss(label, score, labels=[0, 1])),
        "accuracy": abs(own.accuracy(label, score, 0.5) - reference.accuracy_score(label, score >= 0.5)),
        "balanced accuracy": abs(
            own.balanced_accuracy(label, score, 0.5) - reference.balanced_accuracy_score(label, score >= 0.5)
        ),
    }
    if len(np.unique(label[weight > 0])) == 2:
        drawn = weighted_curve(label, score, weight[None].astype(float))
        for name, value in curve(label, score, weight).items():
            found[f"weighted {name}"] = abs(float(drawn[name][0]) - value)
    assert set(CURVE) <= set(found)
    return found


def curve(label: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> dict[str, float]:
    """The figures of a curve by scikit-learn."""
    from sklearn import metrics as reference

    fpr, tpr, _ = reference.roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    return {
        "AUC": float(reference.roc_auc_score(label, score, sample_weight=weight)),
        "AP": float(reference.average_precision_score(label, score, sample_weight=weight)),
        "EER": equal_error(fpr, tpr),
        "TPR at 1% FPR": float(tpr[fpr <= 0.01 + 1e-12].max()),
        "TPR at 5% FPR": float(tpr[fpr <= 0.05 + 1e-12].max()),
    }


def compare(cases: int, seed: int = 0) -> tuple[dict[str, float], Counter[str]]:
    """The largest difference of each figure over random cases, and how many cases of each kind there were."""
    rng, worst, kinds = np.random.default_rng(seed), dict[str, float](), Counter[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(cases):
            label, score, weight = case(rng)
            kind = "with a figure"
            if not np.isfinite(score).all():
                kind = "NaN or infinity"
            elif len(np.unique(label)) < 2:
                kind = "one class alone"
            kinds[kind] += 1
            kinds["with ties"] += len(np.unique(score)) < len(score)
            try:
                found = differences(label, score, weight)
            except ValueError as error:
                wanted = {"NaN or infinity": "NaN or infinite", "one class alone": "both classes"}.get(kind)
                if wanted is None or wanted not in str(error):
                    raise
                kinds[f"{kind}: said in words"] += 1
                continue
            assert kind == "with a figure", f"a case of {kind} gave {found}"
            worst = {name: max(value, worst.get(name, 0.0)) for name, value in found.items()} | {
                name: value for name, value in worst.items() if name not in found
            }
    return worst, kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    options = parser.parse_args()
    worst, kinds = compare(options.cases)
    print(f"{options.cases} cases: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    for name, value in worst.items():
        print(f"  {name}: {value:.1e} at most from scikit-learn's")
    print(f"largest difference {max(worst.values()):.1e}; asked: 1e-9")


if __name__ == "__main__":
    main()
