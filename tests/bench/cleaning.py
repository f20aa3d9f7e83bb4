"""What looking and cleaning cost beside bare decoding: python tests/bench/cleaning.py

10,000 mixed JPEGs of 256x256 (seeded crops of photographs that scikit-learn and scikit-image
bundle; grey and colour, baseline and progressive, qualities 60 to 95) in a temporary folder. Runs
alternate; ratios of throughput to bare decoding (PIL, to an RGB array, by as many workers) are
printed as medians of the rounds, by the clock and by the processor's time (which other programs on
the machine disturb less), and so is the peak memory of a process for a tenth of them and for all.
Nothing is deleted before the end: for half a minute after files were deleted, ext4 steps over their
inodes one by one, so that each new file beside them takes a millisecond.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import skimage.data  # noqa: E402
from PIL import Image  # noqa: E402
from sklearn.datasets import load_sample_image  # noqa: E402

from ganbook import cleaning  # noqa: E402

SEED = 0


def photographs():
    "Those of the bundled ones that are large enough, RGB."
    found = [np.array(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    return found + [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]


def make(folder, start, stop):
    "Pictures number start to stop - 1; each depends on its number alone."
    photos = photographs()
    for i in range(start, stop):
        random = np.random.default_rng([SEED, i])
        photo = photos[random.integers(len(photos))]
        side = int(random.integers(200, min(photo.shape[:2]) + 1))
        top, left = (int(random.integers(n - side + 1)) for n in photo.shape[:2])
        crop = Image.fromarray(photo[top : top + side, left : left + side])
        crop = crop.resize((256, 256), Image.Resampling.BICUBIC)
        crop = crop.convert("L") if random.random() < 0.15 else crop
        quality, progressive = int(random.integers(60, 96)), bool(random.random() < 0.2)
        crop.save(folder / f"{i:05}.jpg", quality=quality, progressive=progressive)


def bare(folder, out, workers):
    "Decode everything, keep nothing."

    def decode(path):
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB")).shape

    return sum(1 for _ in cleaning._in_order(decode, sorted(folder.iterdir()), workers))


def check(folder, out, workers):
    return cleaning.audit(folder, workers=workers).files


def prepare(folder, out, workers):
    return cleaning.prepare(folder, out, workers=workers).audit.files


def both(folder, out, workers):
    return (check(folder, out, workers) + prepare(folder, out, workers)) // 2


def again(folder, out, workers):
    "A second run, for which nothing is left to do."
    return cleaning.prepare(folder, out, workers=workers).audit.files


JOBS = {job.__name__: job for job in (bare, check, prepare, both, again)}


def timed(name, folder, out, workers):
    "Seconds of one run, by the clock and of the processor."
    start, spent = time.perf_counter(), sum(os.times()[:4])  # children that have ended included
    files = JOBS[name](folder, out, workers)
    return time.perf_counter() - start, sum(os.times()[:4]) - spent, files


def peak(name, folder, workers):
    "Megabytes that one process and its children held at most."
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, "--job", name, "--folder", str(folder)]
        command += ["--workers", str(workers), "--out", f"{out}/set"]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def one(args):
    "In a process of its own: do one job; print its peak, and the largest worker's for each."
    JOBS[args.job](args.folder, args.out, args.workers)
    status = Path("/proc/self/status").read_text()  # getrusage would tell the parent's peak, too
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print((int(status.partition("VmHWM:")[2].split()[0]) + args.workers * child) / 1024)


def main(args):
    with tempfile.TemporaryDirectory() as place:
        small, large, out = (Path(place, name) for name in ("small", "large", "out"))
        small.mkdir()
        large.mkdir()
        few = args.count // 10
        with ProcessPoolExecutor(args.workers) as pool:
            parts = range(0, args.count, few)
            list(
                pool.map(
                    make, [large] * len(parts), parts, [min(p + few, args.count) for p in parts]
                )
            )
        make(small, 0, few)
        times = {name: [] for name in JOBS}
        timed("bare", small, out, args.workers)  # what is loaded late is loaded now
        timed("prepare", small, out / "first", args.workers)
        for number in range(args.rounds):
            for name in JOBS:
                job = "prepare" if name == "again" else name
                seconds, spent, files = timed(name, large, out / f"{job}-{number}", args.workers)
                times[name].append((seconds, spent))
                rate = files / seconds
                print(
                    f"  round {number}: {name:8} {seconds:6.1f} s, {rate:6.0f}/s, "
                    f"processor {spent:6.1f} s",
                    flush=True,
                )
        for name in list(JOBS)[1:]:
            told = []
            for clock in (0, 1):
                ratios = [
                    b[clock] / t[clock] for b, t in zip(times["bare"], times[name], strict=True)
                ]
                middle = statistics.median(ratios)
                told.append(f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
            print(f"{name}: throughput over bare decoding's {told[0]}, by processor time {told[1]}")
        for name in ("bare", "check", "prepare"):
            a, b = peak(name, small, args.workers), peak(name, large, args.workers)
            print(
                f"{name}: peak {a:.0f} MB for {few} pictures, {b:.0f} MB for {args.count}: "
                f"{b - a:+.0f} MB"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1))
    parser.add_argument("--job", choices=JOBS, help="one job, for its memory")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    one(arguments) if arguments.job else main(arguments)
