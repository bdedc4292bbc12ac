"""A small labelled data set, built by the real factory from the sample's portraits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from footage import living, write_clip

FRAMES = 12
# Person, portrait, first frame, mirrored: the same portrait at other times and mirrored stands for another person.
PEOPLE = (
    ("hop", "hopper", 0, False),
    ("ast", "astronaut", 0, False),
    ("moh", "hopper", 30, True),
    ("tsa", "astronaut", 30, True),
)
MANIFEST = ("clips.parquet", "clips.jsonl", "faces.parquet", "faces.jsonl", "dataset.json")


def footage(folder: Path, frames: int = FRAMES) -> None:
    """A clip of each person."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, portrait, first, mirrored in PEOPLE:
        images = living(portrait)[first : first + frames]
        write_clip(
            folder / f"{name}.mp4", [np.ascontiguousarray(image[:, ::-1]) if mirrored else image for image in images]
        )


def recipe(
    methods: Sequence[str] = ('name = "self-blend"',),
    pairs: str = 'list = [["hop", "ast"], ["moh", "tsa"]]',
    levels: str = '"raw", "c30"',
    people: Sequence[str] = tuple(name for name, *_ in PEOPLE),
    more: str = "",
) -> str:
    """A recipe over the clips of :func:`footage`, as text."""
    said = f'name = "small"\nseed = 3\nlicence = "public domain"\nlevels = [{levels}]\n{more}\n'
    said += f"[splits]\ntrain = 1\ntest = 1\n[pairs]\n{pairs}\n"
    said += "".join(f"[[methods]]\n{method}\n" for method in methods)
    return said + "".join(person(name) for name in people)


def person(name: str, clips: str = "", consent: bool = True) -> str:
    """A person of a recipe, as text."""
    said = f'[[people]]\nname = "{name}"\nclips = [{clips or f""""{name}.mp4" """.strip()}]\n'
    return said + (
        'consent = { basis = "public-domain", reference = "a portrait", date = 2026-01-01 }\n' if consent else ""
    )


def write_recipe(folder: Path, text: str | None = None) -> Path:
    """Clips and a recipe in a folder; returns the recipe's path."""
    if not (folder / "hop.mp4").is_file():
        footage(folder)
    file = folder / "recipe.toml"
    file.write_text(recipe() if text is None else text)
    return file


def manifest_bytes(folder: Path) -> dict[str, bytes]:
    """The files of a manifest."""
    return {name: (folder / name).read_bytes() for name in MANIFEST}
