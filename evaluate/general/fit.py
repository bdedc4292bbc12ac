"""Fit the general detector's networks to a bank of faces; meant for a GPU, and runs on a CPU.

    python -m evaluate.general.fit copiers BANK -o FOLDER --steps N
    python -m evaluate.general.fit networks BANK -o FOLDER --copiers FOLDER --folds F --steps N

It needs torch, timm, numpy, opencv and safetensors. Every pair is drawn anew (``forge``), so none is seen twice. The
networks keep where they are beside what they write, and go on from there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.atomic import remove
from datasets.checkpoint import load_checkpoint, save_checkpoint
from datasets.device import pick_device
from datasets.ema import Ema
from datasets.errors import CounterfaceError, InputError
from detect.detector import build_model
from detect.objective import pair_loss, rank_auc
from detect.optimisers import make_optimiser
from detect.unfinished import UNFINISHED, keep, take_up
from evaluate.general.bank import FaceCanvases, folds_of, load_canvases
from evaluate.general.forge import copies
from evaluate.general.forge.forge import Drawn, Forge, joined

SIZE, COVERAGE = 224, 1.6
HELD_BATCHES = 24
WARM, LEAST = 150, 0.02
STEEPEST = 3.0
PACED = (10, 40)
SAVE_SECONDS = 60.0
PLAIN_LONGER = 1.6
COPIER, NETWORK = "face copier", "general network"


def pixels_of(bank: FaceCanvases, device: torch.device) -> torch.Tensor:
    """All canvases, uint8 (N, 3, S, S), on the device."""
    return torch.from_numpy(bank.canvases()).permute(0, 3, 1, 2).contiguous().to(device)


def fit_copiers(
    bank: FaceCanvases, folder: Path, steps: int, batch: int, seed: int, device: torch.device
) -> list[Mapping[str, Any]]:
    """Train one autoencoder of each shape, and keep each half way and at the end; returns their cards."""
    pixels, cards, data = pixels_of(bank, device), list[Mapping[str, Any]](), bank.fingerprint()
    rows = torch.from_numpy(np.flatnonzero((bank.native >= 150) & ~bank.grey)).to(device)
    if not len(rows):
        raise InputError("The bank holds no face in colour that is large enough to learn to copy.")
    for number, shape in enumerate(copies.SHAPES):
        torch.manual_seed(seed + number)
        generator = torch.Generator(device).manual_seed(seed + number)
        copier = copies.Copier(shape).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.AdamW(copier.parameters(), lr=6e-4, weight_decay=1e-4)
        began, last = time.monotonic(), steps if shape.spatial else round(PLAIN_LONGER * steps)
        for step in range(1, last + 1):
            chosen = rows[torch.randint(len(rows), (batch,), generator=generator, device=device)]
            optimiser.param_groups[0]["lr"] = 6e-4 * _rate(step, last, 50)
            loss = copies.learn_step(copier, pixels[chosen].float() / 255, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(copier.parameters(), 1.0)
            optimiser.step()
            if step in (last // 2, last):
                said = {
                    "kind": COPIER,
                    "shape": vars(shape),
                    "step": step,
                    "loss": float(loss.detach()),
                    "seed": seed + number,
                    "seconds": round(time.monotonic() - began, 1),
                    "data_sha256": data,
                }
                name = f"copier-{number}-{'half' if step < last else 'whole'}"
                save_checkpoint(folder / name, said, {k: v.half() for k, v in copier.state_dict().items()})
                cards.append(said)
                print(f"{name}: step {step}, loss {said['loss']:.4f}, {said['seconds']} s", flush=True)
    return cards


def load_copiers(folder: Path, device: torch.device) -> list[torch.nn.Module]:
    """The autoencoders of a folder. Raises InputError."""
    found = []
    for own in sorted(Path(folder).glob("copier-*")):
        card, tensors = load_checkpoint(own, COPIER)
        copier = copies.Copier(copies.CopyShape(**card["shape"]))
        copier.load_state_dict({k: v.float() for k, v in tensors.items()})
        found.append(copier.to(device, memory_format=torch.channels_last).eval())  # type: ignore[call-overload]
    if not found:
        raise InputError(f"There are no copiers in {folder}; make them with python -m evaluate.general.fit copiers.")
    return found


@dataclass
class _Learner:
    """One network on its way: it learns from every pool of people but its own."""

    pool: int
    module: torch.nn.Module
    optimiser: torch.optim.Optimizer
    ema: Ema
    folder: Path

    def learn(self, drawn: Drawn, normal: Callable[[torch.Tensor], torch.Tensor], rate: float) -> torch.Tensor:
        """One step; the loss, which stays on the device."""
        self.optimiser.param_groups[0]["lr"] = rate
        images = normal(drawn.images)
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=images.device.type == "cuda"):
            out = self.module(images)
        loss = pair_loss(out, drawn.masks)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), STEEPEST)
        self.optimiser.step()
        return loss.detach()


def fit_networks(options: argparse.Namespace, bank: FaceCanvases, device: torch.device) -> list[Mapping[str, Any]]:
    """Train one network for each fold of the people, side by side on the same pairs; returns their cards.

    Every group of pairs is of one fold's people alone, targets and donors, and each network learns from the groups of
    the other folds: making a pair costs as much as learning from it.
    """
    if (options.steps is None) == (options.seconds is None):
        raise InputError("Say how long to train: --steps or --seconds, one of them.")
    if options.folds < 2:
        raise InputError("Two folds of people are the least there can be.")
    pool = folds_of(bank.person, options.folds)
    copiers = load_copiers(options.copiers, device) if options.copiers else []
    forge = Forge(bank, pool, device, SIZE, COVERAGE, pixels_of(bank, device), copiers)
    settings = {k: str(v) for k, v in sorted(vars(options).items()) if k != "output"}
    identity = {"data": bank.fingerprint(), "settings": settings}
    learners, done, steps = [], set[int](), options.steps
    for k in range(options.folds):
        torch.manual_seed(options.seed + k)
        built = build_model("timm_heatmap", options.weights, backbone=options.backbone, stride=4, width=options.width)
        module = built.module.to(device).train()
        optimiser = make_optimiser("adamw", module, options.rate, options.decay)
        learner = _Learner(k, module, optimiser, Ema(module, options.ema), options.output / f"fold-{k}")
        kept = take_up(learner.folder, identity, module, optimiser, False, learner.ema)
        learners.append(learner)
        done, steps = done | {int(kept.get("step", 0))}, kept.get("steps", steps)
    if len(done) > 1:
        raise InputError(f"The folds in {options.output} stopped at different steps: begin anew in another folder.")
    first = 1 + done.pop()
    mean, std = (torch.tensor(built.normalisation[k], device=device).view(1, 3, 1, 1) for k in ("mean", "std"))

    def normal(images: torch.Tensor) -> torch.Tensor:
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)

    began = saved = paced = time.monotonic()
    total, curve, step = torch.zeros(options.folds, device=device), list[dict[str, Any]](), first - 1
    while steps is None or step < steps:
        step += 1
        if step in (first + PACED[0], first + PACED[1]) and device.type == "cuda":
            torch.cuda.synchronize(device)
        if step == first + PACED[0]:
            paced = time.monotonic()
        if steps is None and step == first + PACED[1]:
            # One pace, measured once: the learning rate has to know where it ends.
            pace = (time.monotonic() - paced) / (PACED[1] - PACED[0])
            steps = step + max(WARM, int((options.seconds - (time.monotonic() - began)) / pace))
            print(f"{pace:.4f} s a step, {steps} steps", flush=True)
        parts = [forge.group(options.batch, (options.seed, step, k), k) for k in range(options.folds)]
        rate = options.rate * _rate(step, steps or 10**9, WARM)
        for k, learner in enumerate(learners):
            own = joined([part for j, part in enumerate(parts) if j != k])
            total[k] += learner.learn(own, normal, rate)
            learner.ema.update(learner.module, step)
        every = max(1, (steps or 10**9) // options.reports)
        if step % every == 0 or step == steps:
            losses = (total / (step - (curve[-1]["step"] if curve else first - 1))).tolist()
            total.zero_()
            if not np.isfinite(losses).all():
                raise InputError("The training diverged; try a smaller --rate.")
            seconds = round(time.monotonic() - began, 1)
            curve.append({"step": step, "loss": [round(v, 4) for v in losses], "seconds": seconds})
            print(curve[-1], flush=True)
        if time.monotonic() - saved > SAVE_SECONDS and not options.no_state:
            saved = time.monotonic()
            for one in learners:
                keep(one.folder, identity, {"step": step, "steps": steps}, one.module, one.optimiser, one.ema)
    seconds = time.monotonic() - began
    cards: list[Mapping[str, Any]] = []
    for learner in learners:
        learner.module.load_state_dict(learner.ema.values)
        own = pool == learner.pool
        said = {
            "kind": NETWORK,
            "architecture": {"name": "timm_heatmap", "options": dict(built.options)},
            "normalisation": dict(built.normalisation),
            "initial_weights": built.initial_weights,
            "size": SIZE,
            "coverage": COVERAGE,
            "fold": learner.pool,
            "folds": options.folds,
            "faces": {"training": int((~own).sum()), "held_out": int(own.sum())},
            "people": {
                "training": len(np.unique(bank.person[~own])),
                "held_out": sorted(np.unique(bank.person[own]).tolist()),
            },
            "step": step,
            "pairs_seen": step * options.batch * (options.folds - 1),
            "rate": options.rate,
            "seed": options.seed,
            "seconds": round(seconds, 1),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            "precision": "bf16" if device.type == "cuda" else "fp32",
            "data_sha256": identity["data"],
            "copiers": len(copiers),
            "curve": [{**line, "loss": line["loss"][learner.pool]} for line in curve],
            "held_out": held_figures(learner, forge, options, normal),
        }
        save_checkpoint(learner.folder, said, learner.module.state_dict())
        remove(learner.folder / UNFINISHED)
        print(f"fold {learner.pool}: {said['held_out']}", flush=True)
        cards.append(said)
    return cards


@torch.no_grad()
def held_figures(
    learner: _Learner, forge: Forge, options: argparse.Namespace, normal: Callable[[torch.Tensor], torch.Tensor]
) -> dict[str, float]:
    """AUC over drawn pairs of people who were held out, in all and by kind; share of pairs in order."""
    learner.module.eval()
    fake, real, kinds = [], [], list[str]()
    for number in range(options.held):
        drawn = forge.group(options.batch, (987_654_321, number), learner.pool)
        logit = learner.module(normal(drawn.images)).logit.float().cpu().numpy()
        fake.append(logit[: len(drawn.kinds)])
        real.append(logit[len(drawn.kinds) :])
        kinds += drawn.kinds
    f, r, k = np.concatenate(fake), np.concatenate(real), np.array(kinds)

    def auc(rows: np.ndarray) -> float:
        return round(rank_auc(np.concatenate([f[rows], r[rows]]), np.repeat([1, 0], int(rows.sum()))), 4)

    every = np.ones(len(f), bool)
    return {
        "auc": auc(every),
        "paired": round(float((f > r).mean()), 4),
        **{f"auc_{name}": auc(k == name) for name in np.unique(k).tolist()},
    }


def _rate(step: int, steps: int, warm: int) -> float:
    if step < warm:
        return step / warm
    return LEAST + (1 - LEAST) * 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - warm) / max(1, steps - warm)))))


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of one of the two commands."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluate.general.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, dest="command")
    for name in ("copiers", "networks"):
        command = commands.add_parser(name)
        command.add_argument("bank", type=Path)
        command.add_argument("-o", "--output", type=Path, required=True)
        command.add_argument("--steps", type=int, required=name == "copiers")
        command.add_argument("--batch", type=int, default=32, help="pictures, or pairs of each fold")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--device", default="auto")
    command.add_argument("--seconds", type=float, help="in place of --steps: as many as fit into this time")
    command.add_argument("--copiers", type=Path)
    command.add_argument("--folds", type=int, default=3)
    command.add_argument("--backbone", default="tf_efficientnet_lite0")
    command.add_argument("--weights", default="imagenet")
    command.add_argument("--width", type=int, default=32)
    command.add_argument("--rate", type=float, default=8e-4)
    command.add_argument("--decay", type=float, default=0.02)
    command.add_argument("--ema", type=float, default=0.998)
    command.add_argument("--held", type=int, default=HELD_BATCHES, help="batches that the figures are of")
    command.add_argument("--reports", type=int, default=20)
    command.add_argument("--no-state", action="store_true", help="keep nothing to go on from")
    return parser.parse_args(arguments)


def run(arguments: Sequence[str] | None = None) -> None:
    """One of the two commands. Raises InputError."""
    options = parsed(arguments)
    device = torch.device(pick_device(options.device))
    bank = load_canvases(options.bank)
    if options.command == "copiers":
        fit_copiers(bank, options.output, options.steps, options.batch, options.seed, device)
    else:
        fit_networks(options, bank, device)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    try:
        run(arguments)
    except CounterfaceError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
