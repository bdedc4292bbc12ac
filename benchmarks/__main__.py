"""Run every benchmark, one after the other, on the shipped sample.

python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys

SCRIPTS = (
    "startup",
    "demo",
    "extraction",
    "smoothing",
    "reconstruction",
    "base",
    "training",
    "fidelity",
    "selfblend",
    "merging",
    "detection",
    "watermark",
    "markcode",
    "metrics",
    "evaluation",
    "leaks",
    "factoryscale",
)


def main() -> None:
    for name in SCRIPTS:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
