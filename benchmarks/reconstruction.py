"""Held-out SSIM of ``quick96`` over its training: face region, frames that were not trained on.

    python -m benchmarks.reconstruction [SOURCE DESTINATION] [--minutes 2]

Without clips: the shipped sample.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    options = parser.parse_args(arguments)
    from datasets.extract import extract
    from datasets.provenance.consent import from_option
    from datasets.samples import sample_clips
    from datasets.workspace import create
    from synth.method import Budget
    from synth.pipeline import ROLES, train
    from synth.training import read_metrics

    source, destination = options.clips or sample_clips()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = create(
            Path(scratch) / "workspace", source, destination, from_option("research", source.name, destination.name)
        )
        for role in ROLES:
            extract(workspace.clip(role), workspace.faces(role))
        before = time.process_time()
        card = train(workspace, "quick96", Budget(minutes=options.minutes))
        cpu = time.process_time() - before
        print(f"{source.name} to {destination.name}, {card['threads']} threads, {card['gmac']:.3f} GMAC a picture")
        for line in read_metrics(workspace.model("quick96")):
            if "ssim_source" in line:
                print(
                    f"{line['seconds']:6.0f} s, {line['step']:5d} steps: "
                    f"SSIM {line['ssim_source']:.3f} (source), {line['ssim_destination']:.3f} (destination)"
                )
        print(f"{card['step'] / card['seconds']:.2f} steps/s, {cpu:.0f} CPU-seconds in all")


if __name__ == "__main__":
    main()
