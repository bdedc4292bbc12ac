"""Train the general detector that the project ships.

    python -m evaluate.general.train MATERIAL -o detect/weights/NAME --work FOLDER --consent BASIS

MATERIAL has ``real/`` (clips, the person in the name up to the first ``_``) and folders of pictures beside it. Faces
are cut out, pairs drawn from them (``making``), one network trained for each fold of the people, and all of it put
together (``assemble``). Every step keeps what it has made under ``--work``: the same command goes on where it was
stopped. With ``--folds`` one detector for each fold is written too, for false alarms on people it has not seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import CounterfaceError, InputError, Refused
from datasets.progress import Progress
from datasets.provenance.consent import BASES, from_option
from evaluate.general.assemble import FEWEST_IN_LEAF, FOREST_PAIRS, fold_parts, forest_of, judge_clips, write_general
from evaluate.general.portraits import load_portraits, of_clips, of_pictures, save_portraits
from evaluate.general.recipe import TableRecipe, folds_of
from evaluate.general.table import draw_clips, draw_pairs
from evaluate.general.trackranges import track_ranges

FOLDS, PAIRS, DRAWS, FRAMES_A_CLIP, STEPS, BATCH = 3, 12000, 20, 40, 3600, 16


def train(options: argparse.Namespace, progress: Progress) -> Mapping[str, Any]:
    """All steps; returns the card. See the module's own words."""
    from detect.training import TrainSettings, train_recipe

    if options.consent is None:
        raise Refused(f"Training uses people's faces: say on what ground with --consent {'|'.join(BASES)} or a file.")
    clips = sorted((options.material / "real").glob("*.mp4"))
    pictures = [options.material / name for name in options.pictures]
    missing = [str(folder) for folder in pictures if not folder.is_dir()]
    if not clips or missing:
        raise InputError(f"There are no clips in {options.material / 'real'}, or no folder {', '.join(missing)}.")
    grounds = from_option(options.consent, options.material.name, options.material.name)
    file = options.work / "portraits.npz"
    if not file.is_file():
        save_portraits(file, of_clips(clips, FRAMES_A_CLIP, progress) + of_pictures(pictures, progress))
    table = draw_pairs(file, options.pairs, options.seed + 1, options.work / "pairs", options.workers, progress)
    fold = folds_of(table.person, FOLDS)
    parts = []
    for k in range(FOLDS):
        settings = TrainSettings(
            model="residual",
            coverage=1.6,
            steps=options.steps,
            batch=BATCH,
            learning_rate=2e-3,
            ema=0.998,
            precision=options.precision,
            seed=options.seed + k,
            threads=1,
            name="fold",
            scope={"kind": "general"},
            trained_on="drawn pairs",
            device=options.device,
        )
        folder = options.work / f"fold-{k}"
        if not (folder / "card.json").is_file():
            recipe = TableRecipe(table, fold == k, BATCH, options.seed + k)
            train_recipe(recipe, settings, folder, progress)
        parts.append(fold_parts(folder))
    forests = [forest_of(table, np.flatnonzero(fold != k), options.seed) for k in range(FOLDS)]
    pseudo = draw_clips(file, options.draws, options.seed + 2, options.work / "clips", options.workers, progress)
    held = dict(zip(table.person.tolist(), fold.tolist(), strict=True))
    members = [module for module, _, _ in parts]
    judged = judge_clips(pseudo, np.array([held[person] for person in pseudo.person]), members, forests, progress)
    ranges = track_ranges(clips, options.work / "tracks.json", progress)
    architecture = {key: value for key, value in parts[0][1]["architecture"]["options"].items() if key != "members"}
    everyone = load_portraits(file)
    said = {
        "recipe": "drawn pairs: a real face, and the same with another or its own bent face set into it",
        "trained_on": (
            f"{len(table)} drawn pairs of {len(everyone)} faces: {sum(bool(one.clip) for one in everyone)} of "
            f"{len(clips)} clips of as many people, {sum(not one.clip for one in everyone)} of pictures"
        ),
        "data": {
            "clips": len(clips),
            "faces_of_clips": sum(bool(one.clip) for one in everyone),
            "faces_of_pictures": sum(not one.clip for one in everyone),
            "pairs": len(table),
            "pseudo_clips": 2 * len(np.unique(pseudo.clip)),
            "swaps_by_other_programs": 0,
        },
        "codecs": parts[0][1]["codecs"],
        "step": [int(card["step"]) for _, card, _ in parts],
        "seconds": round(sum(float(card["seconds"]) for _, card, _ in parts), 1),
        "seed": options.seed,
        "precision": options.precision,
        "forest": {"pairs": min(FOREST_PAIRS, len(table)), "fewest_in_leaf": FEWEST_IN_LEAF},
        "members": [card["held_out"] for _, card, _ in parts],
        "data_sha256": table.fingerprint(),
        "consent": [record.to_table() for record in grounds],
    }
    if options.folds:
        for k in range(FOLDS):
            people = sorted(person for person, own in held.items() if own == k)
            write_general(
                options.folds / f"fold-{k}",
                f"{options.output.name}-fold-{k}",
                [members[k]],
                architecture,
                forests[k],
                judged.but(k),
                parts[k][2],
                ranges,
                {**said, "fold": {"held_out": people}},
            )
    forest = forest_of(table, np.arange(len(table)), options.seed)
    return write_general(
        options.output, options.output.name, members, architecture, forest, judged, parts[0][2], ranges, said
    )


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluate.general.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("material", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the detector's folder; its name is its name")
    parser.add_argument("--work", type=Path, required=True, help="where every step keeps what it made")
    parser.add_argument("--folds", type=Path, help="write a detector for each fold here")
    parser.add_argument("--consent", help=f"{'|'.join(BASES)}, or a file of records; said of all faces")
    parser.add_argument("--pictures", nargs="*", default=["photos", "faces_misc"], help="folders of pictures")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--draws", type=int, default=DRAWS, help="pseudo-clips of each clip")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each fold's network")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""

    def progress(step: str, done: float, total: float | None, note: str = "") -> None:
        print(f"\r{step} {done:.0f} of {total or 0:.0f} {note}", end="", file=sys.stderr, flush=True)

    try:
        card = train(parsed(arguments), progress)
    except CounterfaceError as error:
        print(f"\n{error}", file=sys.stderr)
        return error.exit_code
    print(f"\n{card['name']}: {card['held_out']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
