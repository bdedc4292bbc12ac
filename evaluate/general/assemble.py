"""From the trained parts to one detector: networks, cues, head, calibration, abstention, and what each rests on.

Everything that turns a score into a probability is worked out on pseudo-clips of people whom no part that scores them
has seen as a target (as the face that is set into another's, a pair for the cues may show them); what judges the cues,
and the head, are cheap, so they are fitted anew for each fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.checkpoint import load_checkpoint
from datasets.progress import Progress
from detect.calibration import fit_calibration
from detect.cliphead import CUES, CUES_LARGE, NETWORK, STRONG, ClipHead, fit_head, summarise
from detect.competence import Competence, fit_competence
from detect.conformal import Conformal, fit_conformal
from detect.cues.model import CueModel, is_fine
from detect.detector import VERSION, build_model, forward, save_detector
from detect.judge import THRESHOLD, judge
from detect.objective import rank_auc
from evaluate.figures import Judged as Answer
from evaluate.general.cuefit import CUE_COLUMNS, CUE_NAMES
from evaluate.general.fit import NETWORK as NETWORK_KIND
from evaluate.general.table import COVERAGE, SIZE, Table

if TYPE_CHECKING:
    import torch

    from detect.results import Verdict

# A network that is sure speaks for a swap; one that is not says little of swaps better than those it was trained on.
HEAD = (STRONG, CUES, CUES_LARGE)
PENALTY = 1.0
USUAL = (0.05, 0.95)
MOST_FEATURES = 700
# Of abstention: errors that may be promised, and how much seldomer what is answered should be wrong.
ERRORS, SPARED = (0.05, 0.04, 0.03, 0.02), 0.45


@dataclass(frozen=True)
class Member:
    """A trained network and its card; see ``evaluate.general.fit``."""

    module: torch.nn.Module
    card: Mapping[str, Any]

    def of(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Logits, heatmaps and features of crops uint8 RGB (N, S, S, 3), as a detector in use works them out."""
        return forward(self._quick, np.ascontiguousarray(crops), self.card["normalisation"])

    @cached_property
    def _quick(self) -> torch.nn.Module:
        from detect.fuse import for_inference

        return for_inference(self.module, SIZE, "cpu")


@dataclass(frozen=True)
class Judged:
    """Pseudo-clips as they were judged by parts that had not seen their people.

    Attributes:
        rows: what the head is given of each clip.
        labels: int (N,), 1 for a swap; person: whose clip each is; fold: which one held it out; kind: how the swap
            was made (of an original, the swap beside it).
        medians: float32 (N, k), the cues of each clip, of ``CUE_NAMES``.
        network, cues: float (M,), what network and cues say of each frame; frame_labels, frame_person: of each.
    """

    rows: list[Mapping[str, float]]
    labels: np.ndarray
    person: np.ndarray
    fold: np.ndarray
    kind: np.ndarray
    medians: np.ndarray
    network: np.ndarray
    cues: np.ndarray
    frame_labels: np.ndarray
    frame_person: np.ndarray

    def but(self, fold: int) -> Judged:
        """Those of the other folds alone."""
        keep = self.fold != fold
        people = set(self.person[~keep].tolist())
        frames = np.array([person not in people for person in self.frame_person])
        return Judged(
            [row for row, kept in zip(self.rows, keep, strict=True) if kept],
            self.labels[keep],
            self.person[keep],
            self.fold[keep],
            self.kind[keep],
            self.medians[keep],
            self.network[frames],
            self.cues[frames],
            self.frame_labels[frames],
            self.frame_person[frames],
        )


def judge_clips(
    clips: Table, fold: np.ndarray, members: Sequence[Member], models: Sequence[CueModel], progress: Progress
) -> Judged:
    """Judge every pseudo-clip, the original and the swap, by the parts of the fold that held its person out.

    Args:
        fold: int (N,), of each row of ``clips``.
    """
    rows: list[Mapping[str, float]] = []
    labels, person, own_fold, kind, medians, frames = [], [], [], [], [], []
    names = np.unique(clips.clip)
    for done, name in enumerate(names, 1):
        own = np.flatnonzero(clips.clip == name)
        k = int(fold[own[0]])
        for which in (0, 1):
            network, _, _ = members[k].of(clips.crops[own, which])
            cues = clips.cues[own, which][:, CUE_COLUMNS]
            typical, said_of_clip, large = models[k].of_track(cues)
            rows.append(summarise(network, said_of_clip, large=large))
            labels.append(which)
            person.append(clips.person[own[0]])
            own_fold.append(k)
            kind.append(clips.kind[own[0]])
            medians.append(typical)
            said = models[k].logit(cues)
            frames.append((network, said, np.full(len(own), which), np.full(len(own), person[-1])))
        progress("judging clips", done, len(names))
    return Judged(
        rows,
        np.array(labels),
        np.array(person),
        np.array(own_fold),
        np.array(kind),
        np.stack(medians),
        *(np.concatenate([part[i] for part in frames]) for i in range(4)),
    )


def crossed_logits(judged: Judged) -> np.ndarray:
    """The clips' raw scores, each by a head that was fitted on the people of other folds, float64 (N,)."""
    found = np.zeros(len(judged.labels))
    for k in np.unique(judged.fold):
        head = _head(judged, judged.fold != k)
        for row in np.flatnonzero(judged.fold == k):
            found[row] = head.logit(judged.rows[row])
    return found


def said_of_clips(judged: Judged) -> list[Answer]:
    """What a detector says of each pseudo-clip whose head, calibration and abstention know other folds alone.

    For ``benchmarks.detectors calibration``: every part that speaks of a clip has seen neither it nor its person.
    """
    logits, found = crossed_logits(judged), list[Answer]()
    for k in np.unique(judged.fold):
        own = judged.fold == k
        calibration = fit_calibration("platt", logits[~own], judged.labels[~own], judged.person[~own])
        probability = calibration.probability(logits)
        known = judged.labels[~own], judged.kind[~own]
        conformal = _abstention(probability[~own], logits[~own], *known)
        for row in np.flatnonzero(own):
            said = float(probability[row])
            pair, label = str(row // 2), int(judged.labels[row])
            verdict = verdict_of(said, conformal)
            found.append(
                Answer(str(row), str(judged.person[row]), label, said, verdict, (), pair, str(judged.kind[row]))
            )
    return found


def _auc_by_kind(logits: np.ndarray, labels: np.ndarray, kind: np.ndarray) -> dict[str, float]:
    return {one: rank_auc(logits[kind == one], labels[kind == one]) for one in np.unique(kind).tolist()}


def _abstention(probability: np.ndarray, logits: np.ndarray, labels: np.ndarray, kind: np.ndarray) -> Conformal:
    """Nobody knows how a suspect swap was made, so what counts as manipulated is what the hardest kind scores.

    The error that is promised is the largest of ``ERRORS`` at which what is answered of these clips is wrong ``SPARED``
    times as often as all would be, or seldomer; the smallest where there is none.
    """
    aucs = _auc_by_kind(logits, labels, kind)
    hardest = min(aucs, key=lambda one: aucs[one])
    told = (labels == 0) | (kind == hardest)
    wrong = float(((probability > THRESHOLD) != (labels == 1)).mean())
    for error in ERRORS:
        found = fit_conformal(probability[told], labels[told], error)
        said = np.array([verdict_of(one, found) for one in probability])
        known = said != "cannot tell"
        if known.any() and ((said == "manipulated") != (labels == 1))[known].mean() <= SPARED * wrong:
            break
    return found


def verdict_of(probability: float, conformal: Conformal) -> Verdict:
    """The verdict on a clip that is within all limits."""
    return judge((probability, probability), [], probability, conformal)


def _head(judged: Judged, keep: np.ndarray) -> ClipHead:
    return fit_head([judged.rows[i] for i in np.flatnonzero(keep)], judged.labels[keep], HEAD, PENALTY)


def write_general(
    folder: Path,
    name: str,
    members: Sequence[Member],
    cue_model: CueModel,
    judged: Judged,
    competence: Competence,
    track_ranges: Mapping[str, list[float]],
    said: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Put a detector together and write it; returns its card.

    Args:
        judged: by what its head and its calibration are fitted.
        track_ranges: what real clips show of the cues that only runs of frames have.
        said: what the card says beside what follows from these: data, steps, seed, grounds.
    """
    from sklearn.linear_model import LogisticRegression

    first = members[0].card["architecture"]
    built = build_model(first["name"], **{**first["options"], "members": len(members)})
    states = [member.module.state_dict() for member in members]
    state = {f"members.{i}.{key}": value for i, own in enumerate(states) for key, value in own.items()}
    built.module.load_state_dict(state if len(members) > 1 else states[0])
    logits = crossed_logits(judged) if len(np.unique(judged.fold)) > 1 else _own_logits(judged)
    clip_calibration = fit_calibration("platt", logits, judged.labels, judged.person)
    probability = clip_calibration.probability(logits)
    both = np.column_stack([judged.network, judged.cues])
    fusion = LogisticRegression(C=1.0, max_iter=1000).fit(both, judged.frame_labels)
    shares = {
        "network": float(fusion.coef_[0, 0]),
        "cues": float(fusion.coef_[0, 1]),
        "offset": float(fusion.intercept_[0]),
    }
    frame_logits = both @ [shares["network"], shares["cues"]] + shares["offset"]
    frame_calibration = fit_calibration("platt", frame_logits, judged.frame_labels, judged.frame_person)
    real = judged.medians[judged.labels == 0]
    large = np.isfinite(_part(judged, CUES_LARGE))
    real_large = judged.medians[(judged.labels == 0) & large]
    usual: dict[str, list[float]] = {}
    for i, cue in enumerate(CUE_NAMES):
        some = (real_large if is_fine(cue) else real)[:, i]
        if len(some) and np.isfinite(some).mean() > 0.5:
            usual[cue] = [float(f"{v:.6g}") for v in np.nanquantile(some, USUAL)]
    own, other = probability[judged.labels == 1], probability[judged.labels == 0]
    aucs = _auc_by_kind(logits, judged.labels, judged.kind)
    card = {
        "name": name,
        "version": VERSION,
        "architecture": {"name": first["name"], "options": dict(built.options)},
        "input": {
            "size": SIZE,
            "coverage": COVERAGE,
            "alignment": "similarity to the mean face, see datasets.faces.align",
            "normalisation": dict(built.normalisation),
        },
        "initial_weights": members[0].card["initial_weights"],
        "parameters": sum(p.numel() for p in built.module.parameters()),
        "cues": {"names": list(CUE_NAMES), "fusion": shares},
        "cue_ranges": usual | dict(track_ranges),
        "clip": _head(judged, np.ones(len(judged.labels), bool)).to_card(),
        "calibration": frame_calibration.to_card(),
        "clip_calibration": clip_calibration.to_card(),
        "conformal": _abstention(probability, logits, judged.labels, judged.kind).to_card(),
        "calibrated_on": (
            f"{len(judged.labels) // 2} real clips of {len(np.unique(judged.person))} people and as many with a swap, "
            "of people whom no part which judged them had seen as a target"
        ),
        "scope": {"kind": "general"},
        "held_out": {
            "clip_auc": round(rank_auc(logits, judged.labels), 4),
            "paired": round(float((own > other).mean()), 4),
            "frame_auc": round(rank_auc(frame_logits, judged.frame_labels), 4),
            "network_clip_auc": round(rank_auc(_part(judged, NETWORK), judged.labels), 4),
            "cues_clip_auc": _auc(_part(judged, CUES), judged.labels),
            "cues_clip_auc_of_large_faces": _auc(_part(judged, CUES_LARGE), judged.labels),
            "clip_auc_of_large_faces": _auc(np.where(large, logits, np.nan), judged.labels),
            "clip_auc_by_kind": {kind: round(auc, 4) for kind, auc in aucs.items()},
        },
        **said,
    }
    return save_detector(folder, built.module, card, competence, cue_model)


def _own_logits(judged: Judged) -> np.ndarray:
    head = _head(judged, np.ones(len(judged.labels), bool))
    return np.array([head.logit(row) for row in judged.rows])


def _auc(values: np.ndarray, labels: np.ndarray) -> float | None:
    """Of those that have a value."""
    known = np.isfinite(values)
    return round(rank_auc(values[known], labels[known]), 4) if len(np.unique(labels[known])) == 2 else None


def _part(judged: Judged, name: str) -> np.ndarray:
    return np.array([row[name] for row in judged.rows])


def load_member(folder: Path) -> Member:
    """A network that ``evaluate.general.fit`` wrote. Raises InputError."""
    card, tensors = load_checkpoint(folder, NETWORK_KIND)
    module = build_model(card["architecture"]["name"], **card["architecture"]["options"]).module
    module.load_state_dict(tensors)
    return Member(module.eval(), card)


def competence_of(clips: Table, fold: np.ndarray, k: int, member: Member) -> Competence:
    """What the network that held fold ``k`` out knows, of real clips and swaps alike.

    Args:
        fold: int (N,), of each row of ``clips``.
    """
    held = fold == k
    crops = clips.crops[held].reshape(-1, *clips.crops.shape[2:])
    training = clips.crops[~held].reshape(-1, *clips.crops.shape[2:])
    training = training[:: max(1, len(training) // MOST_FEATURES)]
    crops = crops[:: max(1, len(crops) // MOST_FEATURES)]
    return fit_competence(member.of(training)[2], member.of(crops)[2], crops, clips.side)
