"""What a build will make, how long it takes and how large it is, before anything is made; and where more workers stop
helping."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synth.factory.assemble import splits_of
from synth.factory.build import size_words
from synth.factory.plan import Plan, Unit

# What every unit takes from all others, seconds: the table of outputs is one file with one writer at a time.
SERIAL = {"footage": 0.002, "faces": 0.002, "train": 0.002, "render": 0.03, "encode": 0.004}
START = 6.0  # seconds until a worker has its libraries


def makespan(units: Sequence[Unit], workers: int, serial: bool = True) -> float:
    """Seconds until all units are done by so many workers, one core each, the costly ones first; a simulation.

    What only one worker can do at a time (:data:`SERIAL`) is waited for in the order of asking.
    """
    known = {unit.id: unit for unit in units}
    left = {unit.id: {need for need in unit.needs if need in known} for unit in units}
    after: dict[str, list[str]] = {}
    for one, needs in left.items():
        for need in needs:
            after.setdefault(need, []).append(one)
    ready = [(-known[one].cost.seconds, one) for one, needs in left.items() if not needs]
    heapq.heapify(ready)
    running: list[tuple[float, bool, str]] = []
    now, free, table = START if workers > 1 else 0.0, workers, 0.0
    while ready or running:
        while ready and free:
            _, one = heapq.heappop(ready)
            heapq.heappush(running, (now + known[one].cost.seconds, not serial, one))
            free -= 1
        now, recorded, one = heapq.heappop(running)
        if not recorded:
            table = max(table, now) + SERIAL[known[one].kind]
            heapq.heappush(running, (table, True, one))
            continue
        free += 1
        for follower in after.get(one, ()):
            left[follower].discard(one)
            if not left[follower]:
                heapq.heappush(ready, (-known[follower].cost.seconds, follower))
    return now


def longest_chain(units: Sequence[Unit]) -> float:
    """Seconds of the longest chain of units that need each other: no number of workers is faster."""
    ends: dict[str, float] = {}
    for unit in units:  # in an order in which needs come first
        ends[unit.id] = max((ends.get(need, 0.0) for need in unit.needs), default=0.0) + unit.cost.seconds
    return max(ends.values(), default=0.0)


def preview(plan: Plan, root: Path | None, workers: int) -> dict[str, Any]:
    """A plan in figures.

    Args:
        root: where it would go, to say how much is free there.
        workers: at once.
    """
    units, cost, recipe = list(plan.units.values()), plan.cost, plan.recipe
    fakes = sum(take.method is not None for take in plan.takes)
    there = None
    if root is not None:
        there = next(folder for folder in (root, *root.resolve().parents) if folder.exists())
    return {
        "name": recipe.name,
        "people": len(recipe.people),
        "pairs": len(plan.pairs),
        "methods": [part.name for part in recipe.methods],
        "levels": list(recipe.levels),
        "real_clips": len(plan.takes) - fakes,
        "fakes": fakes,
        "files": len(plan.takes) * len(recipe.levels),
        "units": plan.counts(),
        "cpu_seconds": round(cost.seconds),
        "seconds": round(makespan(units, workers)),
        "workers": workers,
        "bytes": round(cost.bytes),
        "working_bytes": round(cost.working),
        "free_bytes": None if there is None else shutil.disk_usage(there).free,
        "splits": splits_of(plan).to_json(),
    }


def preview_words(plan: Plan, figures: dict[str, Any]) -> list[str]:
    """The same for a person."""
    f = figures
    said = [
        f"{f['name']}: {f['people']} people, {f['pairs']} pairs; {', '.join(f['methods'])}",
        f"  {f['real_clips']} real clips and {f['fakes']} fakes, each at {', '.join(f['levels'])}: {f['files']} files",
        "  units: " + ", ".join(f"{count} {kind}" for kind, count in f["units"].items()),
        f"  about {_time(f['seconds'])} with {f['workers']} workers ({_time(f['cpu_seconds'])} of one core)",
        f"  about {size_words(f['bytes'])}, and {size_words(f['working_bytes'])} of working files in .work",
    ]
    if f["free_bytes"] is not None:
        said.append(f"  free there: {size_words(f['free_bytes'])}")
    timed = [part.name for part in plan.recipe.methods if part.minutes]
    if timed:
        said.append(
            f"  {', '.join(timed)}: trained for a time and not for steps, so another run ends with another model"
        )
    return [*said, f"  {splits_of(plan).words}", "Nothing was made."]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
