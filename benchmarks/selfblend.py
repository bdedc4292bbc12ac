"""Self-blended pairs a CPU-second on one core, at 380 pixels, on faces of the shipped sample.

    python -m benchmarks.selfblend [--size 380] [--pairs 600]

A pair is the real face, the fake and the mask, from a crop and its landmarks in memory; drawing, blending and the
shared degradations (colours and JPEG on both) are in it. The published generator makes about 13 a CPU-second.
"""

from __future__ import annotations

import argparse
import os
import time

PUBLISHED = 13.0
COVERAGE = 1.6


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=380, help="crop side, pixels")
    parser.add_argument("--pairs", type=int, default=600)
    options = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    import cv2
    import numpy as np

    from datasets.faces.align import align_affine, transform_points, warp_crop
    from datasets.faces.finder import make_finder
    from datasets.samples.animate import render
    from datasets.selfblend import self_blend
    from datasets.selfblenddraw import SelfBlendSettings

    cv2.setNumThreads(1)
    crops, meshes = [], []
    for name in ("hopper", "astronaut"):
        finder = make_finder("mediapipe")
        for frame in render(name, 12, 512, 12):
            for face in finder.find(frame.image)[:1]:
                affine = align_affine(face, options.size, COVERAGE)
                crops.append(warp_crop(frame.image, affine, options.size))
                meshes.append(transform_points(face.landmarks[:, :2], affine))  # type: ignore[index]
        finder.close()
    print(f"{len(crops)} faces, {options.size} px, one thread")
    for said, settings in (
        ("whole", SelfBlendSettings()),
        ("without the shared degradations", SelfBlendSettings(degrade=False)),
    ):
        for first, count in ((0, 50), (50, options.pairs)):  # the first ones warm up
            began = time.process_time()
            for i in range(first, first + count):
                self_blend(crops[i % len(crops)], meshes[i % len(crops)], np.random.default_rng(i), settings)
            seconds = time.process_time() - began
        rate = options.pairs / seconds
        print(f"{said}: {rate:.0f} pairs a CPU-second, {rate / PUBLISHED:.1f} times the published generator's")


if __name__ == "__main__":
    main()
