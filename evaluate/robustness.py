"""What a detector still sees under forty perturbations: scores of every clip and condition, kept one by one.

A clip is decoded once, its faces are found once, and each condition is scored and kept before the next one begins, so
that a run that is killed loses one score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError, Interrupted
from datasets.progress import Progress, silent
from datasets.workspace import sha256
from evaluate.clipset import LabelledClip
from evaluate.detectorquality import slice_figures
from evaluate.figures import Judged, scored_clips, verdict_counts
from evaluate.intervals import DRAWS
from evaluate.perturb import CLEAN, Condition, conditions
from evaluate.probe import Plan, look, score
from evaluate.scorecache import ScoreCache, code_id, detector_id, key_text
from evaluate.scored import Job, Scored, encoded, loaded, scored_of
from evaluate.workers import in_processes

CODE = ("evaluate/perturb.py", "evaluate/probe.py", "datasets/degrade.py")
FINDER = "mediapipe"
# A detector whose lead over chance is less than this has none to lose.
LEAST_LEAD = 0.05


@dataclass(frozen=True)
class Unit:
    """A clip and the conditions that it has no score of yet, each with its key."""

    job: Job
    wanted: tuple[tuple[Condition, dict[str, Any]], ...]
    cache: Path
    plan: Plan
    device: str
    seed: int


def all_conditions() -> tuple[Condition, ...]:
    """The clean one and the forty."""
    return (Condition(CLEAN, 0, "as it is"), *conditions())


def key_of(clip: str, detector: str, like: str | None, condition: Condition, plan: Plan, seed: int) -> dict[str, Any]:
    """What tells a score under a condition from every other."""
    return {
        "study": "robustness",
        "detector": detector,
        "clip": clip,
        "like": like,
        "condition": [condition.name, condition.setting],
        "plan": asdict(plan),
        "finder": FINDER,
        "seed": seed,
        "code": code_id(*CODE),
    }


def score_all(
    detector: Path,
    clips: Sequence[LabelledClip],
    wanted: Sequence[Condition],
    cache: Path,
    plan: Plan = Plan(),
    device: str = "auto",
    workers: int = 2,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[list[dict[str, Scored]], list[str]]:
    """Score every clip under every condition, or take what is known.

    Returns:
        By clip: what was said, by the condition's name (empty where the clip could not be scored); and sentences on
        what could not be scored.

    Raises:
        Interrupted: Ctrl-C; the scores made so far are kept.
    """
    kept, judge, hashes = ScoreCache(cache), detector_id(detector), dict[Path, str]()
    for clip in clips:
        for path in (clip.path, clip.like):
            if path is not None and path not in hashes:
                hashes[path] = sha256(path)
    keys = [
        {
            c.name: key_of(hashes[clip.path], judge, hashes.get(clip.like) if clip.like else None, c, plan, seed)
            for c in wanted
        }
        for clip in clips
    ]
    known = kept.known()
    units: dict[int, Unit] = {}
    for number, (clip, own) in enumerate(zip(clips, keys, strict=True)):
        missing = tuple((c, own[c.name]) for c in wanted if key_text(own[c.name]) not in known)
        if missing:
            units[number] = Unit(Job(clip.path, detector, like=clip.like), missing, cache, plan, device, seed)
    failed = _run(units, cache, workers, progress)
    known = kept.known()
    found = []
    for own in keys:
        texts = {name: key_text(key) for name, key in own.items()}
        found.append({name: scored_of(known[text]) for name, text in texts.items() if text in known})
    return found, [f"{clips[number].name}: {sentence}" for number, sentence in failed.items()]


def _run(units: Mapping[int, Unit], cache: Path, workers: int, progress: Progress) -> dict[int, str]:
    total = sum(len(unit.wanted) for unit in units.values())
    before = cache.stat().st_size if cache.is_file() else 0

    def tick() -> None:
        """The workers keep each score themselves, so how far they are is read off the file."""
        if cache.is_file():
            with cache.open("rb") as file:
                file.seek(before)
                progress("scoring under perturbations", min(total, file.read().count(b"\n")), total)

    if units:
        progress("scoring under perturbations", 0, total)
    failed: dict[int, str] = {}
    try:
        # In this process each score is told as it is made; others are asked for theirs by the clock.
        work: Callable[[Unit], int] = score_unit
        if min(workers, len(units)) <= 1:
            work = partial(score_unit, told=tick)
        for number, said in in_processes(units, work, workers, tick):
            tick()
            if isinstance(said, str):
                failed[number] = said
    except KeyboardInterrupt:
        raise Interrupted("Scoring stopped; what was scored is kept, and the same command goes on.") from None
    return failed


def score_unit(unit: Unit, told: Callable[[], None] | None = None) -> int:
    """Score one clip under what is wanted of it, keeping each score as it is made; how many there were.

    Args:
        told: called after each.

    Raises:
        InputError: the clip can't be read.
    """
    from datasets.faces.finder import make_finder

    detector, cache = loaded(unit.job.detector, unit.device), ScoreCache(unit.cache)
    finder = make_finder(FINDER)
    try:
        with encoded(unit.job) as path:
            probe = look(path, unit.plan, finder)
    finally:
        finder.close()
    for condition, key in unit.wanted:
        said = score(probe, detector, unit.job.path.name, condition, unit.seed)
        cache.add(key, asdict(Scored.of(said)))
        if told:
            told()
    return len(unit.wanted)


def robustness(
    clips: Sequence[LabelledClip],
    scores: Sequence[Mapping[str, Scored]],
    wanted: Sequence[Condition],
    draws: int = DRAWS,
) -> dict[str, Any]:
    """The figures of every condition, see docs/evaluation.md.

    Raises:
        InputError: no clip has a score of every condition.
    """
    whole = [(c, s) for c, s in zip(clips, scores, strict=True) if all(one.name in s for one in wanted)]
    if not whole:
        raise InputError("None of the clips could be scored under every condition.")
    rows: list[dict[str, Any]] = []
    for condition in wanted:
        judged = [
            Judged(c.name, c.group, int(c.fake), s[condition.name].probability, s[condition.name].verdict,
                   s[condition.name].frames, c.pair, c.method)
            for c, s in whole
        ]  # fmt: skip
        rows.append(
            dict[str, Any](condition=condition.name, family=condition.family, level=condition.level)
            | {"setting": condition.setting}
            | slice_figures(judged, draws, min(draws, 200))
            | _means(judged)
        )
    clean = rows[0]["clip"].get("auc") if rows[0]["family"] == CLEAN else None
    families = list(dict.fromkeys(c.family for c in wanted if c.family != CLEAN))
    return {
        "n_clips": len(whole),
        "conditions": rows,
        "gives_way": {
            family: gives_way(clean, [row for row in rows if row["family"] == family]) for family in families
        },
    }


def _means(judged: Sequence[Judged]) -> dict[str, Any]:
    found: dict[str, Any] = {"verdicts": {}, "mean_probability": {}}
    for name, label in (("fake", 1), ("real", 0)):
        own = [one for one in judged if one.label == label]
        said = [one.probability for one in scored_clips(own)]
        found["mean_probability"][name] = float(np.mean(np.array(said, float))) if said else None
        found["verdicts"][name] = verdict_counts(own)
    return found


def gives_way(clean: float | None, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The mildest level from which on a detector has lost half of its lead over chance, by clip AUC.

    Args:
        clean: its clip AUC on the clean clips.
        rows: the conditions of one family, milder first.

    Returns:
        ``{"level", "setting", "auc"}``; None where it never does, or has no lead to lose.
    """
    if clean is None or clean - 0.5 < LEAST_LEAD:
        return None
    half = 0.5 + (clean - 0.5) / 2
    lost = [row["clip"].get("auc", float("nan")) < half for row in rows]
    for number, row in enumerate(rows):
        if all(lost[number:]):
            return {"level": row["level"], "setting": row["setting"], "auc": row["clip"]["auc"]}
    return None
