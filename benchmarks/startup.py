"""Seconds that ``counterface --help`` takes, as a whole process.

python -m benchmarks.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    command = [str(Path(sys.executable).with_name("counterface")), "--help"]
    subprocess.run(command, check=True, capture_output=True)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    print(f"counterface --help: {statistics.median(taken):.2f} s (median of 5)")


if __name__ == "__main__":
    main()
