"""Recipes: what is wrong in one is said in one sentence before anything is made, and a plan follows from it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from setkit import footage, person, recipe, write_recipe

from datasets.errors import CounterfaceError, InputError, Refused
from synth.factory.build import prepare
from synth.factory.plan import chosen_pairs, fitted, needed, unit_seed
from synth.factory.preview import longest_chain, makespan, preview, preview_words
from synth.factory.recipe import Recipe, crf_of, read_recipe


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    footage(folder, 4)
    return folder


WRONG: list[tuple[str, str, str]] = [
    ("an unknown method", recipe(methods=['name = "deepfacelive"']), "There is no swap method 'deepfacelive'"),
    ("an unknown option", recipe(methods=['name = "self-blend"\noptions = { colour = 1 }']), "no option 'colour'"),
    ("an unknown composite", recipe(methods=['name = "graphics"\ncomposite = { glow = 1 }']), "no composite setting"),
    ("no budget", recipe(methods=['name = "quick96"']), "for how many steps or minutes"),
    ("two budgets", recipe(methods=['name = "quick96"\nsteps = 1\nminutes = 1']), "steps or minutes, not both"),
    ("a method twice", recipe(methods=['name = "graphics"'] * 2), "the method graphics twice"),
    ("two people with one name", recipe() + person("hop", '"moh.mp4"'), "two people with the name hop"),
    ("a clip twice", recipe() + person("eve", '"hop.mp4"'), "listed for hop and for eve"),
    (
        "a clip twice of one",
        recipe(people=("ast", "moh", "tsa")) + person("hop", '"hop.mp4", "hop.mp4"'),
        "twice for hop",
    ),
    ("a clip that is not there", recipe() + person("eve", '"eve.mp4"'), r"There is no clip .*eve\.mp4"),
    ("a pair with nobody", recipe(pairs='list = [["hop", "eve"]]'), "there is no person eve"),
    ("a pair with oneself", recipe(pairs='list = [["hop", "hop"]]'), "a swap needs two"),
    ("a pair twice", recipe(pairs='list = [["hop", "ast"], ["hop", "ast"]]'), "lists a pair twice"),
    ("more pairs than there are", recipe(pairs='kind = "random"\ncount = 13'), "12 pairs at most"),
    ("a random graph of no size", recipe(pairs='kind = "random"'), "needs count"),
    ("a level that is none", recipe(levels='"raw", "c60"'), "a CRF from 1 to 51"),
    ("a level twice", recipe(levels='"c23", 23'), "a level is listed twice"),
    ("a word that is not known", recipe(more="sead = 4"), "sead"),
    ("a seed below 0", recipe().replace("seed = 3", "seed = -3"), "seed"),
    ("no licence", recipe().replace("licence", "# licence"), "licence: field required"),
    ("a basis that is none", recipe().replace("public-domain", "somehow", 1), "the basis is one of"),
    ("a name with a path", recipe().replace('name = "small"', 'name = "a/b"'), "name"),
    ("no TOML", "name = ", "not readable TOML"),
    (
        "a start after the end",
        recipe(people=("ast", "moh", "tsa")) + person("hop", '{ file = "hop.mp4", start = 9 }'),
        "s long",
    ),
]


@pytest.mark.parametrize(("text", "said"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_is_wrong_is_said(clips: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        prepare(write_recipe(clips, text))
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no recipe"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(person("tsa"), person("tsa", consent=False)), "no consent record for tsa"),
        (
            lambda text: text.replace("date = 2026-01-01", "date = 2020-01-01, expires = 2020-02-01", 1),
            "expired on 2020",
        ),
        (
            lambda text: text.replace("date = 2026-01-01", "date = 2020-01-01, withdrawn = 2021-02-01", 1),
            "withdrawn on 2021",
        ),
        (
            lambda text: text.replace("date = 2026-01-01", f"date = {dt.date.today().year + 2}-01-01", 1),
            "holds only from",
        ),
    ],
)
def test_nobody_without_consent(clips: Path, change: object, said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        prepare(write_recipe(clips, change(recipe())))  # type: ignore[operator]
    error: CounterfaceError = caught.value
    assert error.exit_code == 3


def test_levels_are_crfs() -> None:
    assert [crf_of(level) for level in ("raw", "c1", "c23", "c51")] == [0, 1, 23, 51]
    for wrong in ("c0", "c52", "c023", "23", "lossless", "c"):
        with pytest.raises(ValueError, match="a level is"):
            crf_of(wrong)


def plain(**more: object) -> Recipe:
    someone = {"clips": ["a.mp4"], "consent": {"basis": "self", "reference": "x", "date": "2026-01-01"}}
    held = {"name": "x", "licence": "y", "methods": [{"name": "graphics"}]}
    return Recipe.model_validate(held | {"people": [someone | {"name": f"p{i}"} for i in range(6)]} | more)


def test_pairs_are_all_listed_or_drawn() -> None:
    assert len(chosen_pairs(plain())) == 30
    assert chosen_pairs(plain(pairs={"list": [["p1", "p0"]]})) == [("p1", "p0")]
    drawn = chosen_pairs(plain(pairs={"kind": "random", "count": 12}))
    assert len(set(drawn)) == 12 and chosen_pairs(plain(pairs={"kind": "random", "count": 12})) == drawn
    assert chosen_pairs(plain(pairs={"kind": "random", "count": 12}, seed=1)) != drawn
    targets = [target for _, target in drawn]
    assert max(map(targets.count, targets)) - min(targets.count(f"p{i}") for i in range(6)) <= 1


def test_where_it_runs_is_no_part_of_what_is_made() -> None:
    assert plain().fingerprint == plain(resources={"train_gpus": 0.5}).fingerprint != plain(seed=1).fingerprint


def test_sizes_keep_the_shape_and_are_even() -> None:
    assert (
        fitted(1280, 720, 480) == (854, 480)
        and fitted(255, 241, None) == (256, 240)
        and fitted(300, 200, 480) == (300, 200)
    )


def test_a_plan_says_what_is_needed(clips: Path) -> None:
    ready = prepare(write_recipe(clips, recipe(methods=['name = "self-blend"', 'name = "graphics"'])), derive=False)
    plan = ready.plan
    assert plan.counts() == {"footage": 4, "faces": 4, "train": 4, "render": 8, "encode": 8}
    assert [unit.id for unit in needed(plan, set(plan.units))] == []
    everything = needed(plan, set())
    assert [unit.id for unit in everything] == list(plan.units)
    done = set(plan.units) - {"encode/hop_00-c30", "train/ast-hop-graphics", "footage/hop_00"}
    assert [unit.id for unit in needed(plan, done)] == ["encode/hop_00-c30"]  # what it needs is there still
    order = {one: at for at, one in enumerate(plan.units)}
    assert all(order[need] < order[unit.id] for unit in everything for need in unit.needs)


def test_a_method_that_uses_the_target_alone_is_made_once_a_target(clips: Path) -> None:
    text = recipe(pairs='list = [["hop", "ast"], ["moh", "ast"]]', methods=['name = "self-blend"', 'name = "graphics"'])
    plan = prepare(write_recipe(clips, text), derive=False).plan
    names = [take.name for take in plan.takes if take.method]
    assert names == ["ast_00-ast-self-blend", "ast_00-hop-graphics", "ast_00-moh-graphics"]


def test_keys_change_with_what_decides_the_outcome(clips: Path) -> None:
    first = prepare(write_recipe(clips, recipe()), derive=False).plan
    other = prepare(
        write_recipe(clips, recipe(methods=['name = "self-blend"\noptions = { strength = 0.5 }'])), False
    ).plan
    same = {one for one in first.units if first.units[one].key == other.units[one].key}
    changed = set(first.units) - same
    assert {one.split("/")[0] for one in changed} == {"train", "render", "encode"}
    assert all("self-blend" in one for one in changed)
    assert unit_seed(3, "a") == unit_seed(3, "a") != unit_seed(3, "b")


def test_a_preview_makes_nothing_and_more_workers_are_faster_to_a_point(clips: Path, tmp_path: Path) -> None:
    plan = prepare(write_recipe(clips, recipe()), derive=False).plan
    figures = preview(plan, tmp_path / "set", 2)
    said = "\n".join(preview_words(plan, figures))
    assert "4 real clips and 2 fakes" in said and "Nothing was made" in said and not (tmp_path / "set").exists()
    units = list(plan.units.values())
    times = [makespan(units, workers) for workers in (2, 4, 64)]
    assert times[0] > times[1] >= times[2] >= longest_chain(units)
    assert makespan(units, 1, serial=False) == pytest.approx(plan.cost.seconds)
