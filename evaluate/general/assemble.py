"""From the trained parts to one detector: networks, forest, head, calibration, abstention, and what each rests on.

Everything that turns a score into a probability is worked out on pseudo-clips of people whom neither the network nor
the forest that scores them has seen; the forest and the head are cheap, so they are fitted anew for each fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.checkpoint import load_checkpoint
from datasets.progress import Progress
from detect.calibration import fit_calibration
from detect.cliphead import CUES, NETWORK, STRONG, ClipHead, fit_head, summarise
from detect.competence import Competence, fit_competence
from detect.conformal import Conformal, fit_conformal
from detect.cues.forest import Forest, fit_forest
from detect.cues.frame import FRAME_CUES
from detect.detector import VERSION, build_model, forward, median, save_detector
from detect.objective import rank_auc
from evaluate.figures import Judged as Answer
from evaluate.general.fit import NETWORK as NETWORK_KIND
from evaluate.general.table import COVERAGE, SIZE, Table

if TYPE_CHECKING:
    import torch

# A network that is sure speaks for a swap; one that is not says little of swaps better than those it was trained on.
HEAD = (STRONG, CUES)
PENALTY = 1.0
# More pairs make the forest larger, and hardly better: with 8,000 in place of 5,000 a clip AUC of .774 of .770.
FOREST_PAIRS, FEWEST_IN_LEAF = 3500, 3
USUAL = (0.05, 0.95)
MOST_FEATURES = 700
# Noise, spectrum, coding blocks and the small parts of eyes and mouth tell the drawn pairs apart better than they tell
# swaps that others made: they answer to how a swap was encoded. The forest is grown on detail, edges and colour alone.
CUE_NAMES = tuple(
    name for name in FRAME_CUES if not name.startswith(("noise", "spectrum", "grid", "blank", "lab_", "eye", "teeth"))
)
_COLUMNS = [FRAME_CUES.index(name) for name in CUE_NAMES]


@dataclass(frozen=True)
class Member:
    """A trained network and its card; see ``evaluate.general.fit``."""

    module: torch.nn.Module
    card: Mapping[str, Any]

    def of(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Logits, heatmaps and features of crops uint8 RGB (N, S, S, 3)."""
        return forward(self.module, np.ascontiguousarray(crops), self.card["normalisation"])


@dataclass(frozen=True)
class Judged:
    """Pseudo-clips as they were judged by parts that had not seen their people.

    Attributes:
        rows: what the head is given of each clip.
        labels: int (N,), 1 for a swap; person: whose clip each is; fold: which one held it out; kind: how the swap
            was made (of an original, the swap beside it).
        medians: float32 (N, k), the cues of each clip, of ``CUE_NAMES``.
        network, cues: float (M,), what network and forest say of each frame; frame_labels, frame_person: of each.
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


def forest_of(table: Table, rows: np.ndarray, seed: int) -> Forest:
    """The forest on some rows of the table, at most ``FOREST_PAIRS`` of them."""
    chosen = np.random.default_rng(seed).permutation(rows)[:FOREST_PAIRS]
    cues = table.cues[chosen][..., _COLUMNS].reshape(-1, len(_COLUMNS))
    return fit_forest(cues, np.tile([0, 1], len(chosen)), seed=seed, fewest_in_leaf=FEWEST_IN_LEAF)


def judge_clips(
    clips: Table, fold: np.ndarray, members: Sequence[Member], forests: Sequence[Forest], progress: Progress
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
            cues = clips.cues[own, which][:, _COLUMNS]
            typical = median(cues)
            rows.append(summarise(network, float(forests[k].logit(typical[None])[0])))
            labels.append(which)
            person.append(clips.person[own[0]])
            own_fold.append(k)
            kind.append(clips.kind[own[0]])
            medians.append(typical)
            said = forests[k].logit(cues)
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
            verdict = conformal.verdict(said)
            found.append(
                Answer(str(row), str(judged.person[row]), label, said, verdict, (), pair, str(judged.kind[row]))
            )
    return found


def _auc_by_kind(logits: np.ndarray, labels: np.ndarray, kind: np.ndarray) -> dict[str, float]:
    return {one: rank_auc(logits[kind == one], labels[kind == one]) for one in np.unique(kind).tolist()}


def _abstention(probability: np.ndarray, logits: np.ndarray, labels: np.ndarray, kind: np.ndarray) -> Conformal:
    """Nobody knows how a suspect swap was made, so what counts as manipulated is what the hardest kind scores."""
    aucs = _auc_by_kind(logits, labels, kind)
    hardest = min(aucs, key=lambda one: aucs[one])
    told = (labels == 0) | (kind == hardest)
    return fit_conformal(probability[told], labels[told])


def _head(judged: Judged, keep: np.ndarray) -> ClipHead:
    return fit_head([judged.rows[i] for i in np.flatnonzero(keep)], judged.labels[keep], HEAD, PENALTY)


def write_general(
    folder: Path,
    name: str,
    members: Sequence[Member],
    forest: Forest,
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
    usual = {
        cue: [float(f"{v:.6g}") for v in np.nanquantile(real[:, i], USUAL)]
        for i, cue in enumerate(CUE_NAMES)
        if np.isfinite(real[:, i]).mean() > 0.5
    }
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
            "of people that no part which judged them had seen"
        ),
        "scope": {"kind": "general"},
        "held_out": {
            "clip_auc": round(rank_auc(logits, judged.labels), 4),
            "paired": round(float((own > other).mean()), 4),
            "frame_auc": round(rank_auc(frame_logits, judged.frame_labels), 4),
            "network_clip_auc": round(rank_auc(_part(judged, NETWORK), judged.labels), 4),
            "cues_clip_auc": round(rank_auc(_part(judged, CUES), judged.labels), 4),
            "clip_auc_by_kind": {kind: round(auc, 4) for kind, auc in aucs.items()},
        },
        **said,
    }
    return save_detector(folder, built.module, card, competence, forest)


def _own_logits(judged: Judged) -> np.ndarray:
    head = _head(judged, np.ones(len(judged.labels), bool))
    return np.array([head.logit(row) for row in judged.rows])


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
