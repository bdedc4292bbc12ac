"""What the base is worth: steps and CPU-seconds from two fresh face sets to held-out SSIM .85, with it and without.

    python -m benchmarks.base [SOURCE DESTINATION ...] [--method quick96] [--steps 300] [--reach .85 .88 .9]

Clips come in pairs; without any: the shipped sample. Both people must have reached the figure. Asked: at most 530
CPU-seconds from nothing and 150 from the base, and a fifth of the steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--method", default="quick96")
    parser.add_argument("--steps", type=int, default=300, help="look for the figures up to this step")
    parser.add_argument("--reach", nargs="+", type=float, default=[0.85, 0.88, 0.9])
    options = parser.parse_args(arguments)
    from datasets.samples import sample_clips

    clips = options.clips or list(sample_clips())
    if len(clips) % 2:
        parser.error("clips come in pairs: SOURCE DESTINATION ...")
    with tempfile.TemporaryDirectory() as scratch:
        for source, destination in zip(clips[::2], clips[1::2], strict=True):
            pair(Path(scratch) / f"{source.stem}-{destination.stem}", source, destination, options)


def pair(root: Path, source: Path, destination: Path, options: argparse.Namespace) -> None:
    """Print the lines of one pair."""
    from datasets.extract import extract

    for role, clip in (("source", source), ("destination", destination)):
        extract(clip, root / role)
    print(f"{source.stem} and {destination.stem}, {options.method}:")
    found: dict[str, dict[float, int | None]] = {}
    for start in ("none", "base"):
        lines = curve(root, start, options)
        found[start] = {
            goal: next((line["step"] for line in lines if min(line["ssim"]) >= goal), None) for goal in options.reach
        }
        last = lines[-1]
        print(f"  from {start}: SSIM {last['ssim'][0]:.3f}/{last['ssim'][1]:.3f} at step {last['step']}", flush=True)
    for goal in options.reach:
        cold, warm = found["none"][goal], found["base"][goal]
        ratio = f", {(cold or options.steps) / warm:.1f} times{'' if cold else ' or more'} fewer" if warm else ""
        reached = f"{said(cold, options.steps)} from nothing, {said(warm, options.steps)} from the base"
        print(f"  SSIM {goal:.2f}: {reached}{ratio}")
    goal = options.reach[0]
    for start in ("none", "base"):
        if steps := found[start][goal]:
            cpu, ssim = cost(root, start, steps, options)
            print(f"  from {start}: {cpu:.0f} CPU-s from the face sets to step {steps}, SSIM {min(ssim):.3f} there")


def said(step: int | None, most: int) -> str:
    return f"step {step}" if step else f"not by step {most}"


def faces_of(root: Path, kind: Any) -> tuple[Any, ...]:
    from datasets.faceset import FaceSet, load_arrays

    return tuple(
        load_arrays(FaceSet(root / r), kind.size, kind.coverage, limit=3000) for r in ("source", "destination")
    )


def curve(root: Path, start: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Held-out SSIM of both people over the steps, measured all the time."""
    from synth.method import Budget, method_class
    from synth.training import read_metrics

    kind = type("Watched", (method_class(options.method),), {"measure_every": 0.0})
    kind.name = options.method
    folder = root / f"curve-{start}"
    kind(options={"from": start}).fit(*faces_of(root, kind), folder, Budget(steps=options.steps))
    lines = [line for line in read_metrics(folder) if "ssim_source" in line]
    return [{"step": line["step"], "ssim": (line["ssim_source"], line["ssim_destination"])} for line in lines]


def cost(root: Path, start: str, steps: int, options: argparse.Namespace) -> tuple[float, tuple[float, float]]:
    """CPU-seconds of one plain training of so many steps, loading and preparing included, and its SSIM."""
    from synth.method import Budget, method_class

    kind = method_class(options.method)
    before = time.process_time()
    card = kind(options={"from": start}).fit(*faces_of(root, kind), root / f"cost-{start}", Budget(steps=steps))
    held = card["heldout"]
    return time.process_time() - before, (held["source"]["ssim"], held["destination"]["ssim"])


if __name__ == "__main__":
    main()
