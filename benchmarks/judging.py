"""What is printed of a detector: on pairs that others made, on ordinary video, on the studio's own swaps.

``benchmarks.detectors`` is the command; here each figure is made of scores. See ``evaluate.figures`` for what they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets.checkpoint import CARD, read_card
from datasets.errors import InputError
from datasets.workspace import Workspace
from evaluate.clipset import AS_IT_IS, method_of, results_in
from evaluate.figures import (
    CURVE,
    DRAWS,
    Figure,
    Judged,
    calibration_figures,
    clip_figures,
    frame_figures,
    overlap_figure,
    paired_figure,
    scored_clips,
    share_of_verdict,
    verdict_counts,
)
from evaluate.scored import Job, Scored, clips_in


def target_identity(stem: str) -> str:
    """``David_Kovalniy`` of ``David_Kovalniy_0``: what stands before the first digit."""
    return re.split(r"_?\d", stem, maxsplit=1)[0] or stem


def person(stem: str) -> str:
    """``p05`` of ``p05_d12``: what stands before the first underscore."""
    return stem.split("_", 1)[0]


def pairs_of(real: Path, fake: Path) -> tuple[list[tuple[Path, Path]], list[str]]:
    """(fake, original) of each name in both folders, and the names in one of them alone. Raises InputError."""
    originals, fakes = ({file.name: file for file in clips_in(folder)} for folder in (real, fake))
    both = [(fakes[name], originals[name]) for name in sorted(fakes.keys() & originals.keys())]
    if not both:
        raise InputError(f"No clip of {fake} has its original, a clip of the same name, in {real}.")
    return both, sorted(fakes.keys() ^ originals.keys())


def judged(
    clips: Sequence[tuple[str, str, int, str, str]], scores: Sequence[Scored | str]
) -> tuple[list[Judged], list[str]]:
    """Labelled clips (name, group, label, pair, kind) with their scores; sentences on those without one."""
    found, failed = [], []
    for (name, group, label, pair, kind), score in zip(clips, scores, strict=True):
        if isinstance(score, str):
            failed.append(f"{name}: {score}")
            continue
        found.append(
            Judged(name, group, label, score.probability, score.verdict, score.frames, pair, kind, score.overlap)
        )
    return found, failed


def figures_of_pairs(found: Sequence[Judged], only: Collection[str] = CURVE, draws: int = DRAWS) -> dict[str, Figure]:
    """Clip and frame figures, paired accuracy and, where masks were given, heatmap IoU; by name."""
    table = {f"clip {name}": figure for name, figure in clip_figures(found, only, draws).items()}
    table |= {f"frame {name}": figure for name, figure in frame_figures(found, only, draws).items()}
    others = {"paired accuracy": paired_figure(found, draws), "heatmap IoU": overlap_figure(found, draws)}
    for name, figure in others.items():
        if figure is not None:
            table[name] = figure
    return table


def lines_of_pairs(found: Sequence[Judged], by: str, draws: int = DRAWS) -> list[str]:
    """All figures, then the few that small groups bear, by kind, and the verdicts of each class.

    Args:
        by: what ``kind`` is, in a word.
    """
    fakes, reals = ([one for one in found if one.label == label] for label in (1, 0))
    said = [f"{len(fakes)} fakes and {len(reals)} originals, {sum(len(one.frames) for one in found)} frames"]
    unscored = len(found) - len(scored_clips(found))
    if unscored:
        said.append(f"{unscored} of them show no face that could be scored; they count in the verdicts alone")
    said += [f"{name}: {figure}" for name, figure in figures_of_pairs(found, draws=draws).items()]
    for kind in sorted({one.kind for one in found}):
        own = figures_of_pairs([one for one in found if one.kind == kind], ("AUC", "EER"), draws)
        said.append(f"{by} {kind}: " + "; ".join(f"{name} {figure}" for name, figure in own.items()))
    for name, group in (("fakes", fakes), ("originals", reals)):
        counts = verdict_counts(group)
        said.append(f"verdicts of {name}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return said


# -- ordinary video ----------------------------------------------------------------------------------------------------


def folds_of(folder: Path) -> dict[str, Path]:
    """Which fold's detector was held from each person. Raises InputError when the folder holds no folds, or one twice.

    A fold is a detector's folder whose card says ``{"fold": {"held_out": [person, ...]}}``.
    """
    found: dict[str, Path] = {}
    for card in sorted(Path(folder).glob(f"*/{CARD}")):
        for name in read_card(card.parent).get("fold", {}).get("held_out", ()):
            if name in found:
                raise InputError(
                    f"{name} was held out of {found[name].name} and of {card.parent.name}; once is needed."
                )
            found[name] = card.parent
    if not found:
        raise InputError(f'{folder} holds no detector whose card says {{"fold": {{"held_out": [...]}}}}.')
    return found


def ordinary_jobs(
    clips: Sequence[Path], crfs: Sequence[int], detector: Path | None, folds: Mapping[str, Path]
) -> tuple[list[Job], list[tuple[str, str, int, str, str]], list[str]]:
    """Jobs and labels of each clip as it is and at each CRF, and the clips that no fold held out."""
    jobs, labels, left = list[Job](), list[tuple[str, str, int, str, str]](), list[str]()
    for clip in clips:
        own = folds.get(person(clip.stem)) if folds else detector
        if own is None:
            left.append(clip.name)
            continue
        for crf in (None, *crfs):
            jobs.append(Job(clip, own, crf))
            labels.append((clip.stem, person(clip.stem), 0, "", AS_IT_IS if crf is None else f"CRF {crf}"))
    return jobs, labels, left


def lines_of_alarms(found: Sequence[Judged]) -> list[str]:
    """Shares of the verdicts among real clips, in all and by how they were encoded."""
    said = []
    kinds = list(dict.fromkeys(one.kind for one in found))
    for kind in ["all", *kinds]:
        own = [one for one in found if kind in ("all", one.kind)]
        shares = (f"{verdict} {share_of_verdict(own, verdict)}" for verdict in ("manipulated", "cannot tell"))
        note = "; every clip counts once for each encoding, so the interval is too narrow" if kind == "all" else ""
        said.append(f"{kind}, {len(own)} clips: " + "; ".join(shares) + note)
    alarms = sorted({f"{one.clip} ({one.kind})" for one in found if one.verdict == "manipulated"})
    return [*said, "called manipulated: " + (", ".join(alarms) or "none")]


# -- own swaps ---------------------------------------------------------------------------------------------------------


def own_swaps(folders: Sequence[Path]) -> list[Workspace]:
    """Workspaces with a result and its mask: the folders themselves, or those inside them. Raises InputError."""
    whole = results_in(folders)
    if not whole:
        raise InputError(f"No workspace with a result and its mask is in {', '.join(map(str, folders))}.")
    return whole


def own_jobs(
    workspaces: Sequence[Workspace], detector: Path | None, folds: Mapping[str, Path] | None = None
) -> tuple[list[Job], list[tuple[str, str, int, str, str]]]:
    """Jobs and labels of each result and of its original, which is encoded and marked as the result was.

    Args:
        detector: what judges them all; None where ``folds`` says which one held the destination's person out.

    Raises:
        InputError: no fold held a destination's person out.
    """
    jobs, labels = list[Job](), list[tuple[str, str, int, str, str]]()
    for workspace in workspaces:
        result, original = workspace.result / "result.mp4", workspace.clip("destination")
        name, group = workspace.root.resolve().name, person(Path(workspace.names("destination")[0]).stem)
        judge = (folds or {}).get(group) if detector is None else detector
        if judge is None:
            raise InputError(f"No fold held out {group}, whose face {name} replaces.")
        jobs += [Job(result, judge, mask=workspace.result / "result_mask.mkv"), Job(original, judge, like=result)]
        labels += [(name, group, label, name, method_of(workspace)) for label in (1, 0)]
    return jobs, labels


# -- calibration -------------------------------------------------------------------------------------------------------


def lines_of_calibration(found: Sequence[Judged]) -> list[str]:
    """Calibration and abstention, in lines."""
    table = calibration_figures(found)
    said = [f"{len(scored_clips(found))} of {len(found)} clips have a score"]
    said += [f"{name}: {figure}" for name, figure in table.items()]
    with_it, without = table.get("error of what is answered"), table["error when all are answered"]
    if with_it is None:
        return [*said, "nothing was answered"]
    if without.value:
        said.append(f"error answered / error of all: {with_it.value / without.value:.2f}")
    return said


def plot_calibration(found: Sequence[Judged], path: Path) -> None:
    """A picture of what was said against what was seen, clips and frames, and of the risk-coverage curve."""
    import numpy as np
    from matplotlib.figure import Figure as Canvas

    from datasets.atomic import replacing
    from evaluate.metrics import reliability, risk_coverage

    kept = scored_clips(found)
    label, said = np.array([one.label for one in kept]), np.array([one.probability for one in kept], dtype=np.float64)
    frames = np.array([p for one in kept for p in one.frames])
    owner = np.array([one.label for one in kept for _ in one.frames])
    canvas = Canvas(figsize=(10, 4.6), layout="constrained")
    left, right = canvas.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", lw=1, label="calibrated")
    levels: list[tuple[str, Any, Any]] = [("clips", label, said)] + ([("frames", owner, frames)] if len(frames) else [])
    for name, truth, probability in levels:
        table = reliability(truth, probability)
        left.plot([one.said for one in table], [one.seen for one in table], "o-", ms=4, label=f"{name}, {len(truth)}")
    left.set(xlabel="probability said", ylabel="share manipulated", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    left.set_title("Reliability, 15 bins of equal mass")
    left.legend(frameon=False)
    coverage, risk = risk_coverage((said >= 0.5) != label, np.abs(said - 0.5))
    right.plot(coverage, risk, drawstyle="steps-post", label="most confident clips first")
    answered = [one for one in kept if one.verdict != "cannot tell"]
    if answered:
        wrong = np.mean([(one.verdict == "manipulated") != one.label for one in answered])
        right.plot([len(answered) / len(kept)], [wrong], "D", label="the verdicts")
    right.set(xlabel="share answered", ylabel="error among them", xlim=(0, 1.02), ylim=(-0.01, None))
    right.set_title("Risk and coverage")
    right.legend(frameon=False)
    with replacing(path) as temporary:
        canvas.savefig(temporary, dpi=130)
