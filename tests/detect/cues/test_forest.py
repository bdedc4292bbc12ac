"""The forest says what scikit-learn's says, from plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from detect.cues.forest import Forest, fit_forest

COUNT, COLUMNS, TREES = 300, 12, 200


def table(seed: int = 0, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.uniform(size=count) < 0.3).astype(int)
    rows = random.normal(size=(count, COLUMNS)).astype(np.float32)
    rows[:, :3] += 0.8 * labels[:, None]
    rows[random.uniform(size=rows.shape) < 0.05] = np.nan
    # Ties, as quantised measurements have them.
    rows[:, 5] = np.round(rows[:, 5])
    return rows, labels


@pytest.fixture(scope="module")
def forest() -> Forest:
    return fit_forest(*table(), seed=3)


def test_parity_with_scikit_learn(forest: Forest) -> None:
    rows, labels = table()
    theirs = make_pipeline(
        SimpleImputer(strategy="median"),
        ExtraTreesClassifier(TREES, min_samples_leaf=3, class_weight="balanced", random_state=3),
    ).fit(rows, labels)
    new, _ = table(1, 2000)
    share = theirs.predict_proba(new)[:, 1]
    assert np.allclose(forest.share(new), share, atol=1e-6)
    clipped = np.clip(share, 1e-3, 1 - 1e-3)
    assert np.allclose(forest.logit(new), np.log(clipped / (1 - clipped)), atol=1e-4)
    assert forest.logit(new).dtype == np.float64 and forest.logit(new).shape == (2000,)


def test_arrays_round_trip_and_are_small(forest: Forest) -> None:
    arrays = forest.arrays()
    assert all(array.dtype in (np.int16, np.int32, np.float32) for array in arrays.values())
    nodes = len(arrays["feature"])
    assert sum(array.nbytes for array in arrays.values()) <= 10 * nodes + 5000
    again = Forest.from_arrays(arrays)
    new, _ = table(2)
    assert np.array_equal(again.logit(new), forest.logit(new))


def test_what_is_no_forest_is_refused(forest: Forest) -> None:
    arrays = forest.arrays()
    looping = dict(arrays, right=np.zeros_like(arrays["right"]))
    wide = dict(arrays, feature=np.where(arrays["feature"] >= 0, COLUMNS, -1).astype(np.int16))
    short = dict(arrays, threshold=arrays["threshold"][:-1])
    beyond = dict(arrays, roots=arrays["roots"] + len(arrays["feature"]))
    empty = {name: array[:0] for name, array in arrays.items()}
    for broken in (looping, wide, short, beyond, empty):
        with pytest.raises(ValueError, match="no forest"):
            Forest.from_arrays(broken)
    with pytest.raises(KeyError):
        Forest.from_arrays({name: array for name, array in arrays.items() if name != "right"})
    with pytest.raises(ValueError, match="is needed"):
        forest.logit(np.zeros((2, COLUMNS + 1)))


def test_nothing_measured_is_the_middle_and_infinity_counts_as_unmeasured(forest: Forest) -> None:
    nothing = forest.logit(np.full((1, COLUMNS), np.nan))
    assert nothing == forest.logit(np.full((1, COLUMNS), np.inf)) == forest.logit(forest.medians[None])
    assert len(forest.logit(np.empty((0, COLUMNS)))) == 0


def test_a_column_that_nobody_could_measure_does_no_harm() -> None:
    rows, labels = table()
    rows[:, 4] = np.nan
    assert np.isfinite(fit_forest(rows, labels, trees=10).logit(rows)).all()


def test_held_out_logits_know_nothing_of_their_own_group() -> None:
    rows, _ = table()
    # Each group has a number of its own in one column and a label drawn for the group: all that can be learnt is who.
    groups = np.arange(COUNT) % 30
    labels = np.random.default_rng(9).permutation(np.repeat([0, 1], 15))[groups]
    rows = np.random.default_rng(4).normal(size=rows.shape).astype(np.float32)
    rows[:, 0] = groups
    fitted = fit_forest(rows, labels, groups, seed=0, trees=30)
    assert fitted.held_out is not None and fitted.held_out.shape == (COUNT,)

    def told(logit: np.ndarray) -> float:
        return float(np.mean((logit > 0) == labels))

    assert told(fitted.logit(rows)) > 0.9 > 0.75 > told(fitted.held_out)
    assert np.array_equal(fit_forest(rows, labels, seed=0, trees=30).logit(rows), fitted.logit(rows))


def test_one_class_alone_is_refused() -> None:
    rows, labels = table()
    with pytest.raises(ValueError, match="both classes"):
        fit_forest(rows, np.zeros_like(labels))
