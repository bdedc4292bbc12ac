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


def figures_of(folder: Path, frames: int) -> dict[str, Any]:
    """What is measured of one workspace's result."""
    from datasets.workspace import open_workspace
    from evaluate.likeness import identity_network, source_faces
    from evaluate.swapquality import swap_figures

    workspace = open_workspace(folder)
    embedding = identity_network()
    vectors = embedding.embed(source_faces(workspace)) if embedding else None
    fake, mask = workspace.result / "result.mp4", workspace.result / "result_mask.mkv"
    return swap_figures(fake, workspace.clip("destination"), mask, frames, vectors, embedding)


def measure(options: argparse.Namespace) -> None:
    """Measure what is not kept yet, and print the means of each method."""
    from datasets.workspace import SETTINGS

    folders = sorted(one.parent for one in options.folder.glob(f"*/{SETTINGS}"))
    folders = [one for one in folders if (one / "result" / "result.mp4").is_file()]
    if not folders:
        raise InputError(f"There are no workspaces with a result in {options.folder}.")
    keep = options.keep or options.folder / "quality.jsonl"
    known = {}
    if keep.is_file():
        known = {line["swap"]: line for line in map(json.loads, keep.read_text(encoding="utf-8").splitlines())}
    for number, folder in enumerate(folders, 1):
        print(f"\r{number} of {len(folders)}", end="", file=sys.stderr, flush=True)
        if folder.name in known:
            continue
        about = json.loads((folder / "result" / "result.json").read_text(encoding="utf-8"))
        method, found = about["method"]["method"], figures_of(folder, options.frames)
        known[folder.name] = {"swap": folder.name, "method": method, "found": found}
        with keep.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known[folder.name]) + "\n")
    print(file=sys.stderr)
    by_method: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for folder in folders:
        by_method[known[folder.name]["method"]].append(known[folder.name]["found"])
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
