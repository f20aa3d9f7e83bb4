"""Train small GANs without batch statistics for a few steps: torchrun ... processes.py OUT WORLD

Writes their records. The world size is asserted: a launcher that quietly starts one process must
not pass for two.
"""

import json
import sys
from itertools import islice

import torch
from torch import nn

from ganbook.api import Recipe, create_gan
from ganbook.datasets import batches, load_set
from ganbook.games import GAN, Penalty, nonsaturating, play, r1, r2, relativistic, seeded
from ganbook.networks import Discriminator, Generator, Normal, ResidualUp
from ganbook.training import accelerated

torch.set_num_threads(1)
out, world = sys.argv[1], int(sys.argv[2])


class Up(ResidualUp):
    "The same block without batch statistics."

    def __init__(self, c_in, c_out):
        super().__init__(c_in, c_out)
        self.norm1, self.norm2 = nn.Identity(), nn.Identity()


def run(game, penalties, spectral):
    "Records of twenty rounds, and the weights they end with."
    with seeded(0):
        G, D = Generator(8, 1, 16, 8, block=Up), Discriminator(8, 1, 8, spectral=spectral)
        G.norm = nn.Identity()
    sgd = lambda m: torch.optim.SGD(m.parameters(), 0.05)
    gan = accelerated(
        GAN(G, D, sgd(G), sgd(D), Normal(16), game, penalties), device="cpu", precision="fp32"
    )
    engine = gan.engine
    assert engine.num_processes == world, f"{engine.num_processes} processes, not {world}"
    feed = batches(load_set("digits").images, batch_size=16, rank=engine.process_index, world=world)
    records = list(islice(play(gan, feed, n_critic=2, accumulate=2), 20))
    weights = torch.cat([p.detach().flatten() for p in [*gan.G.parameters(), *gan.D.parameters()]])
    rows = [[r.d_loss, r.g_loss, r.penalty, r.real_score, r.fake_score] for r in records]
    return engine, dict(records=rows, weights=weights.tolist())


runs = {}
for game, penalties, spectral in (
    (nonsaturating, (Penalty(r1, 0.3, 2),), False),
    (relativistic, (Penalty(r1, 0.1), Penalty(r2, 0.1)), True),
):
    engine, runs[game.name] = run(game, penalties, spectral)
if engine.process_index == 0:
    with open(out, "w") as f:
        json.dump(runs, f)
gan = create_gan(8, 1, recipe=Recipe(batch_size=16))  # device "auto": the CPU where there is no GPU
assert gan.gan.engine.num_processes == world
gan.fit("digits", steps=20, run=out + ".run", show=False)
gan.save(out + ".saved")
try:  # a refusal, met by the first process alone, stops all of them
    create_gan(8, 1, recipe=Recipe(batch_size=16), device="cpu").fit(
        "digits", steps=5, run=out + ".run"
    )
except ValueError:
    open(f"{out}.refused{engine.process_index}", "x").close()
engine.accelerator.wait_for_everyone()  # nobody leaves while another still talks
engine.accelerator.end_training()
