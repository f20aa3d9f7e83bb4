"What would bore a reader of 05_games and must hold all the same."

import copy
import math
import threading
import time
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from ganbook.games import (
    GAMES,
    GAN,
    TARGETS,
    Board,
    Penalty,
    Perceptron,
    Player,
    Playground,
    checkerboard,
    clouds,
    d_step,
    endless,
    frozen,
    g_step,
    one_centred,
    plane_gan,
    play,
    r1,
    r2,
    ring,
    seeded,
    slope,
)
from torch import nn
from torch.autograd import gradcheck


def sigma(x):
    return 1 / (1 + torch.exp(-x))


HAND = {
    "saturating": (
        lambda r, f: (-torch.log(sigma(r)) - torch.log(1 - sigma(f))).mean(),
        lambda r, f: torch.log(1 - sigma(f)).mean(),
    ),
    "nonsaturating": (
        lambda r, f: (-torch.log(sigma(r)) - torch.log(1 - sigma(f))).mean(),
        lambda r, f: -torch.log(sigma(f)).mean(),
    ),
    "least squares": (
        lambda r, f: ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2,
        lambda r, f: ((f - 1) ** 2).mean() / 2,
    ),
    "hinge": (
        lambda r, f: (1 - r).clamp(min=0).mean() + (1 + f).clamp(min=0).mean(),
        lambda r, f: -f.mean(),
    ),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "relativistic": (
        lambda r, f: -torch.log(sigma(r - f)).mean(),
        lambda r, f: -torch.log(sigma(f - r)).mean(),
    ),
}


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


# -- games --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GAMES)
def test_games_over_a_grid_are_the_formulas(name):
    t = torch.linspace(-8, 8, 33, dtype=torch.float64)
    pairs = torch.cartesian_prod(t, t)
    for ours, hand in zip((GAMES[name].d_loss, GAMES[name].g_loss), HAND[name], strict=True):
        for r, f in pairs[::40]:
            r, f = r[None, None], f[None, None]
            torch.testing.assert_close(ours(r, f), hand(r, f))
        torch.testing.assert_close(ours(pairs[:, :1], pairs[:, 1:]), hand(*pairs.T))


def test_the_table_holds_all_games_by_name():
    assert set(GAMES) == set(HAND) and all(game.name == name for name, game in GAMES.items())


@pytest.mark.parametrize("name", ["saturating", "nonsaturating"])
def test_cross_entropy_is_that_of_torch(name):
    real, fake = 3 * torch.randn(2, 40, 1, generator=torch.Generator().manual_seed(0))
    bce = F.binary_cross_entropy_with_logits
    real_term, fake_term = bce(real, torch.ones_like(real)), bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(GAMES[name].d_loss(real, fake), real_term + fake_term)
    expected = bce(fake, torch.ones_like(fake)) if name == "nonsaturating" else -bce(fake, 0 * fake)
    torch.testing.assert_close(GAMES[name].g_loss(real, fake), expected)


@pytest.mark.parametrize("name", GAMES)
def test_losses_stay_finite_for_scores_out_of_all_bounds(name):
    scores = torch.tensor([[-1e4], [1e4]], requires_grad=True)
    for loss in (GAMES[name].d_loss, GAMES[name].g_loss):
        value = loss(scores, -scores)
        (grad,) = torch.autograd.grad(value, scores)
        assert value.isfinite() and grad.isfinite().all()


# -- penalties ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 2), (2, 1, 3, 2)])
def test_the_gradients_of_penalties(shape):
    "R1, R2 and the one-centred penalty, differentiated by a weight of the critic and by hand."
    generator = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    size = real[0].numel()
    weight = torch.randn(size, 4, generator=generator, dtype=torch.float64, requires_grad=True)

    def value(penalty):
        def of(weight):
            with seeded(2):
                return penalty(
                    lambda x: torch.tanh(x.flatten(1) @ weight).sum(1, keepdim=True), real, fake
                )

        return of

    for penalty in (r1, r2, one_centred):
        assert gradcheck(value(penalty), (weight,))


def test_slope_is_per_sample_and_leaves_its_input_alone():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(3))
    found = slope(lambda x: x.square().sum(1, keepdim=True), x)
    torch.testing.assert_close(found, 4 * x.square().sum(1))
    assert not x.requires_grad


def test_one_centred_has_a_finite_gradient_where_the_critic_is_flat():
    net = nn.Linear(2, 1)
    nn.init.zeros_(net.weight)
    value = one_centred(net, torch.randn(4, 2), torch.randn(4, 2))
    value.backward()
    assert value.item() == pytest.approx(1, abs=1e-5) and net.weight.grad.isfinite().all()


@pytest.mark.parametrize("bad", [{"weight": -1.0}, {"weight": 1.0, "every": 0}])
def test_penalties_refuse_nonsense(bad):
    with pytest.raises(ValueError, match="weight of 0 or more and every=1 or more"):
        Penalty(r1, **bad)


# -- the two steps ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("penalties", [(), (Penalty(r1, 0.1), Penalty(r2, 0.1, every=2))])
def test_each_step_touches_its_own_player(name, penalties):
    gan = plane_gan(GAMES[name], penalties, seed=1)
    with seeded(4):
        part = torch.randn(16, 2), gan.latent(16)
    G, D = weights(gan.G), weights(gan.D)
    d_step(gan, [part])
    assert torch.equal(weights(gan.G), G) and not torch.equal(weights(gan.D), D)
    D, grads = weights(gan.D), [p.grad.clone() for p in gan.D.parameters()]
    g_step(gan, [part])
    assert torch.equal(weights(gan.D), D) and not torch.equal(weights(gan.G), G)
    assert all(map(torch.equal, grads, [p.grad for p in gan.D.parameters()]))


def test_parts_add_up_to_the_whole():
    "Two halves give the gradient of the whole batch."
    found = []
    for halves in (1, 2):
        gan = plane_gan(penalties=(Penalty(r1, 0.3),), seed=1)
        with seeded(4):
            whole = torch.randn(16, 2), gan.latent(16)
        parts = list(zip(*(x.chunk(halves) for x in whole), strict=True))
        marks = d_step(gan, parts)
        found.append((marks, torch.cat([p.grad.flatten() for p in gan.D.parameters()])))
    torch.testing.assert_close(found[0], found[1])


def test_frozen_restores_what_was_and_survives_an_error():
    net = Perceptron(2, 1)
    first = next(net.parameters()).requires_grad_(False)
    with pytest.raises(RuntimeError, match="inside"), frozen(net):
        assert not any(p.requires_grad for p in net.parameters())
        raise RuntimeError("inside")
    assert not first.requires_grad
    assert all(p.requires_grad for p in list(net.parameters())[1:])


# -- chance -------------------------------------------------------------------------------------


def test_seeded_restores_the_global_state_even_after_an_error():
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(1, 2, 3):
        torch.randn(5)
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), state)


def test_seeded_keys_are_told_apart():
    seen = set()
    for key in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (0, 1, 0), (1, 0, 0), (1 << 40, 7)]:
        with seeded(*key):
            seen.add(torch.rand(1).item())
    assert len(seen) == 9


def test_what_is_drawn_between_rounds_changes_nothing():
    def run(disturb):
        gan, records = plane_gan(seed=2), []
        for record in islice(play(gan, endless(TARGETS["ring"].sample, 8)), 4):
            if disturb:
                torch.randn(3)
            records.append(record)
        return records

    assert run(False) == run(True)


# -- the loop -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 4, 7])
def test_cut_anywhere_and_gone_on_equals_uncut(cut):
    def go(gan, rounds):
        batches = endless(TARGETS["ring"].sample, 8, start=2 * gan.step)
        return list(islice(play(gan, batches, n_critic=2), rounds))

    def fresh():
        return plane_gan(penalties=(Penalty(r1, 0.1, every=3),), seed=5)

    whole, first = fresh(), fresh()
    records, resumed = go(whole, 8), go(first, cut)
    second = copy.deepcopy(first)
    assert resumed + go(second, 8 - cut) == records
    assert torch.equal(weights(second.D), weights(whole.D))


@pytest.mark.parametrize(("n_critic", "accumulate"), [(1, 1), (3, 1), (1, 4), (2, 3)])
def test_a_round_uses_its_batches_or_is_not_begun(n_critic, accumulate):
    gan, need = plane_gan(), n_critic * accumulate
    batches = islice(endless(TARGETS["ring"].sample, 4), 3 * need - 1)
    assert [r.step for r in play(gan, batches, n_critic, accumulate)] == [1, 2]
    D = weights(gan.D)
    assert list(play(gan, batches, n_critic, accumulate)) == []
    assert torch.equal(weights(gan.D), D) and gan.step == 2


def test_a_loss_that_is_not_finite_stops_the_game_at_its_step():
    gan = plane_gan()
    batches = ((torch.full((4, 2), float("nan") if i == 2 else 0.0),) for i in range(9))
    seen = []
    with pytest.raises(FloatingPointError, match=r"step 3: a loss is not finite .* start anew"):
        for record in play(gan, batches):
            seen.append(record.step)
    assert seen == [1, 2]


def test_the_term_is_in_the_record_and_in_the_gradient():
    def run(term):
        gan = plane_gan(seed=1)
        gan = GAN(gan.G, gan.D, gan.opt_g, gan.opt_d, gan.latent, term=term)
        record = next(play(gan, endless(TARGETS["line"].sample, 8)))
        return record, weights(gan.G)

    (plain, G), (extra, moved) = run(None), run(lambda G, fake, real: fake.square().mean())
    assert plain.term == 0 and extra.term > 0 and plain.g_loss == extra.g_loss
    assert not torch.equal(G, moved)


# -- targets, playground ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", [*TARGETS.values(), ring(5), checkerboard(2), clouds("one", torch.zeros(1, 2), 0.1)]
)
def test_targets_reach_their_own_centres(target):
    with seeded(9):
        x = target.sample(4000)
    assert x.shape == (4000, 2) and x.dtype == torch.float32 and x.abs().max() < 3
    assert target.covered(x) == len(target.centres)
    assert target.covered(x + 10) == 0
    assert target.within(x + 10) == 0 and target.within(target.centres) == 1
    assert target.within(x) > (0.75 if target.name == "checkerboard" else 0.95)


def test_a_plain_circle_covers_all_spots_but_few_of_its_points_are_within_reach():
    "The count alone passes a generator that found no mode; the share tells."
    angle = torch.arange(10_000) / 10_000 * 2 * math.pi
    circle = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    assert ring().covered(circle) == 8
    assert ring().within(circle) == pytest.approx(16 / math.pi * math.asin(0.3 / 4), abs=1e-3)
    with seeded(9):
        real = ring().sample(10_000)
    assert ring().within(real) == pytest.approx(1 - math.exp(-4.5), abs=5e-3)


def test_a_player_ends_by_itself_and_can_be_paused_twice():
    player = Player(Board())
    player.play(rounds=40)
    player.thread.join(timeout=30)
    assert player.board.gan.step == 40 and not player.playing
    player.play()
    player.play()  # already playing: nothing happens
    player.pause()
    player.pause()
    assert not player.thread.is_alive()


def test_the_playground_leaves_no_thread_behind():
    before, playground = threading.active_count(), Playground()
    playground.buttons["Play"].click()
    playground.knobs["game"].value = "hinge"
    deadline = time.monotonic() + 30
    while playground.board.gan.step < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    playground.buttons["Play"].click()
    assert threading.active_count() == before
    assert playground.board.game == "hinge" and playground.board.gan.step >= 20
    bundle = playground._repr_mimebundle_()
    assert {"image/png", "text/plain"} <= set(bundle)


def test_a_playground_says_what_went_wrong_and_can_begin_anew(recwarn):
    playground = Playground(Board(rate_g=1e9, rate_d=1e9))
    playground.play()
    playground.thread.join(timeout=30)
    assert "not finite" in playground.line.value and not playground.playing
    assert playground.buttons["Play"].description == "Play"
    playground.buttons["Reset"].click()
    assert playground.line.value.startswith("round 0")
    assert not list(recwarn)
