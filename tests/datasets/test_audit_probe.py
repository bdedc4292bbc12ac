"""A probe finds what is there, does not find what is not, and says when it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.audit.probe import CERTAIN, LIMIT, probe


def pairs(count: int, columns: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that share a scene and differ by nothing but chance."""
    rng = np.random.default_rng(seed)
    scene = rng.standard_normal((count, columns))
    one, other = (scene + noise * rng.standard_normal(scene.shape) for _ in range(2))
    return one, other


def test_where_classes_do_not_differ_none_is_found_and_the_limit_is_kept() -> None:
    found = probe("nothing", *pairs(60, 12, 0.05), repeats=1)
    assert found.passed and found.chance > CERTAIN and found.within_chance > CERTAIN
    assert found.interval[0] <= found.auc <= found.interval[1] <= LIMIT


@pytest.mark.parametrize("columns", [6, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_leak_is_found_in_few_columns_and_in_many(columns: int) -> None:
    fake, original = pairs(20, columns, 0.3)
    found = probe("a mark", fake + 12 / np.sqrt(columns), original, repeats=1)
    assert found.verdict == "leak" and found.auc > 0.95 and found.within > 0.95 and found.chance <= CERTAIN


def test_what_all_pairs_share_hides_a_leak_from_the_first_figure_and_not_from_the_second() -> None:
    fake, original = pairs(40, 1, 0.02)
    found = probe("a trace", fake + 0.05, original, repeats=1)
    assert found.auc < 0.6 and found.within > 0.9 and found.within_chance <= CERTAIN


def test_few_people_are_no_answer_and_many_pairs_of_them_are_not_either() -> None:
    fake, original = pairs(40, 4, 0.1)
    found = probe("few", fake + 5, original, people=np.arange(40) % 4)
    assert found.verdict == "cannot tell" and not found.passed and "too few" in found.sentence()
    # Twelve people with wide scatter: an answer, and none that can be relied on.
    wide = probe("wide", *pairs(12, 4, 2.0, seed=3), repeats=1)
    assert wide.verdict == "cannot tell" and wide.needed > 12 and "cannot tell" in wide.sentence()


def test_small_sets_scatter_below_a_half_and_are_not_taken_for_leaks() -> None:
    assert not [s for s in range(2) if probe("x", *pairs(12, 8, 0.5, s), repeats=1, exchanges=99).verdict == "leak"]
    # As many pairs lean one way as the other: of those left, most lean against any one that is taken out.
    lean = np.resize([1.0, -1.0], 12)[:, None]
    found = probe("leaning", lean, -lean, repeats=1)
    assert found.within < 0.5 and found.within_chance > 0.05 and found.verdict != "leak"


def test_a_person_is_never_learnt_from_and_asked_about() -> None:
    """One column names the person, and each person's label hangs on it: no help with people not seen before."""
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(12), 4)
    names = np.eye(12)[people]
    sign = rng.choice([-1.0, 1.0], 12)[people][:, None]
    found = probe("names", names * sign, -names * sign, people, repeats=1, exchanges=39)
    assert found.auc < 0.7 and found.verdict != "leak"


def test_the_same_seed_gives_the_same_answer() -> None:
    fake, original = pairs(12, 5, 0.3)
    one, other = (probe("again", fake, original, seed=4, repeats=1, exchanges=9) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("columns", [0, 1])
def test_what_does_not_differ_at_all_passes(columns: int) -> None:
    found = probe("headers", np.ones((12, columns)), np.ones((12, columns)), repeats=1)
    assert found.passed and found.auc == found.within == 0.5


def test_rows_that_do_not_pair_or_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs of rows"):
        probe("a", np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="not finite"):
        probe("a", np.full((12, 2), np.nan), np.zeros((12, 2)))
