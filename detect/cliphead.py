"""From what single frames say to what a clip says: a light head over one face's track.

Averaging the frames' probabilities throws away what only a track has: how steady the evidence is, and the typical
value of each cue, which is far less noisy than any frame's. The head is a linear model (logistic regression) over a
few summaries; its numbers stand in the detector's card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NETWORK, STRONG, STEADY, TOP = "network", "network_over_2", "network_spread", "network_top"
# What the cues say of a face; of a large one it is another number, on another scale.
CUES, CUES_LARGE = "cues", "cues_large"
# What a network says above this logit, which most real clips stay under; the name says the number.
STRONG_FROM = 2.0
TOP_SHARE = 0.25


@dataclass(frozen=True)
class ClipHead:
    """A linear model over the summaries of a track.

    Attributes:
        names: which summaries, see :func:`summarise`.
        weights: float64, one a name; ``offset`` is added.
        centre: what stands in for a summary that could not be measured, one a name.
    """

    names: tuple[str, ...]
    weights: np.ndarray
    offset: float
    centre: np.ndarray

    def logit(self, summary: Mapping[str, float]) -> float:
        """The clip's raw score; above 0 speaks for a manipulation."""
        values = np.array([summary.get(name, np.nan) for name in self.names], dtype=np.float64)
        return float(np.where(np.isfinite(values), values, self.centre) @ self.weights + self.offset)

    def to_card(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "weights": [float(w) for w in self.weights],
            "offset": float(self.offset),
            "centre": [float(c) for c in self.centre],
        }

    @staticmethod
    def from_card(card: Mapping[str, Any]) -> ClipHead:
        return ClipHead(
            tuple(card["names"]),
            np.array(card["weights"], dtype=np.float64),
            float(card["offset"]),
            np.array(card["centre"], dtype=np.float64),
        )


def summarise(
    network: np.ndarray, cues: float | None, track: Mapping[str, float] | None = None, large: bool = False
) -> dict[str, float]:
    """What a head may draw on.

    Args:
        network: float (N,), the network's raw logits of the track's frames.
        cues: log-odds that the track's median cues give, None where nothing judges them or there is no cue.
        track: cues that only runs of frames have, by name.
        large: whether those are of a large face, see ``detect.cues.model``.
    """
    network = np.asarray(network, dtype=np.float64)
    most = np.sort(network)[-max(1, round(TOP_SHARE * len(network))) :]
    found = {
        NETWORK: float(network.mean()),
        STRONG: max(0.0, float(network.mean()) - STRONG_FROM),
        STEADY: float(network.std()),
        TOP: float(most.mean()),
        CUES: np.nan if cues is None or large else float(cues),
        CUES_LARGE: float(cues) if cues is not None and large else np.nan,
    }
    return found | dict(track or {})


def fit_head(rows: Sequence[Mapping[str, float]], labels: np.ndarray, names: Sequence[str], penalty: float) -> ClipHead:
    """Fit a head on the summaries of tracks that no part of the detector was trained on.

    Args:
        rows: a summary a track.
        labels: (N,), 1 manipulated.
        names: which summaries to use.
        penalty: L2 penalty on the weights of standardised summaries (inverse of scikit-learn's ``C``).
    """
    from sklearn.linear_model import LogisticRegression

    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    centre = np.nan_to_num(np.nanmedian(table, axis=0))
    table = np.where(np.isfinite(table), table, centre)
    mean, scale = table.mean(0), np.maximum(table.std(0), 1e-9)
    model = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=1000)
    model.fit((table - mean) / scale, np.asarray(labels).astype(int))
    weights = model.coef_[0] / scale
    return ClipHead(tuple(names), weights, float(model.intercept_[0] - weights @ mean), centre)
