"""The audit of a labelled data set: every check, in processes, into one report.

Files and identities are looked at one by one, headers pair by pair. The shortcut probes are classifiers that may see
one thing only; how they come to a verdict is told in ``datasets.audit.probe``. Here the limit is AUC .6.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from datasets.audit.container import differing, header_columns
from datasets.audit.duplicates import near_duplicates
from datasets.audit.findings import AuditReport, some
from datasets.audit.masks import FITS
from datasets.audit.measure import ClipMeasures, PairMeasures, measure_clip, measure_pair
from datasets.audit.people import look_at_people
from datasets.audit.probe import CERTAIN, FEWEST_GROUPS, ProbeResult, probe
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow
from datasets.progress import Progress, silent

LIMIT = 0.6
MOST_PAIRS = 300  # pairs that the probes look at; of a larger set, drawn
FEWEST = 5
CERTAIN_OF_FEW = 0.05
T = TypeVar("T")


def audit(folder: Path, workers: int = 0, seed: int = 0, progress: Progress = silent) -> AuditReport:
    """Audit a data set.

    Args:
        workers: processes; one a usable core when 0.
        seed: of what is drawn.

    Raises:
        InputError: there is no data set, or its manifest was edited: then its labels are not looked at at all.
    """
    from datasets.device import usable_cores

    began = time.monotonic()
    data = LabelledSet(folder)
    built = data.index.kind == "built"
    report = AuditReport(data.index.name, len(data.clips))
    look_at_people(data.clips, report)
    many = max(1, workers or usable_cores())
    first = data.levels[0]
    jobs = [(measure_clip, (data.folder, clip, clip.level == first, built)) for clip in data.clips]
    clips: dict[tuple[str, str], ClipMeasures] = {}
    pairs = _drawn(data, seed)
    with _Pool(many) as run:
        for found in run(jobs, "looking at clips", progress):
            clips[found.clip, found.level] = found
        sound = {key for key, found in clips.items() if found.fault is None}
        pairs = [(f, o) for f, o in pairs if (f.clip, f.level) in sound and (o.clip, o.level) in sound]
        pair_jobs = [(measure_pair, (data.folder, fake, original, built)) for fake, original in pairs]
        measured: list[PairMeasures] = list(run(pair_jobs, "comparing pairs", progress))
    _files(data, clips, report)
    _marks(clips, report)
    _duplicates(data, clips, report)
    _masks(measured, report)
    _headers(pairs, clips, report)
    _probes(pairs, clips, measured, report, progress)
    report.figures["seconds"] = round(time.monotonic() - began, 1)
    return report


def keep(folder: Path, report: AuditReport, progress: Progress = silent) -> None:
    """Write the outcome beside the manifest, and into the card."""
    from datasets.atomic import write_json
    from datasets.card import AUDIT, write_card
    from datasets.manifest import read_index

    known = dict(read_index(folder, check=False).sha256)
    write_json(Path(folder) / AUDIT, {"manifest": known} | report.to_json())
    write_card(folder, progress)


def _drawn(data: LabelledSet, seed: int) -> list[tuple[ClipRow, ClipRow]]:
    """The pairs that are compared: all, or of a larger set some of every level."""
    pairs = [pair for pair in data.pairs() if "." in pair[0].file.rsplit("/", 1)[-1]]
    if len(pairs) <= MOST_PAIRS:
        return pairs
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:MOST_PAIRS]
    return [pairs[i] for i in sorted(chosen.tolist())]


class _Pool:
    """Run jobs in processes, or here where one is enough; results come in order."""

    def __init__(self, many: int) -> None:
        self.many = many
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Callable[[Sequence[Any], str, Progress], Iterator[Any]]:
        if self.many > 1:
            self.pool = ProcessPoolExecutor(self.many, mp_context=get_context("spawn"), initializer=_one_thread)
        return self._run

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)

    def _run(self, jobs: Sequence[Any], step: str, progress: Progress) -> Iterator[Any]:
        found: Iterator[Any] = map(_do, jobs) if self.pool is None else self.pool.map(_do, jobs, chunksize=4)
        for done, one in enumerate(found, 1):
            yield one
            progress(step, done, len(jobs))


def _do(job: Any) -> Any:
    work, arguments = job
    return work(*arguments)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


def _files(data: LabelledSet, clips: dict[tuple[str, str], ClipMeasures], report: AuditReport) -> None:
    for found in clips.values():
        if found.fault is not None:
            report.add("file", f"{found.fault}.", (found.clip,))
    masks = {clip.mask for clip in data.clips if clip.mask}
    gone = sorted(mask for mask in masks if not (data.files / mask).is_file())
    said = {fault.sentence for fault in report.findings}
    left = [mask for mask in gone if not any(mask in sentence for sentence in said)]
    if left:
        report.add("file", f"{len(left)} masks are gone: {some(left)}.")


def _marks(clips: dict[tuple[str, str], ClipMeasures], report: AuditReport) -> None:
    bare = sorted({found.clip for found in clips.values() if found.marked is False})
    if bare:
        said = f"{len(bare)} clips do not carry Credentials of this studio with the manifest's watermark: {some(bare)}."
        report.add("marks", said, tuple(bare))


def _duplicates(data: LabelledSet, clips: dict[tuple[str, str], ClipMeasures], report: AuditReport) -> None:
    hashes = {found.clip: found.hashes for found in clips.values() if found.hashes}
    split = {clip.clip: clip.split for clip in data.clips}
    for one, other in near_duplicates(hashes, split):
        said = f"{one} ({split[one]}) and {other} ({split[other]}) show nearly the same pictures."
        report.add("duplicate", said, (one, other))


def _masks(measured: list[PairMeasures], report: AuditReport) -> None:
    """A mask is judged at the best level it was looked at: there the difference is the swap and little else."""
    best: dict[str, float] = {}
    for found in measured:
        if found.fault is not None:
            report.add("file", f"{found.fault}.", (found.clip,))
        if found.fit is not None:
            best[found.clip] = max(best.get(found.clip, 0.0), found.fit)
    for clip, fit in sorted(best.items()):
        if fit < FITS:
            said = (
                f"The mask of {clip} does not lie where the clip differs from its original ({fit:.2f}; 1 is perfect)."
            )
            report.add("mask", said, (clip,))
    if best:
        report.figures["mask_fit"] = {
            "least": round(min(best.values()), 3),
            "median": round(float(np.median(list(best.values()))), 3),
        }


def _headers(
    pairs: list[tuple[ClipRow, ClipRow]], clips: dict[tuple[str, str], ClipMeasures], report: AuditReport
) -> None:
    """Headers must be equal within a pair: a field that differs leaks without statistics."""
    fields: dict[str, list[str]] = {}
    for fake, original in pairs:
        one, other = (clips[clip.clip, clip.level].headers for clip in (fake, original))
        for name in differing(one, other):
            fields.setdefault(name, []).append(fake.clip)
    for name, own in sorted(fields.items()):
        said = f"The container's {name} differs between {len(own)} of {len(pairs)} fakes and their originals."
        report.add("shortcut", said, tuple(sorted(set(own))))


def _probes(
    pairs: list[tuple[ClipRow, ClipRow]],
    clips: dict[tuple[str, str], ClipMeasures],
    measured: list[PairMeasures],
    report: AuditReport,
    progress: Progress,
) -> None:
    if not pairs:
        report.remarks.append("There is no pair of a fake and its original, so no shortcut could be looked for.")
        return
    people = [fake.target for fake, _ in pairs]
    both = [[clips[clip.clip, clip.level] for clip in pair] for pair in pairs]
    columns = header_columns([pair[k].headers for k in (0, 1) for pair in both])
    packets = [np.array([pair[k].packets for pair in both]) for k in (0, 1)]
    seen: list[tuple[str, np.ndarray, np.ndarray, list[str]]] = [
        ("metadata", columns[: len(pairs)], columns[len(pairs) :], people),
        ("file sizes", packets[0], packets[1], people),
    ]
    for name, part in (("background", "background"), ("mark", "mark"), ("mark as read", "as_read")):
        there = [(i, rows) for i, found in enumerate(measured) if (rows := getattr(found, part)) is not None]
        if there:
            one, other = (np.array([rows[k] for _, rows in there]) for k in (0, 1))
            seen.append((name, one, other, [people[i] for i, _ in there]))
    for number, (name, fake, real, who) in enumerate(seen):
        progress("probing for shortcuts", number, len(seen), name)
        result = _probe(name, fake, real, who)
        report.probes.append(result)
        if result.verdict == "leak":
            report.add(
                "shortcut",
                f"The classes can be told apart by {name} alone: AUC {result.auc:.2f} on clips of people that the "
                f"probe was not trained on (limit {LIMIT}).",
            )
    progress("probing for shortcuts", len(seen), len(seen))
    unsure = [one.name for one in report.probes if one.verdict == "cannot tell"]
    if unsure:
        report.remarks.append(
            f"With {len(set(people))} people nothing certain can be said of: {', '.join(unsure)}; each line says "
            "how many it takes."
        )


def _probe(name: str, fake: np.ndarray, real: np.ndarray, people: list[str]) -> ProbeResult:
    """A probe with the limit of this audit; few people give few ways to exchange labels, so less certainty is asked."""
    groups = len(set(people))
    certain = CERTAIN if groups >= FEWEST_GROUPS else max(CERTAIN_OF_FEW, 2.0 ** (3 - groups))
    # Exchanging labels is nearly all of the work, and it only matters where the AUC is over the limit.
    quick = probe(name, fake, real, people, exchanges=0, limit=LIMIT, fewest=FEWEST)
    if not quick.auc > LIMIT:
        return quick
    return probe(name, fake, real, people, limit=LIMIT, certain=certain, fewest=FEWEST)
