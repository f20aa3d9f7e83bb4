"""The numbers that the book claims:
python tests/bench/run.py [import overhead cleaning features digits omniglot]

Ratios in one run, several seeds, medians and spread. Budgets are core-seconds (CPU time of this
process, one thread), so that another program on the machine costs time but no fairness. `omniglot`
reads images_background_small1.zip of the public Omniglot repository from the folder that the
environment variable OMNIGLOT names.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import time
import warnings
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from peers import PEERS, peer
from torch import nn

from ganbook.api import Recipe, create_gan
from ganbook.datasets import Images, batches, load_set, split
from ganbook.features import extract, train_classifier
from ganbook.games import GAN, play
from ganbook.images import resize, write_image
from ganbook.metrics import class_coverage, frechet_distance
from ganbook.networks import Discriminator, Generator, Normal
from ganbook.training import averaged, refresh_norm


def spread(values):
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.3g} (of {len(values)}: {low:.3g} to {high:.3g})"


def spend(records, seconds):
    "Run through the records for so many core-seconds; how many there were."
    start, step = time.process_time(), 0
    for record in records:
        step = record.step
        if time.process_time() - start >= seconds:
            return step
    return step


def digits(args):
    "First light: handwritten digits at 8x8, read by a classifier of real ones."
    real = load_set("digits")
    train, test = split(real, 0.25, seed=0)
    reader = train_classifier(train.images, train.labels, steps=600, seed=0)
    print(
        f"classifier: {reader.accuracy(test.images, test.labels):.3f} of held-out digits right, "
        f"{class_coverage(reader, test.images).confident:.3f} of them with 90 % confidence"
    )
    for classes in ((), real.classes):
        sure, inside = [], []
        for seed in range(args.seeds):
            gan = create_gan(8, 1, classes, seed=seed, device="cpu")
            steps = spend(gan.records(gan.data(train)), args.digits_seconds)
            read = class_coverage(reader, gan.generate(1000, seed=seed))
            sure.append(read.confident)
            inside.append(sum(0.04 <= s <= 0.18 for s in read.shares))
            print(
                f"  {'with' if classes else 'no'} classes, seed {seed}: {steps} steps, {read}",
                flush=True,
            )
            write_image(
                args.out / f"digits-{'classes' if classes else 'plain'}-{seed}.png",
                gan.generate(100, seed=seed),
            )
        print(
            f"{'with' if classes else 'no'} classes: confident {spread(sure)}, "
            f"classes with 4 to 18 %: {min(inside)} of 10 at least"
        )


class PaperG(nn.Sequential):
    "DCGAN's generator (Radford et al. 2016), narrowed: transposed convolutions, BatchNorm, ReLU."

    def __init__(self, width):
        channels = [4 * width, 2 * width, width]
        layers = [
            nn.Unflatten(1, (100, 1, 1)),
            nn.ConvTranspose2d(100, channels[0], 4, 1, 0, bias=False),
        ]
        for a, b in zip(channels, [*channels[1:], 1], strict=True):
            layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
        super().__init__(*layers, nn.Tanh())


class PaperD(nn.Sequential):
    "DCGAN's discriminator, narrowed: strided convolutions, BatchNorm in all but the first."

    def __init__(self, width):
        super().__init__(
            nn.Conv2d(1, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 4, 1, 0, bias=False),
            nn.Flatten(),
        )


def paper_gan(width, seed):
    "The paper's settings: weights N(0, 0.02), Adam 2e-4 with beta1 0.5."
    torch.manual_seed(seed)
    G, D = PaperG(width), PaperD(width)
    for m in [*G.modules(), *D.modules()]:
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(m.weight, 0, 0.02)
        elif isinstance(m, nn.BatchNorm2d):
            nn.init.normal_(m.weight, 1, 0.02)
    adam = lambda m: torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999), fused=True)
    return GAN(
        G.to(memory_format=torch.channels_last),
        D.to(memory_format=torch.channels_last),
        adam(G),
        adam(D),
        Normal(100),
        seed=seed,
    )


def load_omniglot():
    "White strokes on black at 32x32, or None where the file is not at hand."
    archive = Path(os.environ.get("OMNIGLOT", "")) / "images_background_small1.zip"
    if "OMNIGLOT" not in os.environ or not archive.is_file():
        return None
    from PIL import Image

    with zipfile.ZipFile(archive) as z:
        names = sorted(n for n in z.namelist() if n.endswith(".png"))
        arrays = [np.asarray(Image.open(io.BytesIO(z.read(n))).convert("L")) for n in names]
    return Images(
        resize(1 - torch.tensor(np.stack(arrays))[:, None].float() / 127.5, 32), name="omniglot"
    )


def omniglot(args):
    "Frechet distance minus floor against a DCGAN of the same width, at equal core-seconds."
    real = load_omniglot()
    if real is None:
        return print(
            "omniglot: set OMNIGLOT to the folder of images_background_small1.zip; skipped"
        )
    train, test = split(real, 0.5, seed=0)
    features = extract(test.images)
    base = frechet_distance(extract(train.images), features)
    print(f"floor (real against real, {len(train)} against {len(test)}): {base:.3f}")
    ours, theirs = [], []
    for seed in range(args.seeds):
        gan = create_gan(32, 1, seed=seed, device="cpu")
        steps = spend(gan.records(train), args.omniglot_seconds)
        fake = gan.generate(len(train), seed=seed)
        ours.append(frechet_distance(features, extract(fake)) - base)
        write_image(args.out / f"omniglot-ganbook-{seed}.png", fake[:64])
        paper = paper_gan(16, seed)
        paper_steps = spend(
            play(paper, batches(train.images, batch_size=128, seed=seed)), args.omniglot_seconds
        )
        with torch.no_grad():
            running = paper.G.eval()(torch.randn(len(train), 100))
            fresh = refresh_norm(paper.G, [(torch.randn(128, 100),) for _ in range(20)])(
                torch.randn(len(train), 100)
            )
        fakes = {frechet_distance(features, extract(x)): x for x in (running, fresh)}
        theirs.append(min(fakes) - base)  # the better of its two readings of BatchNorm
        write_image(args.out / f"omniglot-dcgan-{seed}.png", fakes[min(fakes)][:64])
        print(
            f"  seed {seed}: ganbook {ours[-1]:.3f} after {steps} steps, "
            f"DCGAN {theirs[-1]:.3f} after {paper_steps}, "
            f"ratio {theirs[-1] / ours[-1]:.1f}",
            flush=True,
        )
    print(
        f"distance minus floor: ganbook {spread(ours)}, DCGAN {spread(theirs)}, "
        f"ratio {spread([b / a for a, b in zip(ours, theirs, strict=True)])}"
    )
    for name in PEERS:
        found = [against(name, seed, train, features, args) for seed in range(args.seeds)]
        found = [x - base for x in found if x is not None]
        if found:
            ratios = [b / a for a, b in zip(ours, found, strict=False)]
            print(f"{name}: distance minus floor {spread(found)}, ratio {spread(ratios)}")


def against(name, seed, train, features, args):
    "Frechet distance of a public script's networks after the same core-seconds; None: not here."
    made = peer(name, seed)
    if made is None:
        return None
    gan, size, batch, n_critic = made
    feed = batches(resize(train.images, size), batch_size=batch, seed=seed)
    steps = spend(play(gan, feed, n_critic), args.omniglot_seconds)
    with torch.no_grad():
        running = gan.G.eval()(torch.randn(len(train), 100))
        fresh = refresh_norm(gan.G, [(torch.randn(128, 100),) for _ in range(20)])
        fakes = [running, fresh(torch.randn(len(train), 100))]
    distance = min(frechet_distance(features, extract(x)) for x in fakes)
    write_image(
        args.out / f"omniglot-{name.split()[0]}-{name.split()[1]}-{seed}.png", fakes[1][:64]
    )
    print(f"  {name}, seed {seed}: {distance:.1f} after {steps} steps", flush=True)
    return distance


def overhead(args):
    "Our loop against a bare hand-written loop of the same step, in turns."

    def players():
        torch.manual_seed(0)
        nets = [m.to(memory_format=torch.channels_last) for m in (Generator(32), Discriminator(32))]
        return nets, [torch.optim.Adam(m.parameters(), 2e-3, (0.0, 0.99), fused=True) for m in nets]

    images = torch.randn(512, 1, 32, 32).clamp(-1, 1)

    def bare():
        (G, D), (opt_g, opt_d) = players()
        average, step = averaged(G), 0
        while True:
            real = images[torch.randint(512, (32,))]
            opt_d.zero_grad()
            with torch.no_grad():
                fake = G(torch.randn(32, 64))
            loss = (F.softplus(-D(real)) + F.softplus(D(fake))).mean()
            if step % 4 == 0:
                real.requires_grad_(True)
                (gradient,) = torch.autograd.grad(D(real).sum(), real, create_graph=True)
                loss = loss + 4 * 0.15 * gradient.square().sum((1, 2, 3)).mean()
            loss.backward()
            opt_d.step()
            opt_g.zero_grad()
            D.requires_grad_(False)
            F.softplus(-D(G(torch.randn(32, 64)))).mean().backward()
            D.requires_grad_(True)
            opt_g.step()
            average.update_parameters(G)
            step += 1
            yield step

    def ours():
        gan = create_gan(32, 1, device="cpu", recipe=Recipe(penalties=(("r1", 0.3, 4),)))
        yield from gan.records(Images(images))

    loops, times = (bare(), ours()), ([], [])
    for loop in loops:
        list(islice(loop, 12))
    for _ in range(args.rounds):
        for loop, found in zip(loops, times, strict=True):
            start = time.process_time()
            list(islice(loop, 12))
            found.append((time.process_time() - start) / 12)
    ratios = [b / a for a, b in zip(*times, strict=True)]
    print(
        f"a step: bare {1e3 * statistics.median(times[0]):.2f} ms, "
        f"ganbook {1e3 * statistics.median(times[1]):.2f} ms, "
        f"ratio {spread(ratios)}"
    )


def imports(args):
    "Time of `import ganbook` over `import torch`, whole processes in turns."

    def clock(what):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {what}"], check=True)
        return time.perf_counter() - start

    for what in ("ganbook", "ganbook.api"):
        clock("torch"), clock(what)
        ratios = [clock(what) / clock("torch") for _ in range(9)]
        print(f"import {what} / import torch: {spread(ratios)}")


def cleaning(args):
    "Audit and preparation of a folder over bare decoding: cleaning.py beside this file."
    subprocess.run([sys.executable, str(Path(__file__).with_name("cleaning.py"))], check=True)


def encoders(args):
    "What the encoder tells apart, and the ladder: features.py beside this file."
    program = [sys.executable, str(Path(__file__).with_name("features.py"))]
    subprocess.run([*program, "--seeds", str(args.seeds)], check=True)


BENCHES = {
    "import": imports,
    "overhead": overhead,
    "cleaning": cleaning,
    "features": encoders,
    "digits": digits,
    "omniglot": omniglot,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", nargs="*", choices=[[], *BENCHES], default=list(BENCHES), help="default: all"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=30, help="of the overhead bench")
    parser.add_argument("--digits-seconds", type=float, default=60)
    parser.add_argument("--omniglot-seconds", type=float, default=120)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="where samples go")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.what:
        BENCHES[name](args)


if __name__ == "__main__":
    main()
