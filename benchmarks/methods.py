"""How good the swaps of each method are: means of what ``counterface evaluate swap`` measures, over workspaces.

    python -m benchmarks.methods FOLDER [--frames 60] [--keep FILE]

FOLDER holds workspaces with results (``python -m benchmarks.detectors ownset`` makes some). Identity is measured where
the identity network is on this machine (``counterface weights``). Each swap's figures are kept in a file of JSON lines:
a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import CounterfaceError, InputError

IDENTITY = ("nearer", "to_source", "to_destination", "original_to_source")
SHOWN = ("pose", "gaze", "eyes", "mouth", "landmarks", "flicker", "sharpness", "seam", "ssim_outside", "colour_outside")


def measure(options: argparse.Namespace) -> None:
    """Measure what is not kept yet, and print the means of each method."""
    from evaluate.clipset import method_of, results_in
    from evaluate.likeness import identity_network
    from evaluate.swapquality import workspace_figures

    workspaces, embedding = results_in([options.folder]), identity_network()
    if not workspaces:
        raise InputError(f"There are no workspaces with a result in {options.folder}.")
    keep = options.keep or options.folder / "quality.jsonl"
    known = {}
    if keep.is_file():
        known = {line["swap"]: line for line in map(json.loads, keep.read_text(encoding="utf-8").splitlines())}
    for number, workspace in enumerate(workspaces, 1):
        print(f"\r{number} of {len(workspaces)}", end="", file=sys.stderr, flush=True)
        name = workspace.root.name
        if name in known:
            continue
        found = workspace_figures(workspace, options.frames, embedding)
        known[name] = {"swap": name, "method": method_of(workspace), "found": found}
        with keep.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known[name]) + "\n")
    print(file=sys.stderr)
    by_method: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for workspace in workspaces:
        own = known[workspace.root.name]
        by_method[own["method"]].append(own["found"])
    for method, swaps in sorted(by_method.items()):
        print(f"{method}, {len(swaps)} swaps, means (standard deviation over the swaps):")
        for name in (*IDENTITY, *SHOWN):
            values = [value for one in swaps if (value := value_of(one, name)) is not None]
            if values:
                print(f"  {name}: {np.mean(values):.3f} ({np.std(values):.3f})")


def value_of(found: dict[str, Any], name: str) -> float | None:
    """One figure of a swap, None where it was not measured."""
    held = found.get("figures", {}).get(name) or (found.get("identity") or {}).get(name)
    return float(held["value"] if isinstance(held, dict) else held) if held is not None else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="where figures are kept; else quality.jsonl in the folder")
    try:
        measure(parser.parse_args())
    except CounterfaceError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
