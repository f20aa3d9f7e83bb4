"""The two steps and the loop carry what later chapters bring, unchanged.

Each case is a value handed to `play`; each trains for seconds and asserts that something was
learned, not that it ran.
"""

from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganbook import games
from ganbook.games import GAN, Penalty, hinge, nonsaturating, play, r1


def adam(model, rate=2e-3):
    return torch.optim.Adam(model.parameters(), rate, (0.0, 0.99))


def mlp(*sizes):
    layers = [
        layer
        for a, b in zip(sizes, sizes[1:], strict=False)
        for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))
    ]
    return nn.Sequential(*layers[:-1])


class Conditioned(nn.Module):
    "A network on its first argument and whatever conditions come with it, side by side."

    def __init__(self, *sizes):
        super().__init__()
        self.net = mlp(*sizes)

    def forward(self, x, *conditions):
        return self.net(torch.cat([x, *conditions], 1))


def game(G, D, latent_dim=4, rate=2e-3, **kwargs):
    kwargs.setdefault("penalties", (Penalty(r1, 0.05, 4),))
    return GAN(G, D, adam(G, rate), adam(D, rate), lambda n: torch.randn(n, latent_dim), **kwargs)


def stream(draw, seed):
    "Batches without end from a function of a generator."
    g = torch.Generator().manual_seed(seed)
    while True:
        yield draw(g)


def train(gan, batches, rounds, **kwargs):
    return list(islice(play(gan, batches, **kwargs), rounds))


def test_class_conditional():
    "Two classes at (+2, 0) and (-2, 0): the label decides where the point falls."

    def draw(g):
        label = torch.randint(2, (64, 1), generator=g)
        return torch.randn(64, 2, generator=g) * 0.2 + torch.tensor([2.0, 0.0]) * (
            2 * label - 1
        ), F.one_hot(label[:, 0], 2).float()

    for seed in range(2):
        torch.manual_seed(seed)
        gan = game(Conditioned(6, 32, 2), Conditioned(4, 32, 1), seed=seed)
        train(gan, stream(draw, seed), 400)
        with torch.no_grad():
            right = [
                gan.G(torch.randn(200, 4), F.one_hot(torch.full((200,), k), 2).float())[:, 0]
                for k in (0, 1)
            ]
        assert (right[0] < 0).float().mean() > 0.95 and (right[1] > 0).float().mean() > 0.95


def test_paired_translation_with_an_l1_term():
    "Pictures to their negatives: an L1 term beside the game, the source a condition of both."

    def draw(g):
        source = torch.rand(32, 1, 8, 8, generator=g) * 2 - 1
        return -source, source

    class Translate(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3, padding=1)
            )

        def forward(self, z, source):
            return torch.tanh(self.net(source))

    class Judge(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Conv2d(2, 8, 4, 2, 1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(8, 1, 4, 2, 1),
                nn.Flatten(),
                nn.Linear(4, 1),
            )

        def forward(self, target, source):
            return self.net(torch.cat([target, source], 1))

    torch.manual_seed(0)
    term = lambda G, fake, real, source: 10 * F.l1_loss(fake, real)
    gan = game(Translate(), Judge(), rate=5e-3, term=term)
    records = train(gan, stream(draw, 0), 250)
    assert records[-1].term < 0.2 * records[0].term
    assert records[0].term > 0


def test_two_coupled_games_with_a_cycle_term():
    """Unpaired translation: a sample is a pair, one of each domain, so that two games are one.

    Domain a lies around (2, 2), domain b around (-2, -2); the cycle keeps points apart.
    """

    def draw(g):
        a, b = (torch.randn(64, 2, generator=g) * 0.5 + m for m in (2.0, -2.0))
        return torch.stack([b, a], 1), torch.stack(
            [a, b], 1
        )  # real: (b, a); what they are made from: (a, b)

    class Both(nn.Module):
        "Two networks on the two halves of a pair: (n, 2, d) -> (n, 2, k)."

        def __init__(self, first, second):
            super().__init__()
            self.first, self.second = first, second

        def forward(self, z, source=None):
            source = z if source is None else source
            return torch.stack([self.first(source[:, 0]), self.second(source[:, 1])], 1)

    class Scores(Both):
        def forward(self, pair, source):
            return super().forward(pair).flatten(1)

    def cycle(G, fake, real, source):
        return 5 * F.l1_loss(G(None, fake.flip(1)).flip(1), source)

    torch.manual_seed(0)
    gan = game(Both(mlp(2, 32, 2), mlp(2, 32, 2)), Scores(mlp(2, 32, 1), mlp(2, 32, 1)), term=cycle)
    records = train(gan, stream(draw, 0), 500)
    a = torch.randn(200, 2) * 0.5 + 2
    with torch.no_grad():
        b = gan.G.first(a)
        back = gan.G.second(b)
    assert (b.mean(0) + 2).abs().max() < 0.7, "a became b"
    assert (back - a).abs().mean() < 0.3 and records[-1].term < 0.3 * records[0].term, (
        "and came back to itself"
    )


def test_an_lstm_generator_of_sequences():
    "Rising ramps of sixteen frames: the generator learns to rise."

    class Writer(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = nn.LSTM(4, 24, batch_first=True), nn.Linear(24, 1)

        def forward(self, z):  # (n, 16, 4) -> (n, 16, 1)
            return self.out(self.lstm(z)[0])

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(16, 32, 1)

        def forward(self, x):
            return self.net(x.flatten(1))

    def draw(g):
        return (
            torch.linspace(-1, 1, 16).view(1, 16, 1) + 0.05 * torch.randn(32, 16, 1, generator=g),
        )

    torch.manual_seed(0)
    G, D = Writer(), Reader()
    gan = GAN(
        G,
        D,
        adam(G, 5e-3),
        adam(D, 5e-3),
        lambda n: torch.randn(n, 16, 4),
        penalties=(Penalty(r1, 0.05, 4),),
    )
    with torch.no_grad():
        before = G(torch.randn(64, 16, 4)).mean(0)[:, 0]
    train(gan, stream(draw, 0), 300)
    with torch.no_grad():
        after = G(torch.randn(64, 16, 4)).mean(0)[:, 0]
    target = torch.linspace(-1, 1, 16)
    assert (after - target).abs().mean() < 0.35 * (before - target).abs().mean()


def test_a_generator_of_noise_and_image():
    "Real: the picture plus noise. The generator keeps the picture and learns the noise."

    def draw(g):
        image = torch.randn(64, 4, generator=g)
        return image + 0.5 * torch.randn(64, 4, generator=g), image

    torch.manual_seed(0)
    gan = game(Conditioned(8, 32, 4), Conditioned(8, 32, 1))
    train(gan, stream(draw, 0), 800)
    with torch.no_grad():
        image = torch.randn(1, 4).expand(500, 4)
        fake = gan.G(torch.randn(500, 4), image)
    assert (fake.mean(0) - image[0]).abs().mean() < 0.5, "the picture stays"
    assert 0.2 < fake.std(0).mean() < 0.9, "the noise is used"


def test_differentiable_augmentation():
    "D sees real and fake alike through random sign flips; G gets its gradients through them."
    seen = []

    def flip(x):
        seen.append(len(x))
        return x * (torch.randint(2, (len(x), 1)) * 2 - 1)

    def draw(g):
        return (torch.randn(64, 2, generator=g) * 0.2 + 2,)

    torch.manual_seed(0)
    gan = game(mlp(4, 32, 2), mlp(2, 32, 1), prepare=flip)
    train(gan, stream(draw, 0), 400)
    with torch.no_grad():
        fake = gan.G(torch.randn(500, 4))
    assert abs(fake.abs().mean() - 2) < 0.4, (
        "up to the sign, which this look hides, the points are right"
    )
    assert len(seen) >= 3 * 400


@pytest.mark.parametrize("n_critic,accumulate", [(1, 1), (3, 1), (1, 4), (2, 3)])
def test_several_discriminator_steps_and_accumulation_use_the_batches_they_should(
    n_critic, accumulate
):
    drawn = []

    def draw(g):
        drawn.append(1)
        return (torch.randn(8, 2, generator=g) + 2,)

    gan = game(mlp(4, 16, 2), mlp(2, 16, 1), game=hinge)
    train(gan, stream(draw, 0), 5, n_critic=n_critic, accumulate=accumulate)
    assert len(drawn) == 5 * n_critic * accumulate and gan.step == 5


def test_accumulated_gradients_equal_those_of_the_large_batch():
    "Without batch statistics, four batches of 8 step exactly as one of 32 does."

    def draw(n):
        return lambda g: (torch.randn(n, 2, generator=g) + 2,)

    noise = torch.randn(1000, 4, generator=torch.Generator().manual_seed(9))

    def run(n, accumulate):
        torch.manual_seed(0)
        G, D, at = mlp(4, 16, 2), mlp(2, 16, 1), [0]

        def latent(k):
            at[0] += k
            return noise[at[0] - k : at[0]]

        gan = GAN(
            G,
            D,
            torch.optim.SGD(G.parameters(), 0.1),
            torch.optim.SGD(D.parameters(), 0.1),
            latent,
            penalties=(Penalty(r1, 0.1),),
        )
        records = train(gan, stream(draw(n), 0), 5, accumulate=accumulate)
        return records, torch.cat(
            [p.detach().flatten() for p in [*G.parameters(), *D.parameters()]]
        )

    (few, a), (many, b) = run(32, 1), run(8, 4)
    assert torch.allclose(a, b, atol=1e-6)
    assert few[-1].d_loss == pytest.approx(many[-1].d_loss, abs=1e-6)


def test_a_lazy_penalty_acts_on_every_fourth_step_with_four_times_the_weight():
    calls = []

    def constant(critic, real, fake):
        calls.append(1)
        return critic(real).mean() * 0 + 1.0

    gan = game(mlp(4, 16, 2), mlp(2, 16, 1), penalties=(Penalty(constant, 0.5, 4),))
    records = train(gan, stream(lambda g: (torch.randn(8, 2, generator=g),), 0), 8)
    assert [r.penalty for r in records] == [2.0, 0.0, 0.0, 0.0] * 2 and len(calls) == 2


@pytest.mark.parametrize("name", sorted(games.GAMES))
def test_every_game_moves_the_fakes_to_the_real_points(name):
    torch.manual_seed(0)
    gan = game(
        mlp(4, 32, 2),
        mlp(2, 32, 1),
        game=games.GAMES[name],
        penalties=(Penalty(r1, 0.1), Penalty(games.r2, 0.1)),
    )
    with torch.no_grad():
        before = (gan.G(torch.randn(500, 4)) - 2).norm(dim=1).mean()
    train(gan, stream(lambda g: (torch.randn(64, 2, generator=g) * 0.3 + 2,), 0), 400)
    with torch.no_grad():
        after = (gan.G(torch.randn(500, 4)) - 2).norm(dim=1).mean()
    assert after < 0.5 * before


def test_the_steps_stay_short_and_the_loop_knows_no_variant():
    "What the cases above prove is worth something only while the steps have no branches for them."
    import ast
    import inspect

    for step in (games.d_step, games.g_step):
        body = ast.parse(inspect.getsource(step)).body[0].body[1:]
        lines = {n.lineno for part in body for n in ast.walk(part) if hasattr(n, "lineno")}
        assert len(lines) <= 15, f"{step.__name__} has {len(lines)} lines"
    assert nonsaturating is games.GAMES["nonsaturating"]
