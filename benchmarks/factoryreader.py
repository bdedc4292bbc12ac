"""How fast face crops come out of a data set for training, and how long its audit takes.

    python -m benchmarks.factoryreader DATASET [--workers 2] [--batches 200]      crops a second (200 asked)
    python -m benchmarks.factoryreader DATASET --audit [--clips 300]              seconds (180 asked)

With ``--audit`` a stand-in of so many clips is made first, in a temporary folder: the set's own clips under other
names, so that every one is decoded anew. The people stay who they are: a probe that had a copy of a clip among those it
learnt from would know it again.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from datasets.device import usable_cores
from datasets.labelledset import LabelledSet
from datasets.manifest import write_tables


def read(folder: Path, workers: int, batches: int) -> None:
    """Print crops a second, the start of the workers left out."""
    from torch.utils.data import DataLoader

    from datasets.torchreader import FaceCrops

    stream = FaceCrops(folder, split=None, levels=["c23"], size=224)
    loader = DataLoader(stream, batch_size=32, num_workers=workers)
    began, used, count = 0.0, 0.0, 0
    for number, batch in enumerate(loader):
        if number == 2 * max(1, workers):
            began, used, count = time.monotonic(), time.process_time(), 0
        count += len(batch["label"])
        if number == batches:
            break
    rate = count / (time.monotonic() - began)
    print(f"{rate:.0f} face crops a second (224 px, with masks), {workers} workers on {usable_cores()} cores")
    if not workers:
        print(f"{count / (time.process_time() - used):.0f} a CPU-second")


def stand_in(folder: Path, output: Path, clips: int) -> Path:
    """A data set of so many clips at one level, each a copy of one of the set's own under another name."""
    data = LabelledSet(folder)
    whole = [clip for clip in data.clips if clip.level == "c23"]
    rows, turn = [], 0
    while len(rows) < clips:
        for clip in whole[: clips - len(rows)]:
            names = {"clip": f"{clip.clip}-{turn}", "original": f"{clip.original}-{turn}" if clip.original else None}
            file = f"videos/{clip.clip}-{turn}.mp4"
            (output / "videos").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data.path(clip.file), output / file)
            for extra in (clip.mask, clip.geometry):
                if extra is not None and not (output / extra).exists():
                    (output / extra).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(data.path(extra), output / extra)
            rows.append(replace(clip, file=file, **names))  # type: ignore[arg-type]
        turn += 1
    write_tables(output, rows, [], data.index)
    return output


def _spent() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--audit", action="store_true")
    parser.add_argument("--clips", type=int, default=300)
    options = parser.parse_args(arguments)
    if not options.audit:
        read(options.folder, options.workers, options.batches)
        return
    from datasets.audit.run import audit

    with tempfile.TemporaryDirectory() as scratch:
        made = stand_in(options.folder, Path(scratch) / "set", options.clips)
        began, before = time.monotonic(), _spent()
        report = audit(made, options.workers)
        print("\n".join(report.words[:8]))
        print(
            f"{time.monotonic() - began:.0f} s: {report.clips} clips; {options.workers} workers; "
            f"{_spent() - before:.0f} CPU-s"
        )


if __name__ == "__main__":
    main()
