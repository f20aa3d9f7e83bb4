"""Train the same little GAN to a number of steps in a run folder, saving often.

    python resume.py RUN STEPS [STOP_IN_WRITE]

With STOP_IN_WRITE k, the process kills itself (SIGKILL) in the middle of its k-th checkpoint write:
after the weights are on the disk, before the state is. Prints the checksum of everything that the
next step would depend on.
"""

import hashlib
import os
import signal
import sys

import torch

from ganbook import training
from ganbook.api import create_gan, load

torch.set_num_threads(1)
folder, steps, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0
writes = 0
really_write = training._write


def write(path, how):
    global writes
    writes += path.name == "state.pt"
    if stop and writes == stop and path.name == "state.pt":
        path.write_bytes(b"half a state")
        os.kill(os.getpid(), signal.SIGKILL)
    really_write(path, how)


training._write = write
really_checkpointed = training.checkpointed
training.checkpointed = lambda records, gan, average, folder: really_checkpointed(
    records, gan, average, folder, seconds=0.2
)

gan = (
    load(folder)
    if os.path.exists(os.path.join(folder, "config.json"))
    else create_gan(8, 1, classes=10, seed=3)
)
print("starts at", gan.gan.step, flush=True)
gan.fit("digits", steps=steps, run=folder, show=False)
state = {
    **gan.gan.G.state_dict(),
    **{"D." + k: v for k, v in gan.gan.D.state_dict().items()},
    **gan.average.state_dict(),
}
for name, opt in (("g", gan.gan.opt_g), ("d", gan.gan.opt_d)):
    state |= {
        f"{name}.{i}.{k}": v for i, s in opt.state_dict()["state"].items() for k, v in s.items()
    }
digest = hashlib.sha256(
    b"".join(k.encode() + v.contiguous().numpy().tobytes() for k, v in sorted(state.items()))
)
print("state", gan.gan.step, digest.hexdigest())
