"""Peak resident memory of a step, measured in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path


def peak() -> float:
    """Peak resident memory of this process so far, MB.

    Where the kernel says it, it is that of this program alone: what ``getrusage`` gives is never less than what the
    parent had when it started this process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak_of(code: str) -> float:
    """Run Python code in a new process; its peak resident memory, MB."""
    code = f"{code}\nfrom benchmarks.memory import peak; print(peak())"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])
