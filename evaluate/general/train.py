"""Train the general detector that the project ships.

    python -m evaluate.general.train MATERIAL -o detect/weights/NAME --work FOLDER --consent BASIS

MATERIAL has ``real/`` (clips, the person in the name up to the first ``_``) and folders of pictures beside it. Faces
are cut out and put into a bank (``bank``), one network is trained for each fold of the people (``fit``; it wants a
GPU and can be run elsewhere on the bank alone, what it writes goes into ``networks`` under ``--work``), pairs and
pseudo-clips are drawn through real encoders (``making``), and all of it is put together (``assemble``). Every step
keeps what it has made under ``--work``: the same command goes on where it was stopped. With ``--folds`` one detector
for each fold is written too, for figures on people it has not seen; ``said.jsonl`` under ``--work`` is for
``benchmarks.detectors calibration``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import CounterfaceError, InputError, Refused
from datasets.progress import Progress
from datasets.provenance.consent import BASES, from_option
from detect.cues.model import LARGE
from evaluate.figures import write_judged
from evaluate.general import fit
from evaluate.general.assemble import (
    Member,
    competence_of,
    judge_clips,
    load_member,
    said_of_clips,
    write_general,
)
from evaluate.general.bank import canvases_of, folds_of, load_canvases, save_canvases
from evaluate.general.cuefit import FEWEST_IN_LEAF, Drawn, cue_model_of
from evaluate.general.making import EVERYTHING, MOSTLY
from evaluate.general.portraits import load_portraits, of_clips, of_pictures, save_portraits
from evaluate.general.table import Table, draw_clips, draw_pairs, joined
from evaluate.general.trackranges import track_ranges

FOLDS, FRAMES_A_CLIP, STEPS, COPIER_STEPS = 3, 48, 2400, 900
# Of usual faces and of large ones each.
PAIRS, DRAWS = (3000, 3000), (24, 12)
PICTURES, SMALL = ("photos", "faces_misc"), ("lfw_colour", "lfw_grey")


def train(options: argparse.Namespace, progress: Progress) -> Mapping[str, Any]:
    """All steps; returns the card. See the module's own words."""
    if options.consent is None:
        raise Refused(f"Training uses people's faces: say on what ground with --consent {'|'.join(BASES)} or a file.")
    clips = sorted((options.material / "real").glob("*.mp4"))
    pictures, small = ([options.material / name for name in names] for names in (options.pictures, options.small))
    missing = [str(folder) for folder in [*pictures, *small] if not folder.is_dir()]
    if not clips or missing:
        raise InputError(f"There are no clips in {options.material / 'real'}, or no folder {', '.join(missing)}.")
    grounds = from_option(options.consent, options.material.name, options.material.name)
    file, bank = options.work / "portraits.npz", options.work / "bank.npz"
    if not file.is_file():
        save_portraits(file, of_clips(clips, FRAMES_A_CLIP, progress) + of_pictures(pictures, progress))
    if not bank.is_file():
        save_canvases(bank, canvases_of(load_portraits(file) + of_pictures(small, progress)))
    everyone = load_canvases(bank)
    data = everyone.fingerprint()
    members = _networks(options, bank, data)
    held = dict(zip(everyone.person.tolist(), folds_of(everyone.person, FOLDS).tolist(), strict=True))
    learnt = _learnt(options, file, progress)
    folds = [[person for person, own in held.items() if own == k] for k in range(FOLDS)]

    def clips_of(name: str, draws: int, seed: int, large: bool = False) -> Table:
        return draw_clips(file, draws, options.seed + seed, options.work / name, options.workers, progress, large)

    usual, large = options.draws
    pseudo = joined([clips_of("clips", usual, 2), clips_of("large-clips", large, 4, large=True)])
    if not (pseudo.side >= LARGE).any():
        # What nothing can be calibrated on is not learnt.
        learnt = replace(learnt, large=learnt.large.of(np.zeros(len(learnt.large), bool)))
    models = [cue_model_of(learnt.without(people), options.seed) for people in folds]
    clip_fold = np.array([held[person] for person in pseudo.person])
    judged = judge_clips(pseudo, clip_fold, members, models, progress)
    write_judged(options.work / "said.jsonl", said_of_clips(judged))
    ranges = track_ranges(clips, options.work / "tracks.json", progress)
    cards = [member.card for member in members]
    said = {
        "recipe": "drawn pairs: a real face, and the same with another or its own bent face set into it",
        "trained_on": (
            f"pairs drawn anew at every step of {len(everyone)} faces: {int((everyone.clip != '').sum())} of "
            f"{len(clips)} clips of as many people, {int((everyone.clip == '').sum())} of pictures"
        ),
        "data": {
            "clips": len(clips),
            "faces_of_clips": int((everyone.clip != "").sum()),
            "faces_of_pictures": int((everyone.clip == "").sum()),
            "black_and_white": int(everyone.grey.sum()),
            "pairs_a_network": [card["pairs_seen"] for card in cards],
            "pairs_of_the_trees": len(learnt.wide),
            "pairs_of_the_line": len(learnt.usual),
            "pairs_of_the_line_of_large_faces": len(learnt.large),
            "pseudo_clips": 2 * len(np.unique(pseudo.clip)),
            "swaps_by_other_programs": 0,
        },
        "codecs": ["h264 (imitated in training, real in calibration)", "jpeg 40 to 98", "none"],
        "step": [card["step"] for card in cards],
        "seconds": round(sum(float(card["seconds"]) for card in cards), 1),
        "device": cards[0]["device"],
        "seed": options.seed,
        "precision": cards[0]["precision"],
        "forest": {"pairs": len(learnt.wide), "fewest_in_leaf": FEWEST_IN_LEAF},
        "members": [card["held_out"] for card in cards],
        "data_sha256": data,
        "consent": [record.to_table() for record in grounds],
    }
    limits = [competence_of(pseudo, clip_fold, k, member) for k, member in enumerate(members)]
    if options.folds:
        for k in range(FOLDS):
            write_general(
                options.folds / f"fold-{k}",
                f"{options.output.name}-fold-{k}",
                [members[k]],
                models[k],
                judged.but(k),
                limits[k],
                ranges,
                {**said, "fold": {"held_out": sorted(folds[k])}},
            )
    whole = cue_model_of(learnt, options.seed)
    return write_general(options.output, options.output.name, members, whole, judged, limits[0], ranges, said)


def _learnt(options: argparse.Namespace, file: Path, progress: Progress) -> Drawn:
    """The pairs that the cues learn from."""
    usual, large = options.pairs

    def draw(name: str, count: int, seed: int, changes: Mapping[str, float], of_large: bool = False) -> Table:
        folder = options.work / name
        return draw_pairs(file, count, options.seed + seed, folder, options.workers, progress, of_large, changes)

    return Drawn(
        wide=draw("wide-pairs", usual, 5, EVERYTHING),
        usual=draw("pairs", usual, 1, MOSTLY),
        large=draw("large-pairs", large, 3, MOSTLY, True),
    )


def _networks(options: argparse.Namespace, bank: Path, data: str) -> list[Member]:
    """The folds' networks, trained here where they are not there yet; ``data`` is the bank's fingerprint."""
    folder = options.work / "networks"
    folders = [folder / f"fold-{k}" for k in range(FOLDS)]
    if not all((own / "card.json").is_file() for own in folders):
        copiers = options.work / "copiers"
        shared = ["--device", options.device, "--seed", str(options.seed)]
        if not copiers.is_dir():
            fit.run(["copiers", str(bank), "-o", str(copiers), "--steps", str(options.copier_steps), *shared])
        wanted = ["--copiers", str(copiers), "--folds", str(FOLDS), "--steps", str(options.steps)]
        fit.run(["networks", str(bank), "-o", str(folder), *wanted, *shared])
    members = [load_member(own) for own in folders]
    if any(member.card["data_sha256"] != data for member in members):
        raise InputError(f"The networks of {folder} were trained on another bank than {bank}.")
    return members


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
    parser.add_argument("--pictures", nargs="*", default=list(PICTURES), help="folders of pictures")
    parser.add_argument("--small", nargs="*", default=list(SMALL), help="small ones: for the networks alone")
    for name, default, what in (
        ("--pairs", PAIRS, "that the cues learn from"),
        ("--draws", DRAWS, "pseudo-clips of each clip"),
    ):
        said = f"{what}, of usual faces and of large ones"
        parser.add_argument(name, type=int, nargs=2, default=default, metavar=("USUAL", "LARGE"), help=said)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the networks")
    parser.add_argument("--copier-steps", type=int, default=COPIER_STEPS, help="of the autoencoders in the pairs")
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
