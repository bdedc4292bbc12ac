"""What a training step costs, for each method at its defaults, on the shipped sample.

    python -m benchmarks.training [--steps 30] [--method quick96 ...] [--option KEY=VALUE ...] [--device auto]

CPU-seconds are those of the whole process, samples drawn ahead included. The first steps, in which memory is taken and
code is compiled, do not count. Where there is a CUDA GPU, its peak memory is printed too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

WARM_UP = 5


class Clock:
    """A listener that notes the time at each step of the training."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float, float]] = []

    def __call__(self, step: str, done: float, total: float | None, note: str = "") -> None:
        if step == "training":
            self.marks.append((done, time.perf_counter(), time.process_time()))

    def costs(self) -> tuple[float, float]:
        """Seconds and CPU-seconds a step, after the warm-up."""
        marks = self.marks[min(WARM_UP, len(self.marks) - 2) :]
        (first, wall, cpu), (last, wall_end, cpu_end) = marks[0], marks[-1]
        return (wall_end - wall) / (last - first), (cpu_end - cpu) / (last - first)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--method", action="append", help="only these; all that train by default")
    parser.add_argument("--option", action="append", metavar="KEY=VALUE")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args(arguments)
    from datasets.device import pick_device
    from datasets.extract import extract
    from datasets.provenance.consent import from_option
    from datasets.samples import sample_clips
    from datasets.workspace import create
    from synth.method import Budget, methods
    from synth.pipeline import ROLES

    source, destination = sample_clips()
    options: dict[str, Any] = dict(one.split("=", 1) for one in chosen.option or [])
    with tempfile.TemporaryDirectory() as scratch:
        consent = from_option("public-domain", source.name, destination.name)
        workspace = create(Path(scratch) / "workspace", source, destination, consent)
        for role in ROLES:
            extract(workspace.clip(role), workspace.faces(role))
        for name, kind in methods().items():
            if kind.trains and (chosen.method is None or name in chosen.method):
                budget = Budget(steps=max(3, chosen.steps))
                print(line_of(workspace, name, kind, options, pick_device(chosen.device), budget), flush=True)


def line_of(workspace: Any, name: str, kind: Any, options: dict[str, Any], device: str, budget: Any) -> str:
    """Train one method for a few steps, and what that cost."""
    import torch

    from synth.pipeline import ROLES, training_faces

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    clock = Clock()
    model = kind(seed=0, device=device, options=options or None)
    faces = [training_faces(workspace, role, model) for role in ROLES]
    card = model.fit(*faces, workspace.root / "bench" / name, budget, clock)
    wall, cpu = clock.costs()
    words = f"{name:10s} {wall:.3f} s/step, {cpu:.3f} CPU-s/step, {1 / wall:.2f} steps/s on {device}"
    if device == "cuda":
        words += f", {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB of GPU memory at most"
    batch = card.get("batch")
    return (
        words + (f", batch {batch} + {batch}" if batch else "") + f", {card.get('parameters', 0) / 1e6:.1f} M weights"
    )


if __name__ == "__main__":
    main()
