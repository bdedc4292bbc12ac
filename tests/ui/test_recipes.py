"""The recipe editor: help for every word, blocks that fit, faults in a sentence."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from datasets.errors import InputError
from synth.factory.recipe import parse_recipe
from ui.services import recipes

DAY = dt.date(2026, 1, 31)


def whole() -> str:
    text = recipes.with_method(recipes.START, "graphics")
    for name in ("anna", "bert"):
        text = recipes.with_person(text, name, [f"/clips/{name} 1.mp4"], "written", 'contract "7"', DAY)
    return text


def test_every_word_of_a_recipe_has_its_help_and_no_other() -> None:
    assert set(recipes.HELP) == set(recipes.fields())


def test_people_and_methods_from_the_form_make_a_recipe() -> None:
    text = recipes.with_method(whole(), "quick96", 150)
    recipe = parse_recipe(text)
    assert [person.name for person in recipe.people] == ["anna", "bert"]
    assert [(method.name, method.steps) for method in recipe.methods] == [("graphics", None), ("quick96", 150)]
    consent = recipe.people[0].consent
    assert consent is not None and (consent.basis, consent.reference, consent.date) == ("written", 'contract "7"', DAY)
    assert recipes.checked(text).error == "" and recipes.checked(text).warnings == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = = 3", "not readable TOML"),
        (whole().replace('"all"', '"some"'), "pairs.kind"),
        (whole() + "\ncolour = 3\n", "colour"),
    ],
)
def test_a_fault_is_said_with_its_place(text: str, said: str) -> None:
    checked = recipes.checked(text)
    assert checked.recipe is None and said in checked.error and checked.error.endswith(".")


def test_a_beginning_is_no_fault() -> None:
    checked = recipes.checked(recipes.START)
    assert checked.recipe is None and checked.error == "" and "a person and a method" in checked.warnings[0]


def test_a_person_without_consent_is_named() -> None:
    text = whole() + '[[people]]\nname = "carl"\nclips = ["c.mp4"]\n'
    assert any("carl" in warning for warning in recipes.checked(text).warnings)


def test_clips_outside_the_allowed_folders_are_refused(tmp_path: Path) -> None:
    recipe = parse_recipe(whole().replace("/clips/", f"{tmp_path}/clips/"))
    recipes.check_readable(recipe, tmp_path / "recipe.toml", [tmp_path])
    with pytest.raises(InputError, match="outside"):
        recipes.check_readable(recipe, tmp_path / "recipe.toml", [tmp_path / "other"])
    away = parse_recipe(whole().replace("/clips/", "../"))
    with pytest.raises(InputError, match="outside"):
        recipes.check_readable(away, tmp_path / "inside" / "recipe.toml", [tmp_path / "inside"])
