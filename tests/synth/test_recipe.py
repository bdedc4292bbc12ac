"""Options of the autoencoders: what is given is taken, what can't be is said in a sentence that names what there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasets.errors import InputError
from synth.method import method_class
from synth.recipe import Dims, Recipe, recipe_from, with_options


def made(options: dict[str, Any], recipe: Recipe = Recipe()) -> Recipe:
    return with_options(recipe, options, "df")[0]


def test_text_and_values_mean_the_same() -> None:
    text = {
        "size": "192",
        "fold": "2",
        "likeness": "off",
        "gan": "0.1",
        "dims": "ae=256, d=32",
        "batch": "4",
        "from": "none",
    }
    values = {
        "size": 192,
        "fold": 2,
        "likeness": False,
        "gan": 0.1,
        "dims": {"ae": 256, "d": 32},
        "batch": 4,
        "from": "none",
    }
    assert made(text) == made(values)
    assert made(text).dims == Dims(ae=256, d=32) and made(text).start == "none" and not made(text).likeness


def test_nothing_given_changes_nothing() -> None:
    assert made({}) == Recipe() and with_options(Recipe(), None, "df") == (Recipe(), {})


def test_options_of_the_training_loop_are_handed_on() -> None:
    recipe, loop = with_options(Recipe(), {"backups": "5", "precision": "bf16", "compile": "on"}, "df")
    assert loop == {"backups": 5} and recipe.precision == "bf16" and recipe.compile is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizes": 96}, r"df has no option 'sizes'; its options are: .*batch.*dims.*fold.*from.*gan.*uniform_yaw"),
        ({"architecture": "liae"}, "df has no option 'architecture'"),
        ({"size": 100}, "size is 100, and it must be one of 64, 96, 128, 160, 192, 224, 256 pixels"),
        ({"size": 512}, "size is 512"),
        ({"size": "12.5"}, "size is a whole number"),
        ({"size": "large"}, "size is a whole number, not 'large'"),
        ({"fold": 3}, "fold is 3, and it must be one of 1, 2, 4"),
        ({"likeness": "maybe"}, "likeness is on or off, not 'maybe'"),
        ({"dims": "ae=128,q=3"}, "dims has no 'q'; it is made of ae, e, d, mask"),
        ({"dims": "64"}, "dims has no '64'"),
        ({"dims": "ae=0"}, "dims ae is 0"),
        ({"gan": -1}, "gan is -1, and it must lie between 0 and 10"),
        ({"gan": "nan"}, "gan is a number"),
        ({"gan_patch": 200}, "gan_patch is 200, and it must lie between 8 and 64"),
        ({"ema": 1}, "ema is 1"),
        ({"shape": 2}, "shape is 2"),
        ({"batch": 0}, "batch is 0"),
        ({"precision": "8"}, "precision"),
        ({"from": ""}, "from is empty"),
    ],
)
def test_what_can_not_be_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(options)


def test_a_preset_settles_what_makes_it() -> None:
    with pytest.raises(InputError, match=r"quick96 settles size itself; its options are: (?!.*\bsize\b).*batch"):
        method_class("quick96")(device="cpu", options={"size": 128})
    with pytest.raises(InputError, match="hd256 settles size itself"):
        method_class("hd256")(device="cpu", options={"size": 128})


def test_the_crop_is_twice_the_network_with_a_likeness_up_to_a_stored_face_and_its_own_size_without() -> None:
    assert [made({"size": size}).output for size in (64, 96, 128, 192, 256)] == [128, 192, 256, 256, 256]
    assert [made({"size": size, "likeness": "off"}).output for size in (64, 256)] == [64, 256]
    assert method_class("df")(device="cpu", options={"size": 64, "dims": "ae=16,e=4,d=4,mask=4"}).size == 64


def test_late_losses_come_in_at_the_end() -> None:
    recipe = Recipe(late=0.4)
    assert [recipe.lateness(part) for part in (0, 0.59, 0.65, 0.7, 1)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert Recipe(late=1).lateness(0.5) == 1 and Recipe(late=0).lateness(0.99) == 0


def test_a_recipe_comes_back_from_its_card() -> None:
    recipe = made({"size": 160, "dims": "ae=64", "from": "none", "flip": "on"})
    assert recipe_from(json.loads(json.dumps(recipe.table()))) == recipe
    with pytest.raises(InputError, match="no recipe that can be read"):
        recipe_from({"size": 96})


def test_what_may_change_on_the_way_and_what_not() -> None:
    assert {"gan", "style", "eyes_mouth", "batch", "rate", "flip"} <= set(Recipe().changeable())
    assert {"size", "dims", "fold", "likeness", "architecture"} <= set(Recipe().fixed())
    assert not set(Recipe().fixed()) & set(Recipe().changeable())
