"""From a recipe to units of work: what each makes, what it needs first, about what it costs.

A unit is named, so that it can be done anywhere and again: cut a clip out of the footage (``footage``), find its faces
(``faces``), train a pair (``train``), render a clip and mark it (``render``; an original goes the same way without the
swap), encode a level (``encode``). Its key is a hash of all that decides its outcome, the keys of what it needs
included; a unit whose row carries another key is done anew.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from datasets.provenance.manifest import settings_hash
from synth.factory.costs import Cost, cost_of
from synth.factory.recipe import MethodPart, Recipe, crf_of

Kind = Literal["footage", "faces", "train", "render", "encode"]
KINDS: tuple[Kind, ...] = ("footage", "faces", "train", "render", "encode")
RAW = "raw"
WORK = ".work"


@dataclass(frozen=True)
class Unit:
    """One piece of work.

    Attributes:
        kind, name: together its id.
        params: plain values that decide its outcome.
        needs: ids of the units whose files it reads.
        makes: files and folders that it makes, below the data set's folder.
        key: hash of ``params`` and of the keys of what it needs.
        cost: estimated.
    """

    kind: Kind
    name: str
    params: Mapping[str, Any]
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    key: str
    cost: Cost

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Take:
    """A clip of the set, at all of its levels.

    Attributes:
        name: as the manifest has it. footage: what it is cut from.
        target, source, method: of a fake; an original has the target alone.
    """

    name: str
    footage: str
    target: str
    source: str | None = None
    method: str | None = None


@dataclass
class Plan:
    """All units of a recipe, in an order in which they can be done, and the clips they end in."""

    recipe: Recipe
    units: dict[str, Unit] = field(default_factory=dict)
    takes: list[Take] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        """Of all units together."""
        return sum((unit.cost for unit in self.units.values()), Cost())

    def counts(self) -> dict[str, int]:
        """How many units of each kind."""
        found = Counter(unit.kind for unit in self.units.values())
        return {kind: found[kind] for kind in KINDS}

    def add(self, kind: Kind, name: str, params: Mapping[str, Any], needs: Iterable[str], makes: Iterable[str]) -> str:
        """Add a unit; returns its id."""
        needs = tuple(needs)
        held = {"kind": kind, "name": name, "params": params, "needs": [self.units[one].key for one in needs]}
        key = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16]
        unit = Unit(kind, name, dict(params), needs, tuple(makes), key, cost_of(kind, params))
        self.units[unit.id] = unit
        return unit.id


@dataclass(frozen=True)
class Footage:
    """What is known of a clip before anything is made: its file's hash, and the part that is taken of it."""

    path: Path
    sha256: str
    start: float
    frames: int
    width: int
    height: int


def chosen_pairs(recipe: Recipe) -> list[tuple[str, str]]:
    """The (source, target) pairs of a recipe, in a fixed order; a random graph is drawn from the seed.

    A random graph takes each person as a target about as often as any other.
    """
    names = [person.name for person in recipe.people]
    if recipe.pairs.kind == "list":
        return list(recipe.pairs.list)
    every = [(source, target) for target in names for source in names if source != target]
    if recipe.pairs.kind == "all":
        return every
    rng, taken, given = random.Random(recipe.seed), Counter[str](), Counter[str]()
    chosen = set[tuple[str, str]]()
    left = {target: [source for source in names if source != target] for target in names}
    for _ in range(recipe.pairs.count or 0):
        target = min((one for one in names if left[one]), key=lambda one: (taken[one], rng.random()))
        source = min(left[target], key=lambda one: (given[one], rng.random()))
        left[target].remove(source)
        taken[target] += 1
        given[source] += 1
        chosen.add((source, target))
    return [pair for pair in every if pair in chosen]


def footage_name(person: str, number: int) -> str:
    return f"{person}_{number:02d}"


def model_name(source: str | None, target: str, method: str) -> str:
    return f"{target}-{source}-{method}"


def planned(recipe: Recipe, footage: Mapping[str, Footage], ids: Mapping[str, str] | None = None) -> Plan:
    """All units of a recipe.

    Args:
        footage: by :func:`footage_name`.
        ids: watermark id of each take; without them the plan is only for looking at.
    """
    from synth.method import method_class

    plan = Plan(recipe, pairs=chosen_pairs(recipe))
    clips = {person.name: [footage_name(person.name, n) for n in range(len(person.clips))] for person in recipe.people}
    for name, held in footage.items():
        about = {"sha256": held.sha256, "start": held.start, "seconds": recipe.clips.seconds, "size": recipe.clips.size}
        about |= {"frames": held.frames, "pixels": _pixels(held, recipe.clips.size)}
        cut = plan.add("footage", name, about, (), (f"{WORK}/footage/{name}.mp4",))
        looks = {"frames": held.frames, "pixels": about["pixels"]}
        plan.add("faces", name, looks, (cut,), (f"{WORK}/faces/{name}", f"geometry/{name}.parquet"))
        _take(plan, Take(name, name, name.rsplit("_", 1)[0]), {}, (cut,), looks, ids)
    for method in recipe.methods:
        kind = method_class(method.name)
        alone = "source" not in getattr(kind, "uses", ("source", "destination"))
        done = set()
        for source, target in plan.pairs:
            taken = target if alone else source
            if (taken, target) in done:
                continue  # a method that uses the target alone makes the same of every source
            done.add((taken, target))
            _model(plan, method, taken, target, clips, footage, ids)
    return plan


def _model(
    plan: Plan,
    method: MethodPart,
    source: str,
    target: str,
    clips: Mapping[str, list[str]],
    footage: Mapping[str, Footage],
    ids: Mapping[str, str] | None,
) -> None:
    name = model_name(source, target, method.name)
    needs = [f"faces/{one}" for one in dict.fromkeys((*clips[source], *clips[target]))]
    how = {"method": method.name, "options": method.options, "steps": method.steps, "minutes": method.minutes}
    about = {**how, "source": clips[source], "target": clips[target], "seed": unit_seed(plan.recipe.seed, name)}
    train = plan.add("train", name, about, needs, (f"{WORK}/models/{name}",))
    settings = settings_hash({**how, "composite": method.composite, "seed": about["seed"]})
    for one in clips[target]:
        held = footage[one]
        looks: dict[str, Any] = {"frames": held.frames, "pixels": _pixels(held, plan.recipe.clips.size)}
        looks |= {"method": method.name, "model": name, "composite": method.composite, "settings_sha256": settings}
        looks |= {"seed": about["seed"], "source_footage": clips[source] if source != target else []}
        take = Take(f"{one}-{source}-{method.name}", one, target, source, method.name)
        files = [f"footage/{name}" for name in dict.fromkeys((one, *looks["source_footage"]))]
        _take(plan, take, looks, (*files, f"faces/{one}", train), looks, ids)


def _take(
    plan: Plan,
    take: Take,
    more: Mapping[str, Any],
    needs: tuple[str, ...],
    looks: Mapping[str, Any],
    ids: Mapping[str, str] | None,
) -> None:
    plan.takes.append(take)
    recipe = plan.recipe
    people = [person for person in (take.source, take.target) if person]
    consent = [recipe.person(name).model_dump(mode="json")["consent"] for name in people]
    about = {"footage": take.footage, "target": take.target, "source": take.source, "consent": consent, **more}
    about |= {
        "watermark": None if ids is None else ids[take.name],
        "frames": looks["frames"],
        "pixels": looks["pixels"],
    }
    raw = raw_file(take.name, recipe.levels)
    makes = (raw, mask_file(take.name)) if take.method else (raw,)
    render = plan.add("render", take.name, about, needs, makes)
    for level in recipe.levels:
        if level != RAW:
            what = {"level": level, "crf": crf_of(level), "frames": looks["frames"], "pixels": looks["pixels"]}
            plan.add(
                "encode", f"{take.name}-{level}", what | {"take": take.name}, (render,), (level_file(take.name, level),)
            )


def level_file(take: str, level: str) -> str:
    """Where a clip lies at a level, below the data set's folder."""
    return f"videos/{level}/{take}.mp4"


def raw_file(take: str, levels: Iterable[str]) -> str:
    """Where a clip lies before it is compressed: a level of the set, or kept beside the work where it is none."""
    return level_file(take, RAW) if RAW in levels else f"{WORK}/raw/{take}.mp4"


def mask_file(take: str) -> str:
    return f"masks/{take}.mkv"


def unit_seed(seed: int, name: str) -> int:
    """A seed of its own for a unit, the same at every run."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4]) >> 1


def _pixels(footage: Footage, size: int | None) -> int:
    width, height = fitted(footage.width, footage.height, size)
    return width * height


def fitted(width: int, height: int, size: int | None) -> tuple[int, int]:
    """Width and height with a shorter side of ``size`` at most, both even."""
    scale = min(1.0, size / min(width, height)) if size else 1.0
    return tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))  # type: ignore[return-value]


def needed(plan: Plan, done: set[str]) -> list[Unit]:
    """The units that are still to be done, in order: outputs that are missing and, of what they need, what is missing.

    Args:
        done: ids of the units whose row and files are there.
    """
    wanted: set[str] = set()
    # Geometry is part of the set, too; face sets, models and cut footage are only needed to make something else.
    queue = [unit.id for unit in plan.units.values() if unit.kind in ("faces", "render", "encode")]
    while queue:
        one = queue.pop()
        if one in wanted or one in done:
            continue
        wanted.add(one)
        queue += plan.units[one].needs
    return [unit for unit in plan.units.values() if unit.id in wanted]
