"""How good is a detector? One command a question; each says on what it was asked.

    python -m benchmarks.detectors pairs REAL FAKE            swaps that others made, each with its own original
    python -m benchmarks.detectors false-alarms REAL          ordinary video, as it is and re-encoded
    python -m benchmarks.detectors own FOLDER...              the studio's own swaps: workspaces with a result
    python -m benchmarks.detectors calibration SCORES...      probabilities and abstention, of scores kept by the others
    python -m benchmarks.detectors speed                      from decode to verdict, rates, memory
    python -m benchmarks.detectors ownset -o FOLDER --consent BASIS ...    make swaps for `own`

Every figure comes with a 95 % interval that draws whole pairs, or people, again. Scores are kept as they are made: a
run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datasets.errors import CounterfaceError, InputError
from datasets.home import home

CRFS = (23, 28, 35)


def _scoring(parser: argparse.ArgumentParser, folds: bool = False) -> None:
    said = "a detector's name, its folder, or a workspace; else the one that stands ready"
    parser.add_argument("--detector", help=said)
    parser.add_argument("--frames", type=int, default=32, help="frames of each clip")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--cache", type=Path, help="where scores are kept")
    parser.add_argument("--scores", type=Path, help="write what was said of each clip here, for `calibration`")
    parser.add_argument("--each", action="store_true", help="print every clip's score too")
    if folds:
        parser.add_argument("--folds", type=Path, help="a folder of detectors, each with people held out of it")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of one of the sub-commands."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detectors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: object, said: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=said, description=said)
        command.set_defaults(run=run)
        return command

    pairs = add("pairs", run_pairs, "swaps and their own originals: two folders, one name for both clips of a pair")
    pairs.add_argument("real", type=Path)
    pairs.add_argument("fake", type=Path)
    pairs.add_argument("--baseline", type=Path, help="the published MesoNet's weights (.h5), measured beside it")
    _scoring(pairs)
    alarms = add("false-alarms", run_alarms, "real clips: how many are called manipulated, as they are and re-encoded")
    alarms.add_argument("real", type=Path)
    alarms.add_argument("--crf", nargs="*", type=int, default=list(CRFS))
    _scoring(alarms, folds=True)
    own = add("own", run_own, "the studio's own swaps, against their originals encoded and marked alike")
    own.add_argument("folders", nargs="+", type=Path)
    _scoring(own, folds=True)
    calibration = add("calibration", run_calibration, "calibration and abstention, of files that --scores wrote")
    calibration.add_argument("scores", nargs="+", type=Path)
    calibration.add_argument("--plot", type=Path, help="write a reliability plot (PNG) here")
    speed = add("speed", run_speed, "from decode to verdict, rates, memory: as python -m benchmarks.detection")
    from benchmarks.detection import add_options

    add_options(speed)
    made = add("ownset", run_ownset, "make swaps with the studio's methods, for `own`")
    made.add_argument("clips", nargs="*", type=Path, help="SOURCE DESTINATION ...")
    made.add_argument("-o", "--output", type=Path, required=True)
    made.add_argument("--consent", required=True, help="a basis, or a file of records; said of every clip")
    made.add_argument("--methods", nargs="+", default=["graphics"])
    made.add_argument("--trained", nargs="+", type=Path, default=[], help="workspaces with trained models; only read")
    made.add_argument("--seconds", type=float, default=6.0, help="length that clips are cut to")
    made.add_argument("--minutes", type=float, help="how long a method that trains may do so")
    return parser.parse_args(arguments)


def _scores(options: argparse.Namespace, jobs: list, labels: list) -> tuple[list, list[str]]:  # type: ignore[type-arg]
    from benchmarks.judging import judged
    from benchmarks.scored import score_job
    from evaluate.scored import score_jobs

    def progress(step: str, done: float, total: float | None, note: str = "") -> None:
        print(f"\r{step} {done:.0f} of {total or 0:.0f}", end="", file=sys.stderr, flush=True)

    found, failed = judged(
        labels,
        score_jobs(jobs, options.frames, cache_of(options), options.device, options.workers, score_job, progress),
    )
    print(file=sys.stderr)
    if not found:
        raise InputError(f"None of the {len(jobs)} clips could be scored: {failed[0]}")
    return found, failed


def cache_of(options: argparse.Namespace) -> Path:
    """Where scores are kept."""
    return options.cache or home("cache") / "benchmarks" / "scores.jsonl"


def _keep(options: argparse.Namespace, found: list, failed: list[str]) -> None:  # type: ignore[type-arg]
    from evaluate.figures import write_judged

    for sentence in failed:
        print(f"  could not be scored: {sentence}")
    if options.each:
        for one in sorted(found, key=lambda one: (one.kind, one.pair or one.clip, -one.label)):
            score = "no face" if one.probability is None else f"{one.probability:.4f}"
            print(f"  {one.kind}  {one.clip}  {'fake' if one.label else 'real'}  {score}  {one.verdict}")
    if options.scores:
        write_judged(options.scores, found)


def _detector(wanted: str | None) -> Path:
    from detect.library import find

    return find(wanted)


def _name(detector: Path) -> str:
    from datasets.checkpoint import read_card

    return str(read_card(detector).get("name", detector.name))


def run_pairs(options: argparse.Namespace) -> None:
    from benchmarks.judging import lines_of_pairs, pairs_of, target_identity
    from benchmarks.mesonet import available
    from evaluate.scored import Job, detectors_tried

    both, alone = pairs_of(options.real, options.fake)
    if alone:
        print(f"left out, for want of a partner: {', '.join(alone)}")
    own = _detector(options.detector)
    detectors = [(_name(own), own)]
    if options.baseline and available():
        detectors.append(("MesoNet (Meso4, published weights)", options.baseline))
    elif options.baseline:
        print("MesoNet is left out: its weights are an HDF5 file, and h5py is not installed.")
    for name, detector in detectors:
        jobs = [Job(clip, detector) for pair in both for clip in pair]
        labels = [
            (fake.stem, fake.stem, label, fake.stem, target_identity(fake.stem)) for fake, _ in both for label in (1, 0)
        ]
        found, failed = _scores(options, jobs, labels)
        print(f"{name} on {len(both)} pairs of {options.fake}, {options.frames} frames a clip; intervals draw pairs")
        for line in lines_of_pairs(found, "target"):
            print(f"  {line}")
        if detector == own:
            _keep(options, found, failed)
    tried = detectors_tried(cache_of(options), [fake for fake, _ in both])
    print(f"detectors that were tried on these fakes so far, by the scores kept here: {tried}")


def run_alarms(options: argparse.Namespace) -> None:
    from benchmarks.judging import folds_of, lines_of_alarms, ordinary_jobs
    from evaluate.scored import clips_in

    folds = folds_of(options.folds) if options.folds else {}
    detector = None if folds else _detector(options.detector)
    jobs, labels, left = ordinary_jobs(clips_in(options.real), options.crf, detector, folds)
    if left:
        print(f"left out, for no fold held their person out: {', '.join(left)}")
    if not jobs:
        raise InputError(f"None of the people of {options.real} was held out of a fold of {options.folds}.")
    found, failed = _scores(options, jobs, labels)
    if detector is None:
        print(
            f"{len(set(folds.values()))} folds of {options.folds}: each clip is judged by one that never saw its person"
        )
    else:
        print(f"{_name(detector)}; it may have been trained on these people, so this says little of others (--folds)")
    for line in lines_of_alarms(found):
        print(f"  {line}")
    _keep(options, found, failed)


def run_own(options: argparse.Namespace) -> None:
    from benchmarks.judging import folds_of, lines_of_pairs, own_jobs, own_swaps

    workspaces, folds = own_swaps(options.folders), folds_of(options.folds) if options.folds else {}
    detector = None if folds else _detector(options.detector)
    found, failed = _scores(options, *own_jobs(workspaces, detector, folds))
    judge = _name(detector) if detector else f"the fold of {options.folds} that never saw the destination's person"
    print(
        f"{judge} on {len(workspaces)} own swaps, {options.frames} frames a clip; "
        "originals encoded and marked as the swaps were; intervals draw destination people"
    )
    for line in lines_of_pairs(found, "method"):
        print(f"  {line}")
    _keep(options, found, failed)


def run_calibration(options: argparse.Namespace) -> None:
    from benchmarks.judging import lines_of_calibration, plot_calibration
    from evaluate.figures import read_judged

    found = [one for path in options.scores for one in read_judged(path)]
    for line in lines_of_calibration(found):
        print(line)
    if options.plot:
        plot_calibration(found, options.plot)
        print(f"plot: {options.plot}")


def run_speed(options: argparse.Namespace) -> None:
    from benchmarks.detection import measure

    measure(options)


def run_ownset(options: argparse.Namespace) -> None:
    from benchmarks.ownset import make_set

    if len(options.clips) % 2:
        raise InputError("Clips come in pairs: SOURCE DESTINATION ...")
    pairs = list(zip(options.clips[::2], options.clips[1::2], strict=True))
    if not pairs and not options.trained:
        raise InputError("Nothing to make: give pairs of clips, or --trained workspaces.")
    made = make_set(
        options.output, pairs, options.methods, options.trained, options.consent, options.seconds, options.minutes
    )
    print(f"{len(made)} swaps are in {options.output}")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    try:
        options.run(options)
    except CounterfaceError as error:
        print(f"benchmarks.detectors: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
