"""What the watermark's code needs: how often an id is not read, by how far its bits stand out of the noise.

    python -m benchmarks.markcode [--words 1000] [--orders 1 2 3 4] [--z 1.0 1.2 1.35 1.5 1.75 2.0]

z is a bit's mean in standard deviations of Gaussian noise. "hard" corrects ten wrong bits; of an order, the first
figure is the share where the likeliest word found is wrong, the second where none of the 1,024 likeliest is right,
so that the authentication code cannot pick it (what read_code does, with order 4 unless told). Times are CPU time of a
decode.
"""

from __future__ import annotations

import argparse
import time


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=1000)
    parser.add_argument("--orders", nargs="+", type=int, default=[1, 2, 3, 4])
    parser.add_argument("--z", nargs="+", type=float, default=[1.0, 1.2, 1.35, 1.5, 1.75, 2.0])
    options = parser.parse_args(arguments)
    import numpy as np

    from datasets.provenance.bch import LENGTH, MESSAGE, candidates, correct, encode
    from datasets.provenance.payload import TRIES

    random = np.random.default_rng(0)
    took = dict.fromkeys(options.orders, 0.0)
    for order in options.orders:
        candidates(np.ones(LENGTH), order, TRIES)  # tables are made on first use
    print(f"{'z':>5} {'wrong bits':>10} {'hard':>7}  " + "".join(f"{f'order {order}':^17}" for order in options.orders))
    for z in options.z:
        words = encode(random.integers(0, 2, (options.words, MESSAGE), dtype=np.uint8))
        reads = (2.0 * words - 1) * z + random.normal(size=words.shape)
        hard = 0
        first, listed = dict.fromkeys(options.orders, 0), dict.fromkeys(options.orders, 0)
        for word, soft in zip(words, reads, strict=True):
            near = correct((soft > 0).astype(np.uint8))
            hard += near is None or bool((near != word).any())
            for order in options.orders:
                start = time.process_time()
                found = candidates(soft, order, TRIES)
                took[order] += time.process_time() - start
                right = (found == word).all(axis=1)
                first[order] += not right[0]
                listed[order] += not right.any()
        wrong = ((reads > 0) != words).sum(axis=1).mean()
        rates = "".join(f"{first[o] / len(words):8.2%}{listed[o] / len(words):8.2%} " for o in options.orders)
        print(f"{z:5.2f} {wrong:10.1f} {hard / len(words):7.2%}  {rates}", flush=True)
    decodes = options.words * len(options.z)
    print("ms a decode: " + ", ".join(f"order {order} {1000 * took[order] / decodes:.1f}" for order in options.orders))


if __name__ == "__main__":
    main()
