"""Networks of public GAN scripts, at pinned commits, for a comparison at equal time.

The scripts are fetched when the benchmark runs, or read from the folder that the environment
variable PEERS names; nothing of them is kept. Only their classes and weight initialisation are
taken (a script's own loop reads its own data); they are trained by this book's loop with the
settings that the script has as defaults.
"""

import ast
import hashlib
import os
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from ganbook.games import GAN, Penalty, nonsaturating, one_centred, wasserstein
from ganbook.networks import Normal

EXAMPLES = "pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8"
ZOO = "eriklindernoren/PyTorch-GAN/36d3c77e5ff20ebe0aeefd322326a134a279b93e/implementations"
PEERS = {  # name: (address, start of its SHA-256, pictures are so large, batch, critic steps)
    "PyTorch's DCGAN example, width 16": (
        f"{EXAMPLES}/dcgan/main.py",
        "4f6aef3527822a32",
        64,
        64,
        1,
    ),
    "PyTorch-GAN's DCGAN": (f"{ZOO}/dcgan/dcgan.py", "d8e43dd0308b4446", 32, 64, 1),
    "PyTorch-GAN's WGAN-GP": (f"{ZOO}/wgan_gp/wgan_gp.py", "40a55c85c75358b8", 32, 64, 5),
}


def source(address, digest):
    "The script as text, or None with a sentence where it cannot be had."
    try:
        if "PEERS" in os.environ:
            content = (Path(os.environ["PEERS"]) / address.replace("/", "_")).read_bytes()
        else:
            url = f"https://raw.githubusercontent.com/{address}"
            with urllib.request.urlopen(url, timeout=20) as answer:
                content = answer.read()
    except OSError as e:
        return print(f"  {address} cannot be had here ({e}); left out")
    if not hashlib.sha256(content).hexdigest().startswith(digest):
        return print(f"  {address} is not the file that was pinned; left out")
    return content.decode()


def classes(text, size):
    "Its networks and its initialisation, with the script's own names for sizes; one channel."
    tree = ast.parse(text)
    kept = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    kept = [
        node for node in kept if node.name in ("Generator", "Discriminator") or "init" in node.name
    ]
    names = {"nn": nn, "torch": torch, "np": np, "nz": 100, "ngf": 16, "ndf": 16, "nc": 1}
    names |= {"opt": SimpleNamespace(img_size=size, latent_dim=100, channels=1)}
    names |= {"img_shape": (1, size, size)}
    exec(compile(ast.Module(kept, []), "peer", "exec"), names)  # pinned by its checksum
    return names


class Noise(nn.Module):
    "Their generator, fed with this book's noise: (n, 100), or (n, 100, 1, 1) where they want it."

    def __init__(self, G, spatial):
        super().__init__()
        self.G, self.spatial = G, spatial

    def forward(self, z):
        return self.G(z[:, :, None, None] if self.spatial else z)


class Logit(nn.Module):
    "Their discriminator with scores as logits: the same cross-entropy, of them instead."

    def __init__(self, D, probability):
        super().__init__()
        self.D, self.probability = D, probability

    def forward(self, x):
        score = self.D(x).view(-1, 1)
        return torch.logit(score, 1e-6) if self.probability else score


def peer(name, seed):
    "(GAN, picture size, batch, critic steps) of a peer, or None where its script cannot be had."
    address, digest, size, batch, n_critic = PEERS[name]
    text = source(address, digest)
    if text is None:
        return None
    torch.manual_seed(seed)
    names, example, plain = classes(text, size), size == 64, n_critic == 1
    G, D = ((names[k](1) if example else names[k]()) for k in ("Generator", "Discriminator"))
    start = next((f for k, f in names.items() if k.startswith("weights_init")), None)
    if start is not None:
        for net in (G, D):
            net.apply(start)
    adam = lambda net: torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True)
    G, D = Noise(G, example), Logit(D, plain)
    game, penalties = (nonsaturating, ()) if plain else (wasserstein, (Penalty(one_centred, 10.0),))
    gan = GAN(G, D, adam(G), adam(D), Normal(100), game, penalties, seed=seed)
    return gan, size, batch, n_critic
