"""How true a swap is after ten minutes of training: pose, landmarks, flicker, identity, and a contact sheet.

    python -m benchmarks.fidelity [SOURCE DESTINATION ...] [--method quick96] [--minutes 10] [--embedding FILE]
        [--workspace DIR] [--from none] [--sheets DIR]

Clips come in pairs; without any: the shipped sample. Asked: pose at most 3 degrees, landmarks at most 3 % of the
pupils' distance, flicker at most 1.25 of the original's, identity nearer to the source in 80 % of the frames.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--method", default="quick96")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--from", dest="start", default="", help="base (the default), none or a folder")
    parser.add_argument("--embedding", type=Path, help="MobileFaceNet.onnx; the one fetched before by default")
    parser.add_argument("--workspace", type=Path, help="keep the workspaces here, and go on with those that are there")
    parser.add_argument("--sheets", type=Path, help="where the contact sheets go")
    options = parser.parse_args(arguments)
    from datasets.samples import sample_clips

    clips = options.clips or list(sample_clips())
    if len(clips) % 2:
        parser.error("clips come in pairs: SOURCE DESTINATION ...")
    with tempfile.TemporaryDirectory() as scratch:
        for source, destination in zip(clips[::2], clips[1::2], strict=True):
            root = (options.workspace or Path(scratch)) / f"{source.stem}-{destination.stem}"
            measure(root, source, destination, options)


def measure(root: Path, source: Path, destination: Path, options: argparse.Namespace) -> None:
    """Train on one pair and print its line."""
    from datasets.errors import InputError
    from datasets.extract import extract
    from datasets.faces.identity import IdentityEmbedding
    from datasets.provenance.consent import from_option
    from datasets.provenance.writer import write_picture
    from datasets.workspace import create, open_workspace
    from evaluate.likeness import swap_quality
    from synth.composite.settings import for_method
    from synth.method import Budget
    from synth.pipeline import ROLES, describe, train

    if not (root / "workspace.toml").is_file():
        create(root, source, destination, from_option("research", source.name, destination.name))
    workspace = open_workspace(root)
    for role in ROLES:
        if not workspace.faces(role).is_dir():
            extract(workspace.clip(role), workspace.faces(role))
    before = time.process_time()
    chosen = {"from": options.start} if options.start else None
    card = train(workspace, options.method, Budget(minutes=options.minutes), options=chosen)
    cpu = time.process_time() - before
    try:
        embedding = IdentityEmbedding(options.embedding)
    except InputError as error:
        print(f"identity is not measured: {error}")
        embedding = None
    settings = for_method(options.method)
    quality = swap_quality(workspace, options.method, settings, options.frames, embedding)
    found = quality.fidelity
    ssim = card["heldout"]
    print(
        f"{source.stem} on {destination.stem}: {options.method}, {card['step']} steps, {cpu:.0f} CPU-s now; "
        f"held-out SSIM {ssim['source']['ssim']:.3f}/{ssim['destination']['ssim']:.3f}\n"
        f"  pose {found.pose:.2f} degrees, landmarks {100 * found.landmarks:.2f} % of the pupils' distance, "
        f"flicker {found.flicker_ratio:.2f} of the original's ({found.frames} frames)"
    )
    if quality.nearer is not None:
        print(
            f"  identity nearer to the source in {100 * quality.nearer:.0f} % of the frames "
            f"(cosine {quality.to_source:.2f} to the source, {quality.to_destination:.2f} to the destination)"
        )
    if options.sheets:
        file = options.sheets / f"{source.stem}-{destination.stem}-{options.method}.jpg"
        write_picture(file, quality.sheet, describe(workspace, options.method, {}, "preview", "contact sheet"))
        print(f"  {file}")


if __name__ == "__main__":
    main()
