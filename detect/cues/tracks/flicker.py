"""Flicker: what changes from frame to frame beyond motion, in the face against its surroundings.

Each frame of a swap is drawn anew: its fine detail does not travel with the skin as real pores and hairs do. The
frame before is carried along the optical flow and subtracted; what is left, over the detail there is, is the flicker.
Compression flickers as well, in the face as around it, so the surroundings are taken off.
"""

from __future__ import annotations

import numpy as np

from detect.cues.looks import energy_look, region_look
from detect.cues.measured import ENERGY_FLOOR, FEWEST_PIXELS, NAN
from detect.cues.names import REGION_WORDS
from detect.cues.registry import TrackCue, register_track_cues
from detect.cues.run import FINE, MIDDLE, Aligned, Runs
from detect.cues.words import Words

INSIDE = ("skin", "features", "contour")
BRIGHTNESS_FLOOR = 0.02


def _energy(picture: np.ndarray, mask: np.ndarray) -> float:
    values = picture[mask]
    return float(np.log((values * values).mean() + ENERGY_FLOOR)) if values.size > FEWEST_PIXELS else NAN


def _pairs(runs: Runs, band: tuple[float, float]) -> dict[str, np.ndarray]:
    """For each region: flicker and correlation with the frame before, float64 (pairs of frames, 2)."""

    def one(run: Aligned, name: str, now: np.ndarray, before: np.ndarray) -> tuple[float, float]:
        mask = run.regions[name]
        a, b = now[mask], before[mask]
        if a.size <= FEWEST_PIXELS:
            return NAN, NAN
        same = float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean() + 0.01))
        return _energy(now - before, mask) - _energy(now, mask), same

    def work() -> dict[str, np.ndarray]:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*INSIDE, "outer")}
        for run in runs.aligned:
            pictures = run.bands(*band)
            for now, before in zip(pictures[1:], run.carried(pictures[:-1]), strict=True):
                for name, rows in found.items():
                    rows.append(one(run, name, now, before))
        return {name: np.array(rows, dtype=np.float64).reshape(-1, 2) for name, rows in found.items()}

    return runs.once(("flicker", band), work)


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else NAN


def _against(runs: Runs, region: str, band: tuple[float, float], column: int) -> float:
    pairs = _pairs(runs, band)
    return _median(pairs[region][:, column]) - _median(pairs["outer"][:, column])


def brightness(runs: Runs) -> float:
    """log of the mean second difference of the skin's mean luma over time, over that of the surroundings."""
    bends = []
    for run in runs.aligned:
        if len(run.luma) < 3 or min(int(run.regions[name].sum()) for name in ("skin", "outer")) <= FEWEST_PIXELS:
            continue
        means = np.array([[picture[run.regions[name]].mean() for name in ("skin", "outer")] for picture in run.luma])
        bends.append(np.abs(np.diff(means, 2, axis=0)))
    if not bends:
        return NAN
    skin, outer = np.concatenate(bends).mean(0)
    return float(np.log(skin + BRIGHTNESS_FLOOR) - np.log(outer + BRIGHTNESS_FLOOR))


def _cue(region: str, kind: str, band: tuple[float, float]) -> TrackCue:
    word = "fine" if kind == "fine" else "middle"
    return TrackCue(
        f"flicker_{kind}_{region}_over_outer",
        lambda runs: _against(runs, region, band, 0),
        energy_look(region, *band),
        Words(
            f"The flicker of the {word} detail of {REGION_WORDS[region]} from frame to frame",
            f"against {REGION_WORDS['outer']}",
        ),
    )


def _steady(region: str, kind: str, band: tuple[float, float]) -> TrackCue:
    return TrackCue(
        f"steady_{kind}_{region}_over_outer",
        lambda runs: _against(runs, region, band, 1),
        energy_look(region, *band),
        Words(
            f"The part of the {kind} detail of {REGION_WORDS[region]} that moves along with the skin",
            f"against {REGION_WORDS['outer']}",
            "smaller",
            "larger",
            "none",
        ),
    )


_KINDS = (("fine", FINE), ("middle", MIDDLE))
register_track_cues(
    10,
    [_cue(region, kind, band) for kind, band in _KINDS for region in INSIDE]
    + [_steady(region, kind, band) for kind, band in _KINDS for region in INSIDE]
    + [
        TrackCue(
            "flicker_brightness_skin_over_outer",
            brightness,
            region_look("skin"),
            Words(
                f"The flicker of the brightness of {REGION_WORDS['skin']}",
                f"against {REGION_WORDS['outer']}",
                scale="log amount",
            ),
        )
    ],
)
