"""A build of 2,000 clips, planned and simulated: cost a clip, disk, time, and where more workers stop helping.

    python -m benchmarks.factoryscale [--people 200] [--pairs 800] [--seconds 4] [--measured DATASET]

Nothing is made. Units cost what ``synth.factory.costs`` says; with ``--measured``, what they cost in a build that was
made, by kind and method, is printed beside it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from synth.factory.plan import Footage, Plan, footage_name, planned
from synth.factory.preview import SERIAL, longest_chain, makespan
from synth.factory.recipe import Recipe

SIZE, RATE = 512, 30
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def plan(people: int, pairs: int, seconds: float, steps: int) -> Plan:
    """The plan of a recipe of so many people with a clip each, and three methods."""
    someone = {"clips": ["a.mp4"], "consent": {"basis": "written", "reference": "x", "date": "2026-01-01"}}
    recipe = Recipe.model_validate(
        {
            "name": "large",
            "licence": "x",
            "levels": ["raw", "c23", "c40"],
            "clips": {"seconds": seconds, "size": SIZE},
            "pairs": {"kind": "random", "count": pairs},
            "methods": [{"name": "graphics"}, {"name": "self-blend"}, {"name": "quick96", "steps": steps}],
            "people": [{"name": f"p{number:04d}"} | someone for number in range(people)],
        }
    )
    frames = round(seconds * RATE)
    footage = {
        footage_name(person.name, 0): Footage(Path("a.mp4"), "0" * 64, 0.0, frames, SIZE, SIZE)
        for person in recipe.people
    }
    return planned(recipe, footage)


def measured(folder: Path) -> None:
    """Print what the units of a finished build cost: seconds, by kind and method, beside the estimate."""
    from synth.factory.build import prepare
    from synth.factory.rows import seconds_of

    units = prepare(folder / "recipe.toml", derive=True).plan.units.values()
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for unit in units:
        took = seconds_of(folder, unit)
        if took:
            name = f"{unit.kind} {unit.params.get('method') or ''}".strip()
            found[name].append((took, unit.cost.seconds))
    for name, own in sorted(found.items()):
        took, said = (sum(pair[k] for pair in own) / len(own) for k in (0, 1))
        print(f"  {name}: {took:.1f} s a unit, {said:.1f} s planned, {len(own)} units")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=800)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=150, help="of quick96")
    parser.add_argument("--measured", type=Path, help="a finished build")
    options = parser.parse_args(arguments)
    if options.measured:
        measured(options.measured)
    made = plan(options.people, options.pairs, options.seconds, options.steps)
    units, cost, clips = list(made.units.values()), made.cost, len(made.takes)
    print(f"{clips} clips at {len(made.recipe.levels)} levels, {len(units)} units: {made.counts()}")
    print(f"{cost.seconds / 3600:.1f} core-hours, {cost.seconds / clips:.1f} core-seconds a clip")
    print(f"{cost.bytes / 1e9:.1f} GB, {cost.bytes / clips / 1e6:.1f} MB a clip; working {cost.working / 1e9:.1f} GB")
    by = defaultdict(float)
    for unit in units:
        by[unit.kind] += unit.cost.seconds
    print("share of the time: " + ", ".join(f"{kind} {part / cost.seconds:.0%}" for kind, part in by.items()))
    serial = sum(SERIAL[unit.kind] for unit in units)
    print(f"longest chain {longest_chain(units):.0f} s; what one writer at a time does {serial:.0f} s")
    whole = makespan(units, 1)
    for workers in WORKERS:
        took = makespan(units, workers)
        print(f"  {workers:4d} workers: {took / 60:7.1f} min, {whole / took:6.1f} times, {whole / took / workers:4.0%}")


if __name__ == "__main__":
    main()
