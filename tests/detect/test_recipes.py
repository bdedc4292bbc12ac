"""Recipes: batches are a function of (seed, step, rank), both classes are treated alike, people are kept apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facebanks import COVERAGE, SIZE, living_bank

from datasets.errors import InputError
from detect import framing
from detect.framing import (
    Framing,
    Made,
    draw_framing,
    draw_side,
    scoring_framing,
    stored_coverage,
    stored_size,
    treated,
)
from detect.recipe import Material, Recipe, RecipeSettings, draw_balanced, make_recipe, part_people, recipes
from detect.recipes.paired import PairSample
from detect.recipes.selfblend import blended

SETTINGS = RecipeSettings(size=64, batch=6, seed=5)


def pairs(person: str, count: int, first: int = 0) -> list[PairSample]:
    bank, rng = living_bank(), np.random.default_rng(0)
    mine = np.flatnonzero(bank.people == bank.names.index(person))[first : first + count]
    made = [blended(bank, int(i), SIZE, rng) for i in mine]
    times = bank.times[mine]
    return [
        PairSample(m.fake, m.real, m.mask, float(t), person, 90.0, person) for m, t in zip(made, times, strict=True)
    ]


def material() -> Material:
    bank = living_bank()
    return Material(
        pairs=pairs("hopper", 5),
        held_pairs=pairs("astronaut", 3),
        pair_coverage=COVERAGE,
        faces=bank.of({"hopper"}),
        held_faces=bank.of({"astronaut"}),
    )


def made(name: str, **change: object) -> Recipe:
    return make_recipe(name, material(), replace(SETTINGS, **change))  # type: ignore[arg-type]


def test_the_table_has_the_three() -> None:
    assert {"self-blend", "paired", "mixed"} <= set(recipes())
    with pytest.raises(InputError, match="no recipe 'x'; there are: mixed, paired, self-blend"):
        make_recipe("x", Material(), SETTINGS)


@pytest.mark.parametrize("name", recipes())
def test_a_batch_is_a_function_of_seed_step_and_rank(name: str) -> None:
    recipe, again = made(name), made(name)
    first = recipe.batch(3)
    recipe.batch(7)
    assert np.array_equal(first.images, again.batch(3).images) and np.array_equal(first.masks, again.batch(3).masks)
    for other in (recipe.batch(4), recipe.batch(3, rank=1), made(name, seed=6).batch(3)):
        assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("name", recipes())
@pytest.mark.parametrize("strength", ["mild", "heavy"])
def test_batches_have_their_shapes_and_order(name: str, strength: str) -> None:
    recipe = made(name, strength=strength)
    held, seen = recipe.closing()
    for batch in (recipe.batch(0), recipe.held_out(), *held, *seen):
        count = len(batch.images) // 2
        assert batch.images.shape == (2 * count, 64, 64, 3) and batch.images.dtype == np.uint8
        assert batch.labels.tolist() == [1] * count + [0] * count
        assert batch.masks.min() >= 0 and batch.masks.max() <= 1 and not batch.masks[count:].any()
        assert batch.masks[:count].max() > 0.5
    assert len(recipe.batch(0).images) == 12 and len(held) == len(seen) == 3
    assert np.array_equal(held[0].images, recipe.held_out().images)
    assert recipe.card()["recipe"] == name and recipe.fingerprint() == made(name).fingerprint()


def test_a_pair_differs_where_its_mask_is_when_nothing_is_degraded() -> None:
    batch = made("self-blend").held_out()
    half = len(batch.images) // 2
    change = np.abs(batch.images[:half].astype(int) - batch.images[half:]).mean(3)
    outside = batch.masks[:half] == 0
    assert change[outside].mean() < 0.2 < change[~outside].mean()


@pytest.mark.parametrize("strength", ["mild", "heavy"])
@pytest.mark.parametrize("seed", range(6))
def test_equal_pictures_stay_equal_through_all_of_it(strength: str, seed: int) -> None:
    """With the original in the fake's place both classes get the same pixels: the pipeline leaks nothing."""
    bank = living_bank()
    same = [Made(crop, crop, np.zeros(crop.shape[:2], np.float32)) for crop in bank.crops[:3]]
    found = treated(same, np.random.default_rng(seed), COVERAGE, 64, 1.25, strength, True)
    assert all(np.array_equal(pair.fake, pair.real) for pair in found)


def test_every_person_is_equally_likely() -> None:
    people = np.array([0] * 90 + [1] * 9 + [2])
    drawn = people[draw_balanced(np.random.default_rng(0), people, 300)]
    assert np.bincount(drawn).tolist() == [100, 100, 100]


def test_people_are_parted_by_the_seed_and_never_on_both_sides() -> None:
    names = [f"p{i}" for i in range(10)]
    learnt, held = part_people(names, 0)
    assert len(held) == 2 and not learnt & held and learnt | held == set(names)
    assert part_people(names[::-1], 0) == (learnt, held)
    assert any(part_people(names, seed)[1] != held for seed in range(1, 5))
    with pytest.raises(InputError, match="two or more"):
        part_people(["one"], 0)


def test_margins_in_training_are_drawn_about_the_one_of_scoring() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([draw_framing(rng, 1.25).margins for _ in range(500)])
    # U(.2, .8) of a quarter of the box each side in training, an eighth in scoring.
    assert 0.05 <= drawn.min() < 0.06 and 0.19 < drawn.max() <= 0.2
    assert scoring_framing(1.25).margins == (0.125,) * 4
    wide = 1 + 2 * framing.MARGINS[1] * 0.25
    assert stored_coverage(1.25) > wide and stored_size(128, 1.25) / stored_coverage(1.25) >= 128 / 1.1 - 2


def test_a_framing_puts_the_box_where_it_says() -> None:
    """The corners of the landmark box lie at their margins, mirrored or not."""
    side, size = 180, 100
    box = side / 1.8
    edges = np.array([[(side - 1 - box) / 2] * 2, [(side - 1 + box) / 2] * 2])
    for flip in (False, True):
        affine = Framing((0.1, 0.2, 0.3, 0.2), 0.0, flip).affine(side, 1.59, size)
        unit = size / 1.4
        placed = edges @ affine[:, :2].T + affine[:, 2]
        width = abs(placed[1, 0] - placed[0, 0])
        assert width == pytest.approx(unit * 1.59 / 1.8, rel=0.02)
        middle = placed.mean(0)
        assert middle[1] == pytest.approx((size - 1) / 2, abs=0.6)
        assert middle[0] == pytest.approx((size - 1) / 2 + (0.1 if flip else -0.1) * unit, abs=0.6)


def test_faces_are_never_blown_up_before_they_are_encoded() -> None:
    rng = np.random.default_rng(0)
    sides = [draw_side(rng, [120, 150, 90], 1.8) for _ in range(200)]
    assert max(sides) <= 90 and min(sides) >= 86 and all(side % 2 == 0 for side in sides)
    sides = [draw_side(rng, [300], 1.8) for _ in range(200)]
    assert max(sides) == 300 and 86 <= min(sides) < 100


def test_what_a_recipe_cannot_use_is_said() -> None:
    with pytest.raises(InputError, match="Self-blending needs faces"):
        make_recipe("self-blend", Material(), SETTINGS)
    with pytest.raises(InputError, match="no pairs"):
        make_recipe("paired", Material(), SETTINGS)
    for wrong in ({"strength": "x"}, {"size": 33}, {"coverage": 1.0}, {"share": 1.0}):
        with pytest.raises(InputError):
            replace(SETTINGS, **wrong)
