"""The recipe of a labelled data set: a TOML file, checked before anything is made.

::

    name = "six-people"
    seed = 7
    licence = "research only"
    levels = ["raw", "c23", "c40"]        # or any CRF as a number, or "c30"

    [clips]
    seconds = 4.0                         # of each clip; left out: all of it
    size = 480                            # shorter side at most, pixels; left out: as it is

    [pairs]
    kind = "random"                       # or "all", or: list = [["anna", "bert"], ...] (source, target)
    count = 8

    [splits]
    train = 0.7
    val = 0.15
    test = 0.15

    [[methods]]
    name = "graphics"                     # of the registry: counterface train --help
    steps = 200                           # of one that trains; or minutes = 2
    options = {}                          # the method's own
    composite = { colour = "rct" }        # how the face is put back

    [[people]]
    name = "anna"
    clips = ["anna1.mp4", { file = "anna2.mp4", start = 3.5 }]
    consent = { basis = "written", reference = "contract 2026-14", date = 2026-01-31 }

Paths are taken from the recipe's own folder.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from datasets.errors import InputError, Refused
from datasets.provenance.consent import BASES, Consent, Role, why_not

RAW_CRF = 0
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipPart(_Part):
    """One clip of a person: the file, and from which second on it is taken."""

    file: str
    start: Annotated[float, Field(ge=0)] = 0.0


class ConsentPart(_Part):
    """On what ground a person's face is used, as source and as target (see ``datasets.provenance.consent``)."""

    basis: str
    reference: Annotated[str, Field(min_length=1)]
    date: dt.date
    who: str | None = None
    expires: dt.date | None = None
    withdrawn: dt.date | None = None

    @field_validator("basis")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in BASES:
            raise ValueError(f"the basis is one of {', '.join(BASES)}, not {value}")
        return value


class PersonPart(_Part):
    """A person: a name that stands for the identity in the manifest, clips, consent."""

    name: Name
    clips: Annotated[tuple[ClipPart, ...], Field(min_length=1)]
    consent: ConsentPart | None = None

    @field_validator("clips", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        given = [value] if isinstance(value, str | dict) else value
        return [{"file": one} if isinstance(one, str) else one for one in given] if isinstance(given, list) else value

    def record(self, role: Role) -> Consent | None:
        """The consent record of this person in a role; None where the recipe has none."""
        held = self.consent
        if held is None:
            return None
        ends = (None if day is None else day.isoformat() for day in (held.expires, held.withdrawn))
        return Consent(role, held.basis, held.who or self.name, held.reference, held.date.isoformat(), *ends)


class MethodPart(_Part):
    """A swap method of the registry and its settings."""

    name: str
    steps: Annotated[int, Field(ge=1)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    options: dict[str, Any] = {}
    composite: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_budget(self) -> MethodPart:
        if self.steps is not None and self.minutes is not None:
            raise ValueError("give steps or minutes, not both")
        return self


class PairsPart(_Part):
    """Which faces go onto which: all, a random graph of ``count``, or a list of (source, target)."""

    kind: Literal["all", "random", "list"] = "all"
    count: Annotated[int, Field(ge=1)] | None = None
    list: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return {"kind": "list"} | value if isinstance(value, dict) and "list" in value else value

    @model_validator(mode="after")
    def _whole(self) -> PairsPart:
        if self.kind == "random" and self.count is None:
            raise ValueError("a random graph needs count, the number of pairs")
        if self.kind == "list" and not self.list:
            raise ValueError("list holds no pair")
        return self


class ClipsPart(_Part):
    """Length and size of the clips."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    size: Annotated[int, Field(ge=64)] | None = None


class SplitsPart(_Part):
    """Shares of the clips; they need not add up to 1. Where some are given, those that are not are 0."""

    train: Annotated[float, Field(ge=0)] = 0.7
    val: Annotated[float, Field(ge=0)] = 0.15
    test: Annotated[float, Field(ge=0)] = 0.15

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        return {"train": 0, "val": 0, "test": 0} | value if isinstance(value, dict) and value else value

    @model_validator(mode="after")
    def _something(self) -> SplitsPart:
        if self.train + self.val + self.test <= 0:
            raise ValueError("at least one share is above 0")
        return self


class ResourcesPart(_Part):
    """Parts of a GPU that a unit takes on a Ray cluster; 0: none."""

    train_gpus: Annotated[float, Field(ge=0, le=8)] = 0.0
    render_gpus: Annotated[float, Field(ge=0, le=8)] = 0.0


class Recipe(_Part):
    """All that a build is made from."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    licence: Annotated[str, Field(min_length=1)]
    levels: Annotated[tuple[str, ...], Field(min_length=1)] = ("raw", "c23", "c40")
    clips: ClipsPart = ClipsPart()
    pairs: PairsPart = PairsPart()
    splits: SplitsPart = SplitsPart()
    resources: ResourcesPart = ResourcesPart()
    methods: Annotated[tuple[MethodPart, ...], Field(min_length=1)]
    people: Annotated[tuple[PersonPart, ...], Field(min_length=1)]
    about: str = ""

    @field_validator("levels", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [f"c{one}" if isinstance(one, int) and not isinstance(one, bool) else one for one in value]

    @field_validator("levels")
    @classmethod
    def _levels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for level in value:
            crf_of(level)
        if len(set(value)) < len(value):
            raise ValueError("a level is listed twice")
        return value

    @property
    def fingerprint(self) -> str:
        """SHA-256, hex, of all that decides what is made; where it is made does not."""
        held = self.model_dump(mode="json", exclude={"resources"})
        return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()

    def person(self, name: str) -> PersonPart:
        return next(person for person in self.people if person.name == name)


def crf_of(level: str) -> int:
    """The CRF of a level: 0 (lossless) of ``raw``, else the number of ``cNN``. Raises ValueError for another word."""
    if level == "raw":
        return RAW_CRF
    number = level.removeprefix("c")
    if not level.startswith("c") or not number.isdigit() or not 1 <= int(number) <= 51 or number != str(int(number)):
        raise ValueError(f'a level is "raw", or "c" and a CRF from 1 to 51 such as "c23", not "{level}"')
    return int(number)


def read_recipe(path: Path) -> tuple[Recipe, dict[str, Path]]:
    """A recipe and the file of each of its clips, by the name in it; checked as far as it can be.

    Raises:
        InputError: it can't be read or holds something that can't be: an unknown method or option, two people with one
            name, a clip listed twice or missing, a pair of unknown people.
        Refused: a person has no consent record in force.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no recipe {path}.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"The recipe {path} is not readable TOML: {error}.") from error
    recipe = parse_recipe(text, f"The recipe {path}")
    names = [person.name for person in recipe.people]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"The recipe {path} has two people with the name {twice[0]}; give each one a name of its own.")
    _check_pairs(recipe, names, path)
    _check_consent(recipe)
    _check_methods(recipe)
    return recipe, _check_clips(recipe, path)


def parse_recipe(text: str, called: str = "The recipe") -> Recipe:
    """A recipe from its text: whether each value can be, without a look at clips, consent or methods.

    Args:
        called: what the recipe is called in the sentence of an error.

    Raises:
        InputError: it is no TOML, or holds something that can't be.
    """
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{called} is not readable TOML: {error}.") from error
    except ValidationError as error:
        raise InputError(f"{called} can't be used: {_said(error)}.") from error


def _said(error: ValidationError) -> str:
    """The first faults of a recipe in words, with where they are."""
    said = []
    for fault in error.errors()[:3]:
        where = ".".join(str(part) for part in fault["loc"]) or "the whole"
        text = str(fault["msg"]).removeprefix("Value error, ")
        said.append(f"{where}: {text[:1].lower()}{text[1:]}")
    more = error.error_count() - len(said)
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")


def _check_pairs(recipe: Recipe, names: list[str], path: Path) -> None:
    for source, target in recipe.pairs.list:
        for name in (source, target):
            if name not in names:
                raise InputError(f"The recipe {path} pairs {source} with {target}, and there is no person {name}.")
        if source == target:
            raise InputError(f"The recipe {path} pairs {source} with the same person; a swap needs two.")
    most = len(names) * (len(names) - 1)
    if recipe.pairs.count is not None and recipe.pairs.count > most:
        raise InputError(
            f"{len(names)} people make {most} pairs at most, and the recipe asks for {recipe.pairs.count}."
        )
    if len(set(recipe.pairs.list)) < len(recipe.pairs.list):
        raise InputError(f"The recipe {path} lists a pair twice.")


def _check_consent(recipe: Recipe) -> None:
    """The gate: every face needs a ground. Raises Refused."""
    today = dt.date.today()
    for person in recipe.people:
        if person.consent is None:
            raise Refused(
                f"There is no consent record for {person.name}: say in the recipe on what ground this face may be "
                f'used, with consent = {{ basis = "{"|".join(BASES)}", reference = "...", date = ... }}.'
            )
        record = person.record("source")
        assert record is not None
        lacking = why_not([record], "source", today)
        if lacking is not None:
            state = record.state(today)
            when = {"expired": f"expired on {record.expires}", "withdrawn": f"was withdrawn on {record.withdrawn}"}
            said = when.get(state, f"holds only from {record.date}")
            raise Refused(f"The consent record for {person.name} {said}; give one that holds, or leave the person out.")


def _check_methods(recipe: Recipe) -> None:
    from synth.composite.settings import for_method
    from synth.method import method_class

    seen = set()
    for part in recipe.methods:
        kind = method_class(part.name)
        if part.name in seen:
            raise InputError(f"The recipe lists the method {part.name} twice.")
        seen.add(part.name)
        if kind.trains and part.steps is None and part.minutes is None:
            raise InputError(f"{part.name} has to be trained: say in the recipe for how many steps or minutes.")
        for_method(kind, part.composite)
        kind(seed=0, device="cpu", options=part.options)


def _check_clips(recipe: Recipe, path: Path) -> dict[str, Path]:
    from datasets.workspace import sha256

    found: dict[str, Path] = {}
    seen: dict[str, str] = {}
    for person in recipe.people:
        for clip in person.clips:
            file = Path(clip.file) if Path(clip.file).is_absolute() else path.parent / clip.file
            if not file.is_file():
                raise InputError(f"There is no clip {file}, which the recipe names for {person.name}.")
            digest = sha256(file)
            if digest in seen:
                other = seen[digest]
                who = f"twice for {person.name}" if other == person.name else f"for {other} and for {person.name}"
                raise InputError(f"The clip {clip.file} is listed {who}; each clip stands once, with its own person.")
            seen[digest] = person.name
            found[clip.file] = file
    return found
