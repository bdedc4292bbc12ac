"""Training a detector on pairs of a swap and its original: seeded, resumable, the same code on a CPU and a GPU.

It needs torch, timm, numpy, opencv and safetensors; with PyAV there, H.264 is among the degradations too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import refuse_overwrite, remove
from datasets.checkpoint import CARD
from datasets.device import torch_threads
from datasets.errors import InputError, Interrupted
from datasets.progress import Progress, silent
from detect.calibration import fit_platt
from detect.competence import Competence, fit_competence
from detect.detector import VERSION, BuiltModel, build_model, forward, pick_device, save_detector, to_tensor
from detect.objective import heat_iou, pair_loss, rank_auc
from detect.recipes.degrade import h264_available
from detect.recipes.paired import Batch, PairSample, check_pairs, data_hash, paired_batch, plain_batch
from detect.unfinished import UNFINISHED, cut_curve, keep, take_up

METRICS = "metrics.jsonl"
WARM_UP, PACED = 3, 10
WORST_CASE, LEAST_STEPS = 1.5, 200
SAVE_SECONDS, REPORTS, REFERENCE_PAIRS = 8.0, 30, 100


@dataclass(frozen=True)
class TrainSettings:
    """How a detector is trained.

    Attributes:
        model, options: the architecture, see :func:`detect.detector.build_model`.
        weights: ``scratch`` or ``imagenet``.
        coverage: crop coverage that the pairs were aligned with, a name or a number, for the card.
        steps, minutes: how long; one of the two. Minutes become a number of steps once the pace is known, at least
            ``LEAST_STEPS``.
        batch: pairs a step (twice as many images).
        learning_rate, weight_decay: of AdamW; the rate warms up and falls on a half cosine.
        seed: everything random comes from it.
        threads: of torch; one a core when None.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        name: what the detector is called in scores.
        scope: what it may be asked about, ``{"kind": "pair"}`` for one swap and its original.
        trained_on: the same in words, for people.
    """

    model: str = "timm_heatmap"
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str = "scratch"
    coverage: str | float = "full"
    steps: int | None = None
    minutes: float | None = None
    batch: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    seed: int = 0
    threads: int | None = None
    device: str = "auto"
    name: str = "pair"
    scope: Mapping[str, Any] = field(default_factory=lambda: {"kind": "pair"})
    trained_on: str = "one swap and its own original"


def train(
    pairs: Sequence[PairSample],
    held_out: Sequence[PairSample],
    settings: TrainSettings,
    folder: Path,
    progress: Progress = silent,
    force: bool = False,
) -> Mapping[str, Any]:
    """Train a detector into ``folder`` and return its card.

    Stopped at any moment, the same call goes on from the last save and ends with the same weights. ``metrics.jsonl``
    gets a line now and then: ``step``, ``seconds``, ``loss`` (of the batches since the line before), ``auc`` and
    ``heat_iou`` (both on the held-out pairs).

    Args:
        pairs: what it learns from.
        held_out: of a later part of the clips; calibration, the limits of competence and the curve come from it. What
            is scored afterwards must be of neither.

    Raises:
        InputError: pairs that don't fit together, a detector is there already, or an unfinished training on other data.
        Interrupted: Ctrl-C.
    """
    if (settings.steps is None) == (settings.minutes is None):
        raise ValueError("give either steps or minutes")
    folder = Path(folder)
    refuse_overwrite(folder / CARD, force)
    size = check_pairs([*pairs, *held_out])
    if not pairs or not held_out:
        raise InputError("A detector needs pairs to train on and later ones to be calibrated on.")
    device = pick_device(settings.device)
    with torch_threads(settings.threads):
        run = _Run(pairs, held_out, settings, folder, size, device, progress, force)
        try:
            run.go()
            card = run.finish()
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"Detector training was stopped; the same command goes on from step {run.saved} of {run.total or '?'}."
            ) from error
    remove(folder / UNFINISHED)
    return card


class _Run:
    """One training from its first step, or from where it was saved, to its last."""

    def __init__(
        self,
        pairs: Sequence[PairSample],
        held_out: Sequence[PairSample],
        settings: TrainSettings,
        folder: Path,
        size: int,
        device: str,
        progress: Progress,
        force: bool,
    ) -> None:
        import torch

        self.pairs, self.held_out, self.settings, self.folder = pairs, held_out, settings, folder
        self.size, self.device, self.progress = size, device, progress
        self.h264 = h264_available() and size % 2 == 0
        torch.manual_seed(settings.seed)
        self.built: BuiltModel = build_model(settings.model, settings.weights, **settings.options)
        self.module = self.built.module.to(device)
        self.optimiser = torch.optim.AdamW(
            self.module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.identity = {
            "data_sha256": data_hash([*pairs, *held_out]),
            "settings": {k: v for k, v in asdict(settings).items() if k not in ("threads", "device")},
        }
        self.step, self.saved, self.seconds = 0, 0, 0.0
        self.total = settings.steps
        self.resume(force)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def go(self) -> None:
        losses: list[float] = []
        held = plain_batch(self.held_out)
        began, last_save = time.monotonic() - self.seconds, time.monotonic()
        pace: list[float] = []
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self.batch, self.step)
            while self.total is None or self.step < self.total:
                started = time.monotonic()
                batch = coming.result()
                coming = ahead.submit(self.batch, self.step + 1)
                losses.append(self.learn(batch))
                self.step += 1
                self.seconds = time.monotonic() - began
                if self.total is None:
                    pace.append(time.monotonic() - started)
                    self.plan(pace)
                if self.total and (self.step % max(1, self.total // REPORTS) == 0 or self.step == self.total):
                    self.report(losses, held)
                    losses.clear()
                self.progress(
                    "training the detector", self.step, self.total, f"loss {losses[-1]:.3f}" if losses else ""
                )
                if time.monotonic() - last_save > SAVE_SECONDS:
                    self.save()
                    last_save = time.monotonic()
                late = self.settings.minutes and self.seconds > WORST_CASE * 60 * self.settings.minutes
                if late and self.step >= LEAST_STEPS:
                    break

    def plan(self, pace: list[float]) -> None:
        """Turn minutes into steps, once and for all, from the pace after a warm-up.

        On a machine that is busy with other things that would be too few to learn anything, hence the least number.
        """
        if len(pace) < WARM_UP + PACED or self.settings.minutes is None:
            return
        one = float(np.median(pace[WARM_UP:])) * 1.06  # the curve's own scoring is in it
        self.total = max(self.step + 1, LEAST_STEPS, int(60 * self.settings.minutes / one))

    def batch(self, step: int) -> Batch:
        """The batch of a step: a function of the seed and the step alone."""
        rng = np.random.default_rng((self.settings.seed, step))
        count = min(self.settings.batch, len(self.pairs))
        chosen = rng.choice(len(self.pairs), count, replace=False)
        return paired_batch([self.pairs[i] for i in chosen], rng, self.h264)

    def rate(self) -> float:
        """Share of the learning rate at this step: a linear warm-up, then a half cosine."""
        warm = 20
        if self.step < warm:
            return (self.step + 1) / warm
        done = (self.step - warm) / max(1, self.total - warm) if self.total else 0.0
        return 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, done))))

    def learn(self, batch: Batch) -> float:
        import torch

        self.module.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * self.rate()
        out = self.module(to_tensor(batch.images, self.built.normalisation, self.device))
        loss = pair_loss(out, torch.from_numpy(batch.masks).to(self.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 5.0)
        self.optimiser.step()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise InputError("Detector training diverged; train it again with a smaller learning rate.")
        return value

    def report(self, losses: list[float], held: Batch) -> None:
        """Append a line to the curve."""
        logit, heat, _ = forward(self.module, held.images, self.built.normalisation, self.device)
        line = {
            "step": self.step,
            "seconds": round(self.seconds, 3),
            "loss": round(float(np.mean(losses)), 5),
            "auc": round(rank_auc(logit, held.labels), 5),
            "heat_iou": round(heat_iou(heat, held), 4),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    # -- stopping and going on ---------------------------------------------------------------------------------------

    def save(self) -> None:
        """Keep all that is needed to go on from here."""
        state = {"step": self.step, "total": self.total, "seconds": self.seconds}
        keep(self.folder, self.identity, state, self.module, self.optimiser)
        self.saved = self.step

    def resume(self, force: bool) -> None:
        """Go on from an unfinished training in the folder, or clear what an older one left there."""
        state = take_up(self.folder, self.identity, self.module, self.optimiser, force)
        self.step = self.saved = int(state.get("step", 0))
        self.total, self.seconds = state.get("total", self.total), float(state.get("seconds", 0.0))
        cut_curve(self.folder / METRICS, self.step)

    # -- the end -----------------------------------------------------------------------------------------------------

    def finish(self) -> Mapping[str, Any]:
        """Calibrate, measure the limits, write the detector."""
        self.save()
        self.progress("calibrating the detector", 0, 1)
        rng = np.random.default_rng((self.settings.seed, 2**31))
        held = [plain_batch(self.held_out)] + [paired_batch(self.held_out, rng, self.h264) for _ in range(2)]
        some = self.pairs[:: -(-len(self.pairs) // REFERENCE_PAIRS)]
        seen = [plain_batch(some)] + [paired_batch(some, rng, self.h264) for _ in range(2)]
        scored = [forward(self.module, b.images, self.built.normalisation, self.device) for b in held]
        # As they are counts twice: clips are scored as they are more often than they are scored badly degraded.
        weighed = [0, *range(len(held))]
        logit = np.concatenate([scored[i][0] for i in weighed])
        label = np.concatenate([held[i].labels for i in weighed])
        features = [forward(self.module, b.images, self.built.normalisation, self.device)[2] for b in seen]
        competence: Competence = fit_competence(
            np.concatenate(features),
            np.concatenate([s[2] for s in scored]),
            held[0].images,
            np.array([pair.width for pair in [*self.pairs, *self.held_out]]),
        )
        card = {
            "name": self.settings.name,
            "version": VERSION,
            "architecture": {"name": self.settings.model, "options": dict(self.built.options)},
            "input": {
                "size": self.size,
                "coverage": self.settings.coverage,
                "alignment": "similarity to the mean face, see datasets.faces.align",
                "normalisation": dict(self.built.normalisation),
            },
            "initial_weights": self.built.initial_weights,
            "parameters": sum(p.numel() for p in self.module.parameters()),
            "recipe": "paired",
            "codecs": ["h264", "jpeg", "none"] if self.h264 else ["jpeg", "none"],
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "seed": self.settings.seed,
            "data_sha256": self.identity["data_sha256"],
            "settings": self.identity["settings"],
            "calibration": fit_platt(logit, label).to_card(),
            "calibrated_on": _words(self.held_out),
            "trained_on": self.settings.trained_on,
            "pairs": {"training": len(self.pairs), "held_out": len(self.held_out)},
            "scope": dict(self.settings.scope),
            "held_out": {
                "auc": rank_auc(scored[0][0], held[0].labels),
                "auc_degraded": rank_auc(
                    np.concatenate([s[0] for s in scored[1:]]), np.concatenate([b.labels for b in held[1:]])
                ),
                "heat_iou": heat_iou(scored[0][1], held[0]),
            },
        }
        saved = save_detector(self.folder, self.module, card, competence)
        self.progress("calibrating the detector", 1, 1)
        return saved


def _words(held_out: Sequence[PairSample]) -> str:
    times = [pair.time for pair in held_out]
    clips = sorted({pair.clip for pair in held_out})
    named = clips[0] if len(clips) == 1 else f"{len(clips)} clips"
    return (
        f"{len(held_out)} held-out pairs of {named}, {min(times):.1f} to {max(times):.1f} s, as they are and degraded"
    )
