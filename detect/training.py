"""Training a detector: seeded, resumable, the same code on a CPU, a GPU and several.

It needs torch, timm, numpy, opencv and safetensors; with PyAV there, H.264 is among the degradations too. Mixed
precision and several devices go through Lightning Fabric, which is imported only then.
"""

from __future__ import annotations

import copy
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import refuse_overwrite, remove
from datasets.checkpoint import CARD
from datasets.device import pick_device, torch_threads
from datasets.ema import Ema
from datasets.errors import InputError, Interrupted
from datasets.hardware import Hardware, enough_memory
from datasets.progress import Progress, silent
from detect.detector import BuiltModel, build_model, forward, to_tensor
from detect.finish import finished
from detect.objective import heat_iou, pair_loss, rank_auc
from detect.optimisers import make_optimiser, sharpness_aware, uphill
from detect.recipe import Material, Recipe, RecipeSettings
from detect.recipes.paired import Batch, PairedRecipe, PairSample
from detect.trainsettings import TrainSettings as TrainSettings
from detect.unfinished import UNFINISHED, cut_curve, keep, take_up

METRICS = "metrics.jsonl"
WARM_UP, PACED = 3, 10
WORST_CASE, LEAST_STEPS = 1.5, 200
SAVE_SECONDS, REPORTS = 8.0, 30
STEEPEST = 5.0


def train(
    pairs: Sequence[PairSample],
    held_out: Sequence[PairSample],
    settings: TrainSettings,
    folder: Path,
    progress: Progress = silent,
    force: bool = False,
) -> Mapping[str, Any]:
    """Train the detector of one swap and its original on crops as they are; see :func:`train_recipe`.

    Args:
        pairs: what it learns from.
        held_out: of a later part of the clips; calibration, the limits of competence and the curve come from it. What
            is scored afterwards must be of neither.

    Raises:
        InputError: also for pairs that don't fit together.
    """
    _one_length(settings)
    refuse_overwrite(Path(folder) / CARD, force)
    drawn = RecipeSettings(batch=settings.batch, seed=settings.seed, strength="mild")
    recipe = PairedRecipe(Material(pairs=pairs, held_pairs=held_out), drawn)
    return train_recipe(recipe, settings, folder, progress, force)


def train_recipe(
    recipe: Recipe,
    settings: TrainSettings,
    folder: Path,
    progress: Progress = silent,
    force: bool = False,
) -> Mapping[str, Any]:
    """Train a detector into ``folder`` and return its card.

    Stopped at any moment, the same call goes on from the last save and ends with the same weights. ``metrics.jsonl``
    gets a line now and then: ``step``, ``seconds``, ``loss`` (of the batches since the line before), ``auc`` and, for
    a network with a heatmap, ``heat_iou`` (both on what is held out).

    Raises:
        InputError: a detector is there already, an unfinished training on other data, no such device or precision, or
            too little memory.
        Interrupted: Ctrl-C.
    """
    _one_length(settings)
    folder = Path(folder)
    refuse_overwrite(folder / CARD, force)
    hardware = Hardware(pick_device(settings.device), settings.precision, settings.devices)
    with torch_threads(settings.threads), enough_memory("What was saved last is kept."):
        run = _Run(recipe, settings, folder, hardware, silent if hardware.rank else progress, force)
        try:
            run.go()
            if hardware.rank:
                raise SystemExit(0)  # the first process has all there is to write
            card = run.finish()
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"Detector training was stopped; the same command goes on from step {run.saved} of {run.total or '?'}."
            ) from error
        finally:
            hardware.end_others()
    remove(folder / UNFINISHED)
    return card


def _one_length(settings: TrainSettings) -> None:
    if (settings.steps is None) == (settings.minutes is None):
        raise ValueError("give either steps or minutes")


class _Run:
    """One training from its first step, or from where it was saved, to its last."""

    def __init__(
        self, recipe: Recipe, settings: TrainSettings, folder: Path, hardware: Hardware, progress: Progress, force: bool
    ) -> None:
        import torch

        self.recipe, self.settings, self.folder = recipe, settings, folder
        self.hardware, self.device, self.progress = hardware, str(hardware.device), progress
        torch.manual_seed(settings.seed)
        self.built: BuiltModel = build_model(settings.model, settings.weights, **settings.options)
        self.module = self.built.module.to(self.device)
        hardware.share({"model": self.module})
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.optimiser = make_optimiser(settings.optimizer, self.module, settings.learning_rate, settings.weight_decay)
        self.ema = None if settings.ema is None else Ema(self.module, settings.ema)
        self.identity = {"data_sha256": recipe.fingerprint(), "settings": settings.identity()}
        self.step, self.saved, self.seconds = 0, 0, 0.0
        self.total = settings.steps
        self.resume(force)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def go(self) -> None:
        losses: list[float] = []
        held = self.recipe.held_out()
        began, last_save = time.monotonic() - self.seconds, time.monotonic()
        pace: list[float] = []
        workers = max(1, self.settings.workers)
        coming: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(workers) as ahead:
            while self.total is None or self.step < self.total:
                started = time.monotonic()
                while len(coming) < workers + 1:
                    coming.append(ahead.submit(self.recipe.batch, self.step + len(coming), self.hardware.rank))
                losses.append(self.learn(coming.popleft().result()))
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
                if self.late() and self.step >= LEAST_STEPS:
                    break
            for future in coming:
                future.cancel()

    def late(self) -> bool:
        """Whether far more time has gone by than was asked for; the first process says it for all."""
        if not self.settings.minutes:
            return False
        return bool(self.hardware.first(float(self.seconds > WORST_CASE * 60 * self.settings.minutes))[0])

    def plan(self, pace: list[float]) -> None:
        """Turn minutes into steps, once and for all, from the pace after a warm-up.

        On a machine that is busy with other things that would be too few to learn anything, hence the least number.
        """
        if len(pace) < WARM_UP + PACED or self.settings.minutes is None:
            return
        one = float(np.median(pace[WARM_UP:])) * 1.06  # the curve's own scoring is in it
        total = max(self.step + 1, LEAST_STEPS, int(60 * self.settings.minutes / one))
        self.total = int(self.hardware.first(float(total))[0])

    def rate(self) -> float:
        """Share of the learning rate at this step: a linear warm-up, then a half cosine."""
        warm = 20
        if self.step < warm:
            return (self.step + 1) / warm
        done = (self.step - warm) / max(1, self.total - warm) if self.total else 0.0
        return 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, done))))

    def learn(self, batch: Batch) -> float:
        """One step; the loss. An overflow of 16 bit changes no weight, and its scale adapts."""
        import torch

        torch.manual_seed(((self.settings.seed * 1_000_003 + self.step) * 1009 + self.hardware.rank) % 2**63)
        self.module.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * self.rate()
        images = to_tensor(batch.images, self.built.normalisation, self.device)
        masks = torch.from_numpy(batch.masks).to(self.device)
        value, fine = self.gradients(images, masks)
        if fine and sharpness_aware(self.settings.optimizer):
            with uphill(self.module):
                _, fine = self.gradients(images, masks)
        if fine:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), STEEPEST)
            self.optimiser.step()
            if self.ema is not None:
                self.ema.update(self.module, self.step + 1)
        return value

    def gradients(self, images: Any, masks: Any) -> tuple[float, bool]:
        """Leave a batch's gradients at the weights; the loss, and whether they may be used."""
        import torch

        self.optimiser.zero_grad(set_to_none=True)
        with self.hardware.autocast():
            loss = pair_loss(self.module(images), masks)
        self.hardware.scaled(loss).backward()
        self.hardware.average(self.parameters)
        self.hardware.unscale(self.optimiser)
        value, fine, overflow = float(loss.detach()), True, False
        if self.hardware.precision == "fp16":
            fine = all(bool(torch.isfinite(p.grad).all()) for p in self.parameters if p.grad is not None)
            overflow = self.hardware.settle(fine)
        if not np.isfinite(value) or not (fine or overflow):
            raise InputError("Detector training diverged; train it again with a smaller learning rate.")
        return value, fine

    def report(self, losses: list[float], held: Batch) -> None:
        """Append a line to the curve; the first process alone."""
        if self.hardware.rank:
            return
        logit, heat, _ = forward(self.shown(), held.images, self.built.normalisation, self.device)
        line = {
            "step": self.step,
            "seconds": round(self.seconds, 3),
            "loss": round(float(np.mean(losses)), 5),
            "auc": round(rank_auc(logit, held.labels), 5),
        }
        if heat is not None:
            line["heat_iou"] = round(heat_iou(heat, held), 4)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def shown(self) -> Any:
        """The network as it would be used: with the averaged weights where there are such."""
        if self.ema is None:
            return self.module
        averaged = copy.deepcopy(self.module)
        averaged.load_state_dict(self.ema.values)
        return averaged

    # -- stopping and going on ---------------------------------------------------------------------------------------

    def save(self) -> None:
        """Keep all that is needed to go on from here."""
        state = {"step": self.step, "total": self.total, "seconds": self.seconds, "scale": self.hardware.scale}
        if not self.hardware.rank:
            keep(self.folder, self.identity, state, self.module, self.optimiser, self.ema)
        self.saved = self.step

    def resume(self, force: bool) -> None:
        """Go on from an unfinished training in the folder, or clear what an older one left there."""
        state = take_up(self.folder, self.identity, self.module, self.optimiser, force, self.ema)
        self.step = self.saved = int(state.get("step", 0))
        self.total, self.seconds = state.get("total", self.total), float(state.get("seconds", 0.0))
        self.hardware.scale = state.get("scale", {})
        self.hardware.barrier()
        if not self.hardware.rank:
            cut_curve(self.folder / METRICS, self.step)

    def finish(self) -> Mapping[str, Any]:
        """Calibrate, measure the limits, write the detector."""
        self.save()
        self.progress("calibrating the detector", 0, 1)
        card = finished(
            self.shown(),
            self.built,
            self.recipe,
            self.settings,
            self.folder,
            self.device,
            self.identity,
            self.step,
            self.seconds,
        )
        self.progress("calibrating the detector", 1, 1)
        return card
