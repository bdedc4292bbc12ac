"""A recipe from a folder of clips, one clip a person, such as the one that the README's figures rest on.

    python -m benchmarks.sixpeople FOLDER RECIPE.toml [--people p08_d18 p09_d19 ...] [--seconds 4]

Six people, eight pairs, three methods, three compression levels. Four of the people swap faces among each other and two
between themselves, so that there are two groups: eight pairs of six people can't make three.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import tomli_w

PEOPLE = ("p08_d18", "p09_d19", "p15_vr1", "p16_vr2", "p01_d3", "p02_d6")
# (source, target), as numbers of people.
PAIRS = ((0, 1), (1, 0), (2, 3), (3, 2), (0, 3), (2, 1), (4, 5), (5, 4))
STEPS = 150


def recipe(folder: Path, people: Sequence[str], seconds: float, steps: int) -> str:
    """The recipe as TOML; paths are absolute, because the clips lie elsewhere."""
    names = [name.split("_")[0] for name in people]
    consent = {"basis": "research", "reference": f"clips of {folder.name}, research terms", "date": "2026-01-01"}
    return tomli_w.dumps(
        {
            "name": "six_people",
            "seed": 7,
            "licence": "research only",
            "about": "Six people, eight pairs, three methods: the set that the studio measures itself on.",
            "levels": ["raw", "c23", "c40"],
            "clips": {"seconds": seconds, "size": 512},
            "pairs": {"list": [[names[source], names[target]] for source, target in PAIRS]},
            "splits": {"train": 0.75, "val": 0.0, "test": 0.25},
            "methods": [{"name": "graphics"}, {"name": "self-blend"}, {"name": "quick96", "steps": steps}],
            "people": [
                {"name": name, "clips": [str((folder / f"{file}.mp4").resolve())], "consent": consent}
                for name, file in zip(names, people, strict=True)
            ],
        }
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--people", nargs=6, default=PEOPLE, help="names of the clips, without .mp4")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=STEPS, help="of quick96")
    options = parser.parse_args(arguments)
    options.recipe.write_text(recipe(options.folder, options.people, options.seconds, options.steps), encoding="utf-8")


if __name__ == "__main__":
    main()
