"""What measuring costs: python tests/bench/metrics.py [--n 10000] [--dim 64] [--long 100000]

Core-seconds (CPU time of this process, one thread) of every measure of features, with its interval
and its floor, for n real pictures against n made ones, best of three; and the largest tensor that
was made on the way, in units of the features themselves (n x dim float32). Then the two distances
from streams of n and of --long pictures: their memory must not grow with the number.
The features are Gaussian: what they are makes no difference to the cost.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import torch

from ganbook.metrics import (
    Cubes,
    Moments,
    closeness,
    frechet,
    frechet_distance,
    kernel,
    kernel_distance,
    membership,
    memorised,
    mode_count,
    neighbourhoods,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.memory import Largest  # noqa: E402


def cost(measure, times=3):
    "Core-seconds, best of several, and the bytes of the largest tensor."
    with Largest() as largest:
        measure()
    seconds = []
    for _ in range(times):
        start = time.process_time()
        measure()
        seconds.append(time.process_time() - start)
    return min(seconds), largest.bytes


def streamed(kind, n, dim):
    "Sums over n features that are made batch by batch and forgotten."
    generator, sums = torch.Generator().manual_seed(0), kind(dim)
    for start in range(0, n, 1000):
        sums.add(torch.randn(min(1000, n - start), dim, generator=generator))
    return sums


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--long", type=int, default=100_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    generator = torch.Generator().manual_seed(0)
    real, other, fake = (torch.randn(args.n, args.dim, generator=generator) for _ in range(3))
    fake = 1.1 * fake
    labels = torch.randint(10, (args.n,), generator=generator)
    measures = {
        "frechet_distance": lambda: frechet_distance(real, fake),
        "frechet": lambda: frechet(real, fake),
        "kernel_distance": lambda: kernel_distance(real, fake),
        "kernel": lambda: kernel(real, fake),
        "neighbourhoods (all four)": lambda: neighbourhoods(real, fake),
        "closeness": lambda: closeness(fake, real),
        "memorised": lambda: memorised(real, other, fake),
        "membership": lambda: membership(real[:, 0], fake[:, 0]),
        "mode_count": lambda: mode_count(labels, labels),
    }
    print(f"{args.n} against {args.n} pictures, {args.dim} features, torch {torch.__version__}")
    unit = args.n * args.dim * 4
    for name, measure in measures.items():
        seconds, largest = cost(measure)
        print(f"{name:26}{seconds:7.2f} core-seconds, largest tensor {largest / unit:6.2f} n x d")
    for kind, measure in ((Moments, frechet), (Cubes, kernel)):
        for n in (args.n, args.long):
            seconds, largest = cost(
                lambda k=kind, m=measure, n=n: m(*[streamed(k, n, args.dim)] * 2), 1
            )
            print(
                f"{measure.__name__} from a stream of {n}: {seconds:.2f} core-seconds, "
                f"largest tensor {largest / 2**20:.1f} MiB"
            )


if __name__ == "__main__":
    main()
