"""How well scenes obey their layouts: python tests/bench/scenes.py

For landscapes, buildings and rooms (2,000 drawn scenes of 64 pixels each): a reader of layouts
learns on 600, a generator on 1,100 others, and both meet 300 that neither has seen. For each of
these the generator draws the layout and facts of the real picture; the reader reads real and
generated ones alike. The facts are named by classifiers that learn from the reader's 600 alone,
and not on the book's encoder, which has seen pictures of the test and names of theirs. Then what
the order of normalising and telling is worth (32 pixels, seeds), and a short training at 128
pixels. The result is data/records/scenes.json, the generators lie
beside it; what is recorded is not played again. `--print` only prints what is there.
"""

import argparse
import json
import os
import sys
import time
from functools import cache
from itertools import islice
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402

from ganbook.datasets import load_set  # noqa: E402
from ganbook.features import extract, train_classifier  # noqa: E402
from ganbook.games import OneProcess, play  # noqa: E402
from ganbook.images import resize  # noqa: E402
from ganbook.metrics import frechet_distance  # noqa: E402
from ganbook.scenes import (  # noqa: E402
    FACTS,
    ORDERS,
    SceneRecipe,
    agreement,
    draw_scenes,
    load_scenes,
    read_layouts,
    save_scenes,
    scene_batches,
    scene_gan,
    train_reader,
    wishes,
    words,
)
from ganbook.training import averaged, averaging, write_json  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.records import RECORDS, commit, recorded, stamped  # noqa: E402

RECORD = RECORDS / "scenes.json"
STEPS = {"landscapes": 1500, "rooms": 900, "buildings": 900}
MARKS = (100, 300, 600, 900, 1200, 1500)
PARTS = {"generator": slice(0, 1100), "reader": slice(1100, 1700), "test": slice(1700, 2000)}


class Half(OneProcess):
    "Convolutions in bfloat16: half the time on this processor."

    def autocast(self):
        return torch.autocast("cpu", torch.bfloat16)


def game(*given, **more):
    "Two players for scenes, in bfloat16 where that does no harm."
    gan = scene_gan(*given, **more)
    gan.engine = Half()
    return gan


def parts(name, size=None):
    "Three parts that share no scene."
    data = load_set(name, size=size)
    return [data.take(part) for part in PARTS.values()]


@cache
def judge(name, size=None):
    "A reader of this set's layouts, and the processor time that it took."
    start, (_, part, _) = time.process_time(), parts(name, size)
    steps, width = (400, 8) if size == 32 else (1000, 8)
    reader = train_reader(part, steps=steps, width=width)
    return reader, time.process_time() - start


def obedience(reader, G, test, facts):
    "mIoU of what is read in the pictures with the layouts asked for, and with those of others."
    (maps, codes), labels = wishes(test, facts), len(test.names["maps"])
    fake = draw_scenes(G, maps, codes, seed=1)
    read = read_layouts(reader, fake)
    found = agreement(maps, read, labels)
    return fake, found, agreement(maps.roll(1, 0), read, labels).mean


def told(data, fakes, part, facts):
    "How often classifiers of the facts, of the reader's part alone, name them as asked for."
    found = {}
    for i, fact in enumerate(facts):
        wanted, known = wishes(data, facts)[1][:, i], wishes(part, facts)[1][:, i]
        namer = train_classifier(part.images, known, steps=200)
        found[fact] = dict(
            real=round(namer.accuracy(data.images, wanted), 3),
            generated=round(namer.accuracy(fakes, wanted), 3),
            commonest=round(wanted.bincount().max().item() / len(wanted), 3),
        )
    return found


def scene(name, seed=0):
    "One set at 64 pixels: reader, generator, and what they say of each other."
    facts, recipe = FACTS[name], SceneRecipe()
    train, part, test = parts(name)
    reader, learned = judge(name)
    maps, labels = test.facts["maps"].long(), len(test.names["maps"])
    real = agreement(maps, read_layouts(reader, test.images), labels)
    print(name, "real", real, f"{learned:.0f} s", flush=True)
    begun = time.process_time()
    gan, curve = game(words(train, facts), recipe, seed=seed), {}
    average = averaged(gan.G)
    for record in islice(
        averaging(play(gan, scene_batches(train, facts, seed=seed)), gan, average), STEPS[name]
    ):
        if record.step in MARKS:
            fake, found, shuffled = obedience(reader, average.module, test, facts)
            curve[record.step] = round(found.mean, 4)
            print(
                name, seed, record.step, found, f"{time.process_time() - begun:.0f} s", flush=True
            )
    spent = time.process_time() - begun
    if seed == 0:
        path = RECORDS / f"scenes-{name}.safetensors"
        save_scenes(path, average.module, words(train, facts), recipe)
    base = frechet_distance(extract(train.images), extract(test.images))
    return dict(
        set=name,
        seed=seed,
        steps=STEPS[name],
        scenes={key: len(range(*cut.indices(2000))) for key, cut in PARTS.items()},
        real=round(real.mean, 4),
        generated=round(found.mean, 4),
        ratio=round(found.mean / real.mean, 4),
        shuffled=round(shuffled, 4),
        curve=curve,
        labels={
            label: [None if v != v else round(v, 3) for v in pair]
            for label, *pair in zip(test.names["maps"], real.each, found.each, strict=True)
        },
        frechet=dict(
            generated=round(frechet_distance(extract(train.images), extract(fake)), 3),
            real=round(base, 3),
        ),
        reader_seconds=round(learned, 1),
        generator_seconds=round(spent, 1),
    )


def facts(name):
    "What the recorded generator makes of the facts of the test scenes."
    _, part, test = parts(name)
    G, _ = load_scenes(RECORDS / f"scenes-{name}.safetensors")
    begun = time.process_time()
    fake = draw_scenes(G, *wishes(test, FACTS[name]), seed=1)
    found = told(test, fake, part, FACTS[name])
    return dict(set=name, seed=0, facts=found, seconds=round(time.process_time() - begun, 1))


def order(name, seed, steps=250):
    "Landscapes of 32 pixels: normalise, then tell, or the other way round."
    facts = FACTS["landscapes"]
    train, _, test = parts("landscapes", 32)
    reader, _ = judge("landscapes", 32)
    gan = game(words(train, facts), norm=ORDERS[name], seed=seed)
    average = averaged(gan.G)
    for _ in islice(
        averaging(play(gan, scene_batches(train, facts, seed=seed)), gan, average), steps
    ):
        pass
    _, found, shuffled = obedience(reader, average.module, test, facts)
    labels = len(test.names["maps"])
    plain = torch.arange(labels)[:, None, None].expand(-1, 32, 32)
    codes = words(train, facts).codes(season="summer", light="day")
    made = draw_scenes(average.module, plain, codes)
    same = (made[:, None] - made[None]).abs().mean((2, 3, 4))
    real = agreement(test.facts["maps"], read_layouts(reader, test.images), labels)
    return dict(
        order=name,
        seed=seed,
        steps=steps,
        real=round(real.mean, 4),
        generated=round(found.mean, 4),
        shuffled=round(shuffled, 4),
        plain_difference=round((same.sum() / (labels * (labels - 1))).item(), 4),
    )


def larger(name="landscapes", count=300, steps=120):
    "The generator of 64 pixels goes on at 128; read at 64, where the reader learned."
    facts = FACTS[name]
    reader, _ = judge(name)
    data = load_set(name, size=128, seed=2, count=count)
    train, test = data.take(slice(0, count - 100)), data.take(slice(count - 100, count))
    G, known = load_scenes(RECORDS / f"scenes-{name}.safetensors")
    gan = game(known)
    gan.G.load_state_dict(G.state_dict())
    (maps, codes), labels = wishes(test, facts), len(known.labels)
    average, found = averaged(gan.G), {}

    def measure(images):
        return round(
            agreement(maps[:, ::2, ::2], read_layouts(reader, resize(images, 64)), labels).mean, 4
        )

    found["real"] = measure(test.images)
    found["before"] = measure(draw_scenes(gan.G, maps, codes, seed=1))
    begun = time.process_time()
    for _ in islice(averaging(play(gan, scene_batches(train, facts)), gan, average), steps):
        pass
    found["after"] = measure(draw_scenes(average.module, maps, codes, seed=1))
    save_scenes(RECORDS / f"scenes-{name}-128.safetensors", average.module, known, SceneRecipe())
    return (
        dict(
            set=name,
            seed=0,
            steps=steps,
            scenes=count,
            seconds=round(time.process_time() - begun, 1),
        )
        | found
    )


JOBS = [("scene", (name,)) for name in FACTS]
JOBS += [("facts", (name,)) for name in FACTS]
JOBS += [("scene", (name, seed)) for seed in (1, 2) for name in FACTS]
JOBS += [("order", (name, seed)) for seed in range(3) for name in ORDERS]
JOBS += [("larger", ("landscapes",))]
PLAY = {"scene": scene, "facts": facts, "order": order, "larger": larger}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print what is recorded")
    parser.add_argument("--only", nargs="+", default=PLAY, help="these kinds of runs")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for kind, given in [] if args.print else JOBS:
        key = " ".join(map(str, (kind, *given)))
        if kind not in args.only or key in recorded(RECORD, runs={})["runs"]:
            continue
        begun = commit()
        made = PLAY[kind](*given) | {"commit": begun}
        record = recorded(RECORD, runs={})  # another process may have written meanwhile
        record |= stamped("scenes") | dict(
            precision="bfloat16 in the two steps, float32 weights, penalties and pictures"
        )
        record["runs"][key] = made
        write_json(RECORD, record)
    for key, run in recorded(RECORD, runs={})["runs"].items():
        print(key, json.dumps({k: v for k, v in run.items() if k not in ("labels", "curve")}))


if __name__ == "__main__":
    main()
