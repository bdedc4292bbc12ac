"""Writing the recipe of a labelled data set: a start, what each word means, people and methods from a form."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import InputError

if TYPE_CHECKING:
    from synth.factory.recipe import Recipe

FILE = "recipe.toml"
START = """name = "my_set"
seed = 7
licence = "research only"
levels = ["raw", "c23", "c40"]

[clips]
seconds = 4.0
size = 512

[pairs]
kind = "all"

[splits]
train = 0.7
val = 0.15
test = 0.15
"""
# What each word of a recipe means; the model in synth/factory/recipe.py says what it may be.
HELP: Mapping[str, str] = {
    "name": "Of the set: letters, digits and _.",
    "seed": "Everything random comes from it; the same recipe and seed end in the same set.",
    "licence": "Under which the clips may be used, in your own words.",
    "about": "A sentence about the set, for its card.",
    "levels": "How strongly clips are compressed: “raw” (lossless), “c23”, “c40” or any CRF from c1 to c51.",
    "clips.seconds": "Length that is taken of each clip; left out: all of it.",
    "clips.size": "Shorter side at most, pixels; left out: as it is.",
    "pairs.kind": "Whose face goes onto whom: “all”, or “random” with a count.",
    "pairs.count": "How many pairs a random choice makes.",
    "pairs.list": "The pairs themselves, [[source, target], …].",
    "splits.train": "Share of the clips to train on; people are never in two splits.",
    "splits.val": "Share of the clips to choose settings by.",
    "splits.test": "Share of the clips that stays unseen.",
    "resources.train_gpus": "Part of a GPU that a training takes on a Ray cluster.",
    "resources.render_gpus": "Part of a GPU that rendering takes on a Ray cluster.",
    "methods.name": "A swap method.",
    "methods.steps": "How long a method that learns is trained; the same steps end in the same model.",
    "methods.minutes": "The same as a time; another run then ends with another model.",
    "methods.options": "Settings of the method's own.",
    "methods.composite": 'How the face is put back, such as { colour = "mkl" }.',
    "people.name": "Stands for the person in the manifest: letters, digits and _.",
    "people.clips": "Footage of that person, from a camera; { file = …, start = 3.5 } takes it from a second on.",
    "people.consent": "On what ground the face is used, as source and as target: basis, reference, date.",
}


@dataclass(frozen=True)
class Checked:
    """What a recipe's text comes to.

    Attributes:
        recipe: it, or None where it can't be used.
        error: why not, a sentence; empty where it can.
        warnings: what would still stop a build, a sentence each.
    """

    recipe: Recipe | None
    error: str = ""
    warnings: tuple[str, ...] = ()


def checked(text: str) -> Checked:
    """Look at a recipe's text alone, as it is typed; clips and methods are looked at by :func:`plan`."""
    from synth.factory.recipe import parse_recipe

    if lacking := [
        f"a {what}" for what, key in (("person", "people"), ("method", "methods")) if key not in _keys(text)
    ]:
        return Checked(None, "", (f"It still needs {' and '.join(lacking)}: add them with the form, or as text.",))
    try:
        recipe = parse_recipe(text)
    except InputError as error:
        return Checked(None, str(error))
    without = [person.name for person in recipe.people if person.consent is None]
    said = []
    if without:
        said.append(f"There is no consent record for {', '.join(without)}; no face is used without one.")
    if len(recipe.people) < 2:
        said.append("A swap needs two people.")
    return Checked(recipe, "", tuple(said))


def _keys(text: str) -> set[str]:
    """The first words of a recipe; those that it has to have where it is no TOML, so that this is what is said."""
    try:
        return set(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return {"people", "methods"}


def fields() -> list[str]:
    """The path of every value that a recipe may hold, ``people.consent`` and so on."""
    from pydantic import BaseModel

    from synth.factory.recipe import MethodPart, PersonPart, Recipe

    found = []
    lists: dict[str, Any] = {"methods": MethodPart, "people": PersonPart}
    for name, field in Recipe.model_fields.items():
        kind: Any = lists.get(name, field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += [f"{name}.{own}" for own in kind.model_fields]
        else:
            found.append(name)
    return found


def with_person(
    text: str, name: str, clips: Sequence[str], basis: str, reference: str, date: dt.date, who: str = ""
) -> str:
    """The recipe with one more person at its end."""
    quoted = ", ".join(json.dumps(clip, ensure_ascii=False) for clip in clips)
    consent = {"basis": basis, "reference": reference, **({"who": who} if who else {})}
    said = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in consent.items())
    block = f"[[people]]\nname = {json.dumps(name)}\nclips = [{quoted}]\nconsent = {{ {said}, date = {date} }}\n"
    return f"{text.rstrip()}\n\n{block}"


def with_method(text: str, name: str, steps: int | None = None) -> str:
    """The recipe with one more method at its end."""
    block = f"[[methods]]\nname = {json.dumps(name)}\n" + (f"steps = {steps}\n" if steps else "")
    return f"{text.rstrip()}\n\n{block}"


def save(folder: Path, text: str) -> Path:
    """Keep a recipe's text; returns its file."""
    from datasets.atomic import write_text

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE, text)
    return folder / FILE


def check_readable(recipe: Recipe, file: Path, folders: Sequence[Path]) -> None:
    """Refuse clips that lie outside the folders that the studio may read. Raises InputError."""
    for person in recipe.people:
        for clip in person.clips:
            path = (file.parent / clip.file).resolve()
            if not any(path.is_relative_to(Path(folder).resolve()) for folder in folders):
                raise InputError(f"{clip.file} lies outside the folders that the studio may read.")


def plan(file: Path, output: Path, workers: int = 0) -> dict[str, Any]:
    """What a build would make, how long it would take and how large it would be; makes nothing.

    Raises:
        InputError, Refused: as ``counterface dataset build --plan``.
    """
    from datasets.device import usable_cores
    from synth.factory.build import prepare
    from synth.factory.preview import preview, preview_words

    ready = prepare(file, derive=False)
    figures = preview(ready.plan, output, workers or usable_cores())
    return figures | {"words": preview_words(ready.plan, figures)}
