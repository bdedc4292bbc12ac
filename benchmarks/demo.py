"""Wall time and peak memory of ``counterface demo``, as a whole process in an empty home.

python -m benchmarks.demo
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    command = str(Path(sys.executable).with_name("counterface"))
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch) / "demo"
        start = time.perf_counter()
        environment = os.environ | {"COUNTERFACE_HOME": str(Path(scratch) / "home")}
        subprocess.run([command, "demo", "-o", str(workspace), "--quiet"], check=True, env=environment)
        minutes = (time.perf_counter() - start) / 60
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        card = json.loads((workspace / "model" / "quick96" / "card.json").read_text(encoding="utf-8"))
        score = json.loads((workspace / "result" / "detectability.json").read_text(encoding="utf-8"))
        held = card["heldout"]
        print(f"counterface demo: {minutes:.1f} min, {peak:.2f} GiB at most, sample clips made on the way")
        print(f"held-out SSIM: {held['source']['ssim']:.3f} (source), {held['destination']['ssim']:.3f} (destination)")
        low, high = score["interval"]
        print(
            f"detectability {score['detectability']:.2f} ({low:.2f} to {high:.2f}): swap {score['fake']:.2f}, "
            f"original {score['original']:.2f}; heatmap IoU {score['heatmap_iou']:.2f}"
        )


if __name__ == "__main__":
    main()
