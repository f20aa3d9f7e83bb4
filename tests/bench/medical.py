"""What made scans are good for, what they spoil, whom they betray: python tests/bench/medical.py

Thorax phantoms (thorax-ct, 64 px, 400 patients, the truth known), 80 patients held out. For n
patients a generator is trained on their slices and masks alone, and makes 1,000 pairs of a picture
and a mask; segmenters are trained on the real slices, on the made ones and on both, and are judged
on the held-out patients. The judge of whether a generator obeys its masks (job `judge`) saw all
320 other patients, those of the generator among them. The same generators are attacked: who was in
the training set? Beside that one generator each for radiographs and for slices of the MRI template.
Results go to data/records/medical.json after every run, weights that the chapter shows beside it;
what is there already is not run again. `--print` only prints what is there.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from ganbook.datasets import load_set, split  # noqa: E402
from ganbook.features import extract, train_classifier  # noqa: E402
from ganbook.games import GAN, Penalty, nonsaturating, r1, seeded  # noqa: E402
from ganbook.medical import (  # noqa: E402
    Segmenter,
    UNet,
    by_group,
    dice,
    lesion_changes,
    make_pairs,
    mask_gan,
    moved,
    nearness,
    played,
    train_segmenter,
)
from ganbook.metrics import frechet_distance  # noqa: E402
from ganbook.networks import Discriminator, Generator, Normal  # noqa: E402
from ganbook.training import write_json  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.records import RECORDS, commit, recorded, stamped  # noqa: E402

RECORD = RECORDS / "medical.json"
PATIENTS, SEEDS, MADE = (5, 20, 80), range(3), 1000
JOBS = ["judge", *[f"ct-{n}-{seed}" for seed in SEEDS for n in PATIENTS]]
JOBS[2:2] = ["xray", "brain"]


def masks_of(data):
    "The masks of a set as (n, 1, h, w) of 0 and 1."
    return data.facts["masks"][:, None].float()


def patients(data, n, seed):
    "All slices of n patients, who are drawn by the seed."
    names = data.groups.unique()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    return data.take(torch.isin(data.groups, names[order[:n]]))


def changed(images, masks):
    "Pictures and masks moved together, pictures brighter or darker: augmentation as ever."
    both = moved(torch.cat([images, masks], 1))
    return both[:, :1] + 0.1 * torch.randn(len(both), 1, 1, 1), both[:, 1:]


def keep(name, net):
    "Store weights at half precision beside the record."
    weights = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(
        {k: v.contiguous() for k, v in weights.items()}, RECORDS / f"medical-{name}.safetensors"
    )


def judge():
    "The segmenter of the job `judge`."
    net = UNet(1, 1, width=8, depth=3)
    net.load_state_dict(load_file(RECORDS / "medical-judge.safetensors"))
    return Segmenter(net.eval())


def judged(find, images, masks):
    "Dice, and what became of the lesions."
    found = find(images)
    c = lesion_changes(masks, found)
    return dict(
        dice=round(dice(found, masks), 4), kept=c.kept, erased=c.erased, invented=c.invented
    )


def obeyed(find, images, asked):
    "Dice of what a judge finds with what was asked for, and with what another was asked for."
    found = find(images)
    return dict(asked=round(dice(found, asked), 4), chance=round(dice(found, asked.roll(1, 0)), 4))


def by_patient(scores, data):
    "Mean score of each patient's slices, as a record keeps it."
    return [round(score, 4) for score in by_group(scores, data.groups).tolist()]


@torch.no_grad()
def attacked(gan, made, members, others):
    "Scores of members and others: nearness to what was made, and the discriminator's opinion."
    near, opinion = [], []
    for data in (members, others):
        near.append(by_patient(nearness(data.images, made), data))
        scores = torch.cat(
            [
                gan.D(x, m)
                for x, m in zip(data.images.split(100), masks_of(data).split(100), strict=True)
            ]
        )
        opinion.append(by_patient(scores[:, 0], data))
    return dict(near=near, opinion=opinion)


def curve(train, test, n, seed):
    "One generator for n patients, and five ways to train a segmenter."
    real = patients(train, n, seed)
    masks, gan = masks_of(real), mask_gan(seed=seed)
    G = played(gan, real.images, masks, steps=500)
    made, asked = make_pairs(G, masks, MADE, seed)
    copies = -(-MADE // len(real))  # real and made alike in number
    both = [
        torch.cat([a.repeat(copies, 1, 1, 1)[:MADE], b])
        for a, b in ((real.images, made), (masks, asked))
    ]
    arms = {
        "real": (real.images, masks, None),
        "made": (made, asked, None),
        "both": (*both, None),
        "changed": (real.images, masks, changed),
        "both changed": (*both, changed),
    }
    found = dict(pictures=len(real), arms={})
    for name, (x, y, change) in arms.items():
        find = train_segmenter(x, y, steps=150, seed=seed, change=change)
        found["arms"][name] = judged(find, test.images, masks_of(test))
    found["obeys"] = obeyed(judge(), made, asked)
    found["distance"] = round(frechet_distance(extract(test.images), extract(made)), 3)
    found["attack"] = attacked(gan, made, real, test)
    if (n, seed) == (80, 0):
        keep("ct", G)
    return found


def judge_job():
    "A segmenter that saw all 320 training patients."
    train, test = split(load_set("thorax-ct"), 0.2, seed=0)
    find = train_segmenter(train.images, masks_of(train), steps=300, seed=100)
    keep("judge", find.net)
    return judged(judge(), test.images, masks_of(test))


def xray_job():
    "Radiographs made around masks, read by a segmenter that was trained on other patients."
    train, test = split(load_set("thorax-xray"), 0.4, seed=0)
    gan = mask_gan(seed=0)
    G = played(gan, train.images, masks_of(train), steps=500)
    keep("xray", G)
    made, asked = make_pairs(G, masks_of(train), MADE, 0)
    find = train_segmenter(test.images, masks_of(test), steps=300, seed=0)
    return dict(judge=judged(find, train.images, masks_of(train)), obeys=obeyed(find, made, asked))


def brain_job():
    "Slices of the averaged brain by plane, read by a classifier that saw other slabs."
    train, test = split(load_set("brain"), 0.4, seed=0)
    with seeded(0):
        G, D = Generator(64, 1, width=8, classes=3), Discriminator(64, 1, width=8, classes=3)
    opt_g, opt_d = (torch.optim.Adam(m.parameters(), 2e-3, (0.0, 0.99)) for m in (G, D))
    gan = GAN(G, D, opt_g, opt_d, Normal(64), nonsaturating, (Penalty(r1, 0.3, 4),))
    average = played(gan, train.images, train.labels, steps=500)
    keep("brain", average)
    labels = torch.arange(300) % 3
    with seeded(1), torch.no_grad():
        fake = average(torch.randn(300, 64), labels)
    reader = train_classifier(test.images, test.labels)
    return dict(
        judge=round(reader.accuracy(train.images, train.labels), 4),
        obeys=dict(asked=round(reader.accuracy(fake, labels), 4), chance=round(1 / 3, 4)),
    )


def run(job):
    "What a job found, and the processor's seconds."
    start = time.process_time()
    if job.startswith("ct"):
        n, seed = map(int, job.split("-")[1:])
        train, test = split(load_set("thorax-ct"), 0.2, seed=0)
        found = dict(patients=n, seed=seed, **curve(train, test, n, seed))
    else:
        found = {"judge": judge_job, "xray": xray_job, "brain": brain_job}[job]()
    return dict(found, seconds=round(time.process_time() - start, 1))


def summary(jobs):
    "Means over the seeds."
    for job in ("judge", "xray", "brain"):
        if job in jobs:
            print(job, {k: v for k, v in jobs[job].items() if k != "attack"})
    for n in sorted(PATIENTS):
        runs = [r for r in jobs.values() if r.get("patients") == n]
        if not runs:
            continue
        line = [f"{n} patients, {len(runs)} seeds:"]
        for arm in runs[0]["arms"]:
            scores = [r["arms"][arm]["dice"] for r in runs]
            line.append(
                f"{arm} {statistics.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})"
            )
        obeys = [r["obeys"]["asked"] for r in runs]
        print(" ".join(line), f"obeys {statistics.mean(obeys):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print what is recorded")
    parser.add_argument("--jobs", nargs="+", default=JOBS, choices=JOBS, help="only these")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for job in [] if args.print else args.jobs:
        if job in recorded(RECORD, jobs={})["jobs"]:
            continue
        found = run(job)
        record = recorded(RECORD, jobs={})
        record |= stamped("medical", "scikit-learn") | {"commit": commit()}
        record["reference"] = "80 held-out patients of thorax-ct, 400 slices; 1000 made pairs"
        record["jobs"][job] = found
        write_json(RECORD, record)
        print(job, {k: v for k, v in found.items() if k != "attack"}, flush=True)
    summary(recorded(RECORD, jobs={})["jobs"])


if __name__ == "__main__":
    main()
