"""Pretrain a base for ``quick96``: its encoder, inter and decoder, on many people at once.

    python -m synth.pretrain OUT --clips CLIP... --pictures FOLDER... --basis research --reference TEXT --minutes 60

One decoder serves everyone: who a face belongs to comes from the likeness that is given to it, so what it learns (what
lids, lips, light and turned heads do to a face at rest) holds for people it never saw. A swap model that starts from
the base has it for both of its decoders.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.checkpoint import save_checkpoint
from datasets.device import pick_device, torch_threads
from datasets.errors import CounterfaceError, Refused
from datasets.progress import Progress, silent
from synth.crops import face_ssim, network_input, to_tensor
from synth.losses import dssim, gaussian_window
from synth.method import Budget
from synth.networks import Decoder, Encoder, Inter
from synth.pretrain_faces import Person, people
from synth.training import Run, Schedule
from synth.warp import jitter_colour, training_sample

SIZE, COVERAGE = 96, 1.4
MOST_FACES = 220
PEOPLE_A_STEP, FACES_EACH = 6, 4
# How often a step's people come from clips: their frames show one light and every expression.
FROM_CLIPS = 0.65
BASES = ("self", "written", "public-domain", "synthetic", "research")
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Universal(nn.Module):
    """``synth.networks.Autoencoder`` with a single decoder for everyone."""

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        self.encoder, self.inter, self.decoder = Encoder(size), Inter(size), Decoder()

    def forward(self, x: Tensor, likeness: Tensor) -> tuple[Tensor, Tensor]:
        return self.decoder(self.inter(self.encoder(x)), likeness)


def draw(rng: np.random.Generator, groups: dict[str, list[Person]], warp: float) -> Batch:
    """One batch: a few people, a few faces of each; warped input, truth with hull, eyes and mouth, likeness."""
    made = []
    for _ in range(PEOPLE_A_STEP):
        kind = "clip" if rng.random() < FROM_CLIPS else "pictures"
        group = groups[kind] or groups["pictures" if kind == "clip" else "clip"]
        person = group[rng.integers(len(group))]
        for i in rng.integers(len(person), size=FACES_EACH):
            planes = (person.pictures[i], person.details[i], person.alike[i])
            flip = rng.random() < 0.5
            if flip:
                planes = tuple(np.ascontiguousarray(plane[:, ::-1]) for plane in planes)  # type: ignore[assignment]
            made.append(training_sample(rng, planes, warp, 1.0))
    x, y = to_tensor(np.stack([m[0] for m in made])), to_tensor(np.stack([m[1][0] for m in made]))
    detail = to_tensor(np.stack([m[1][1] for m in made])[..., None])
    alike = to_tensor(np.stack([m[1][2] for m in made]))
    gain, offset = (torch.from_numpy(a)[..., None, None] for a in jitter_colour(rng, len(made)))
    x[:, :3] = (x[:, :3] * gain + offset).clamp(0, 1)
    return x, y, detail, alike


def loss_of(model: Universal, batch: Batch, device: str) -> tuple[Tensor, dict[str, float]]:
    """The loss of ``quick96``, for everyone alike."""
    x, truth, detail, alike = (t.to(device) for t in batch)
    face, mask = model(network_input(x), alike)
    hull, truth = truth[:, 3:], truth[:, :3]
    error = face - truth
    loss = (
        10 * dssim(face * hull, truth * hull, gaussian_window(9, 1.5))
        + 10 * (error.square() * hull).mean()
        + 10 * (mask - hull).square().mean()
        + 10 * (error.abs() * detail).mean()
    )
    return loss, {}


@torch.no_grad()
def unseen_ssim(model: Universal, held: list[Person], device: str) -> dict[str, float]:
    """Mean SSIM over people that were not trained on: of the base, and of the likeness alone."""
    made, plain = [], []
    for person in held:
        some = slice(None, None, max(1, len(person) // 24))
        x, alike = to_tensor(person.pictures[some]).to(device), to_tensor(person.alike[some]).to(device)
        face, _ = model(network_input(x), alike)
        made.append(face_ssim(face, x[:, :3], x[:, 3:]))
        plain.append(face_ssim(alike[:, :3], x[:, :3], x[:, 3:]))
    return {"ssim_unseen": float(np.mean(made)), "ssim_likeness": float(np.mean(plain))}


def pretrain(
    clips: list[Path],
    folders: list[Path],
    folder: Path,
    work: Path,
    budget: Budget,
    ground: dict[str, str],
    held_out: int = 2,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Pretrain in ``work`` and write the base to ``folder``; returns its card. Stopped, it goes on.

    Args:
        clips, folders: the material (``synth.pretrain_faces``).
        ground: the consent record that covers it: basis, who, reference.
        held_out: so many of the clips, the last ones, are only measured on.

    Raises:
        Refused: ``ground`` names no basis. InputError: nobody to train on. Interrupted: Ctrl-C; the call goes on.
    """
    if ground.get("basis") not in BASES or not ground.get("reference"):
        raise Refused(f"Pretraining uses people's faces and needs --basis ({', '.join(BASES)}) and --reference.")
    device = pick_device(device)
    everyone, counts = people(clips, folders, work / "people", 2 * SIZE, COVERAGE, MOST_FACES, progress)
    in_clips = [person for person in everyone if person.kind == "clip"]
    held = in_clips[len(in_clips) - held_out :] if held_out else []
    hidden = {id(person) for person in held}
    groups = {k: [p for p in everyone if p.kind == k and id(p) not in hidden] for k in ("clip", "pictures")}
    torch.manual_seed(seed)
    model, shown = (Universal().to(device, memory_format=torch.channels_last) for _ in range(2))  # type: ignore[call-overload]
    identity = {"method": "base of quick96", "seed": seed, "people": len(everyone)}
    schedule = Schedule(rate=1e-3, fall=0.6, unwarp=0.25)
    run = Run(model, work / "run", identity, schedule)

    def batches(first: int, part: Callable[[int], float]) -> Iterator[Batch]:
        step = first
        while True:
            yield draw(np.random.default_rng([seed, step]), groups, schedule.warp(part(step)))
            step += 1

    def measure() -> dict[str, float]:
        shown.load_state_dict(run.ema.values)
        return unseen_ssim(shown.eval(), held, device) if held else {}

    with torch_threads():
        run.train(batches, lambda b: loss_of(model, b, device), budget, progress, measure, None, 60.0, 120.0)
    figures = measure()
    card = {
        "kind": "base",
        "version": 1,
        "name": "quick96",
        "method": "quick96",
        "architecture": "encoder, inter and one decoder for everyone; see synth.networks",
        "parameters": sum(p.numel() for p in model.parameters()),
        "network_size": SIZE,
        "coverage": COVERAGE,
        "stored": "float16",
        "step": run.state.step,
        "seconds": round(run.state.seconds, 1),
        "seed": seed,
        "batch": PEOPLE_A_STEP * FACES_EACH,
        "device": device,
        "data": counts | {"held out": f"{len(held)} of the people in clips, measured on only"},
        "consent": ground,
        "quality": {
            "measure": "SSIM at 96 px over the hull, of people in clips that were not trained on",
            "base": round(figures.get("ssim_unseen", float("nan")), 4),
            "likeness alone": round(figures.get("ssim_likeness", float("nan")), 4),
        },
    }
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in run.ema.values.items()}
    save_checkpoint(folder, card, tensors)
    return card


def lines(every: float = 20.0) -> Progress:
    """Progress as plain lines, one every so many seconds."""
    last = 0.0

    def say(step: str, done: float, total: float | None, note: str = "") -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            print(f"{step}: {done:.0f}" + (f" of {total:.0f}" if total else "") + f" {note}", flush=True)

    return say


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder of the base: card.json and weights.safetensors")
    parser.add_argument("--clips", nargs="*", type=Path, default=[], help="clips of one person each")
    parser.add_argument("--pictures", nargs="*", type=Path, default=[], help="folders of pictures, grouped by person")
    parser.add_argument("--work", type=Path, default=Path("pretraining"), help="where state is kept between runs")
    parser.add_argument("--basis", default="", help=f"ground to use the faces: {', '.join(BASES)}")
    parser.add_argument("--reference", default="", help="what that ground is")
    parser.add_argument("--held-out", type=int, default=2, help="so many of the clips are only measured on")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    o = parser.parse_args(arguments)
    try:
        card = pretrain(
            o.clips,
            o.pictures,
            o.output,
            o.work,
            Budget(minutes=o.minutes),
            {"basis": o.basis, "reference": o.reference},
            o.held_out,
            o.seed,
            o.device,
            lines(),
        )
    except CounterfaceError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"{card['step']} steps in {card['seconds']:.0f} s: {card['quality']}")


if __name__ == "__main__":
    main()
