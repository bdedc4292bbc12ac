"""Identities: does one stand in two splits, and is each there in both classes and at every level."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from datasets.audit.findings import AuditReport, some
from datasets.manifest import ClipRow
from datasets.splits import components


def look_at_people(clips: Sequence[ClipRow], report: AuditReport) -> None:
    """Add what is wrong with identities and the balance of classes to a report."""
    _overlap(clips, report)
    _originals(clips, report)
    _balance(clips, report)


def _overlap(clips: Sequence[ClipRow], report: AuditReport) -> None:
    where: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        for person in {clip.target, clip.source or clip.target}:
            where[person].add(clip.split)
            shown[person].append(clip.clip)
    both = sorted(person for person, splits in where.items() if len(splits) > 1)
    for person in both:
        splits = " and in ".join(sorted(where[person]))
        names = tuple(sorted(set(shown[person])))
        report.add("identity", f"{person} is to be seen in {splits}: a detector would know the person.", names)
    edges = [(clip.source, clip.target) for clip in clips if clip.source]
    groups = components(where, edges)
    report.figures["identities"], report.figures["groups"] = len(where), len(groups)


def _originals(clips: Sequence[ClipRow], report: AuditReport) -> None:
    """Each fake has its own original at its level, in its split."""
    known = {(clip.clip, clip.level): clip for clip in clips if not clip.is_fake}
    fakes = [clip for clip in clips if clip.is_fake]
    alone = [clip.clip for clip in fakes if (clip.original, clip.level) not in known]
    if alone and len(alone) < len(fakes):
        report.add("balance", f"{len(alone)} fakes have no original at their level: {some(alone)}.", tuple(alone))
    elif alone:
        report.remarks.append("No fake has its original in the set, so pairs can't be compared.")
    apart = [c.clip for c in fakes if (o := known.get((c.original or "", c.level))) is not None and o.split != c.split]
    if apart:
        said = f"{len(apart)} fakes are in another split than their originals: {some(apart)}."
        report.add("identity", said, tuple(apart))


def _balance(clips: Sequence[ClipRow], report: AuditReport) -> None:
    """Both classes for each identity that is replaced, at each level; how many fakes there are to a real clip."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for clip in clips:
        counts[clip.target, clip.level][clip.label] += 1
    fakes_only = sorted({person for (person, _), own in counts.items() if own["fake"] and not own["real"]})
    if fakes_only:
        said = f"{len(fakes_only)} identities are there as fakes alone ({some(fakes_only)}): the face tells the class."
        report.add("balance", said)
    splits: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for clip in clips:
        splits[clip.split, clip.level][clip.label] += 1
    for (split, level), own in sorted(splits.items()):
        missing = [label for label in ("real", "fake") if not own[label]]
        if missing:
            report.add("balance", f"{split} has no {missing[0]} clip at {level}, so nothing can be measured there.")
    levels: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for clip in clips:
        levels[clip.level].add((clip.clip, clip.label))
    most = max(levels.values(), key=len)
    for level, own_clips in sorted(levels.items()):
        if len(own_clips) < len(most):
            lacking = sorted(name for name, _ in most - own_clips)
            report.add("balance", f"{len(lacking)} clips are missing at {level}: {some(lacking)}.", tuple(lacking))
    ratio = {person: _ratio(counts, person) for person in sorted({person for person, _ in counts})}
    report.figures["fakes_to_a_real"] = ratio
    figures: dict[str, Any] = {f"{s}/{level}": dict(own) for (s, level), own in sorted(splits.items())}
    report.figures["counts"] = figures


def _ratio(counts: dict[tuple[str, str], Counter[str]], person: str) -> float | None:
    whole = sum((own for (name, _), own in counts.items() if name == person), Counter[str]())
    return round(whole["fake"] / whole["real"], 3) if whole["real"] else None
