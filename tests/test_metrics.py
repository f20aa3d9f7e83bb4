"Metrics: agreement with two other programs, symmetries, and whether intervals keep their promise."

import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.special import stdtrit

from ganbook.features import Classifier, Encoder
from ganbook.metrics import (
    Accuracies,
    Distance,
    class_coverage,
    discriminator_accuracy,
    floor,
    frechet,
    frechet_distance,
    gan_test_accuracy,
    gaussian_distance,
    jackknife,
    left_out,
    moments,
    root,
)


def sample(n: int, dim: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=generator, dtype=torch.double) / dim**0.5
    return torch.randn(n, dim, generator=generator, dtype=torch.double) @ mix * scale + shift


pair = st.tuples(
    st.integers(2, 20),
    st.integers(30, 80),
    st.integers(30, 80),
    st.integers(0, 10**6),
    st.floats(0.1, 10),
    st.floats(-3, 3),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(pair)
def test_agreement_with_scipy_and_symmetries(case):
    dim, n, m, seed, scale, shift = case
    x, y = sample(n, dim, seed), sample(m, dim, seed + 1, scale, shift)
    d = frechet_distance(x, y)
    (m1, S1), (m2, S2) = moments(x), moments(y)
    theirs = np.sum((m1 - m2).numpy() ** 2) + np.trace(
        S1.numpy() + S2.numpy() - 2 * sqrtm(S1.numpy() @ S2.numpy()).real
    )
    assert d == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    assert frechet_distance(y, x) == pytest.approx(d, rel=1e-8, abs=1e-8)
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * d, rel=1e-8, abs=1e-7)
    turn = torch.linalg.qr(sample(dim, dim, seed + 2))[0]
    assert frechet_distance(x @ turn + 1, y @ turn + 1) == pytest.approx(d, rel=1e-7, abs=1e-7)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6) and d >= 0


@pytest.mark.parametrize("dim, n, m", [(4, 100, 100), (16, 200, 500), (64, 500, 300)])
def test_agreement_with_torchmetrics(dim, n, m):
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flat(torch.nn.Module):
        num_features = dim

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)

    x, y = sample(n, dim, 0), sample(m, dim, 1, 1.5, 0.2)
    theirs = FrechetInceptionDistance(Flat()).set_dtype(torch.float64)
    theirs.update(x.view(n, dim, 1, 1), real=True)
    theirs.update(y.view(m, dim, 1, 1), real=False)
    assert frechet_distance(x, y) == pytest.approx(theirs.compute().item(), rel=1e-4)


def test_diagonal_gaussians_have_their_closed_form():
    m1, m2, s1, s2 = (
        torch.rand(5, dtype=torch.double, generator=torch.Generator().manual_seed(k))
        for k in range(4)
    )
    exact = ((m1 - m2) ** 2 + (s1 - s2) ** 2).sum()
    found = gaussian_distance(m1, torch.diag(s1**2), m2, torch.diag(s2**2))
    assert found.item() == pytest.approx(exact.item(), rel=1e-9)


def test_flat_covariances_are_no_trouble():
    S = torch.zeros(4, 4, dtype=torch.double)
    S[0, 0] = 4
    assert torch.allclose(root(S) @ root(S), S)
    flat = torch.ones(10, 4)
    assert frechet_distance(flat, flat) == 0
    assert frechet_distance(flat, flat + 1) == pytest.approx(4)


def test_single_precision_and_large_means_lose_nothing():
    x, y = sample(300, 16, 0), sample(300, 16, 1, 1.2)
    d = frechet_distance(x, y)
    assert frechet_distance(x.float(), y.float()) == pytest.approx(d, rel=1e-4)
    assert frechet_distance(x + 1000, y + 1000) == pytest.approx(d, rel=1e-7)


def test_moments_without_a_group_are_those_of_the_rest():
    x = sample(103, 7, 0, shift=50)
    groups = torch.randperm(103, generator=torch.Generator().manual_seed(0)) % 20
    means, covariances = left_out(x, groups)
    for k in range(20):
        mean, covariance = moments(x[groups != k])
        assert torch.allclose(means[k], mean) and torch.allclose(covariances[k], covariance)


def population(dim: int, far: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    "Factors of two Gaussians, the shift of the second, and their exact distance."
    generator = torch.Generator().manual_seed(dim)
    a = torch.diag(torch.logspace(0, -0.75, dim, dtype=torch.double))
    b = a + far * 0.1 * torch.randn(dim, dim, generator=generator, dtype=torch.double)
    shift = far * torch.randn(dim, generator=generator, dtype=torch.double) @ a
    return a, b, shift, gaussian_distance(shift * 0, a @ a.T, shift, b.T @ b).item()


def covered(
    dim: int, n: int, m: int, far: float, times: int = 120, level: float = 0.95
) -> tuple[float, float, float]:
    "Shares: expected estimate held, the same with half the width, distance at unlimited n held."
    a, b, shift, truth = population(dim, far)
    generator = torch.Generator().manual_seed(0)
    runs = []
    for _ in range(times):
        x = torch.randn(n, dim, generator=generator, dtype=torch.double) @ a
        y = torch.randn(m, dim, generator=generator, dtype=torch.double) @ b + shift
        runs.append(jackknife(x, y))
    value, bias, error, freedom = torch.tensor(runs, dtype=torch.double).T
    reach = torch.tensor(stdtrit(freedom.numpy(), 0.5 + level / 2)) * error
    off = (value - value.mean()).abs()
    return (
        (off <= reach).double().mean().item(),
        (off <= reach / 2).double().mean().item(),
        ((value - bias - truth).abs() <= reach).double().mean().item(),
    )


@pytest.mark.parametrize(
    "dim, n, m", [(8, 300, 300), (8, 2000, 500), (32, 300, 300), (32, 1000, 1000), (64, 500, 500)]
)
def test_intervals_keep_their_promise(dim, n, m):
    whole, half, unlimited = covered(dim, n, m, far=0.5)
    assert 0.90 <= whole <= 0.995 and 0.90 <= unlimited <= 0.995
    assert half < 0.85, "an interval of half the width must fail this test"


@pytest.mark.parametrize("dim, n", [(8, 300), (32, 500)])
def test_intervals_err_on_the_wide_side_where_real_equals_fake(dim, n):
    whole, _, unlimited = covered(dim, n, n, far=0)
    assert whole >= 0.93 and unlimited >= 0.93


def test_frechet_uses_just_these_intervals():
    x, y = sample(300, 8, 0), sample(300, 8, 1, 1.3)
    value, bias, error, freedom = jackknife(x, y, seed=4)
    for level in (0.5, 0.9, 0.95):
        found, reach = frechet(x, y, level, seed=4), stdtrit(freedom, 0.5 + level / 2) * error
        assert found.high == pytest.approx(value + reach) and found.low == pytest.approx(
            value - reach
        )
        assert found.corrected == pytest.approx(value - bias) and found.value == frechet_distance(
            x, y
        )
    assert frechet(x, y, seed=4) == frechet(x, y, seed=4) != frechet(x, y, seed=5)


def test_the_order_of_the_rows_is_no_group():
    x, y = sample(600, 4, 0), sample(600, 4, 1, 1.5)
    mixed = frechet(x, y).high - frechet(x, y).low
    order = x[:, 0].argsort()
    ordered = frechet(x[order], y).high - frechet(x[order], y).low
    assert ordered == pytest.approx(mixed, rel=0.5)


@pytest.mark.parametrize("n, m", [(400, 400), (400, 200), (200, 800)])
def test_the_floor_is_what_fresh_samples_give(n, m):
    draws = iter(range(10**6))

    def draw(k: int) -> torch.Tensor:
        return torch.randn(k, 16, generator=torch.Generator().manual_seed(next(draws)))

    fresh = np.mean([frechet_distance(draw(n), draw(m)) for _ in range(40)])
    carried = np.mean([floor(draw(n), n, m, seed=s) for s in range(15)])
    assert carried == pytest.approx(fresh, rel=0.15)


def test_too_few_are_refused_or_warned_about():
    x = sample(1000, 16, 0)
    with pytest.raises(ValueError, match="16 pictures for 16 features"):
        frechet(x[:16], x)
    with pytest.warns(UserWarning, match="80 or more"):
        few = frechet(x[:20], x)
    assert math.isnan(few.floor) and "not known" in str(few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet(x[:80], x)


@pytest.mark.parametrize(
    "x, y, level, reason",
    [
        (torch.ones(5), torch.ones(5), 0.95, "shape"),
        (torch.ones(1, 3), torch.ones(9, 3), 0.95, "shape"),
        (torch.full((9, 3), math.nan), torch.ones(9, 3), 0.95, "finite"),
        (torch.ones(9, 3), torch.ones(9, 4), 0.95, "one encoder"),
        (torch.ones(9, 3), torch.ones(9, 3), 95, "level is 95"),
    ],
)
def test_bad_features_are_refused_with_a_reason(x, y, level, reason):
    with pytest.raises(ValueError, match=reason):
        frechet(x, y, level)


def test_a_distance_prints_what_belongs_together():
    d = Distance(12.34, 11.12, 13.61, 2.1, 1000, 900, 64, 0.95, 11.0)
    assert str(d) == "12.3 [11.1, 13.6] (95 %, n = 1000 against 900; real against real 2.1)"
    assert d.population == pytest.approx((11.0, 9.78, 12.27))
    assert Distance(2.0, 1.0, 3.0, 2.0, 9, 9, 1, 0.9, -0.1).population == pytest.approx((0, 0, 0.9))
    assert all(math.isnan(x) for x in Distance(2.0, 1.0, 3.0, 2.0, 9, 9, 1, 0.9).population)
    with pytest.raises(dataclasses.FrozenInstanceError):
        d.value = 0


def test_discriminator_accuracy_weighs_both_sides_alike():
    real, fake = torch.tensor([[3.0], [1.0], [-1.0], [2.0]]), torch.tensor([[-1.0]])
    assert discriminator_accuracy(real, fake) == pytest.approx((0.75 + 1) / 2)
    assert discriminator_accuracy(-real, -fake) == pytest.approx((0.25 + 0) / 2)


def test_readers_of_made_pictures():
    reader = Classifier(Encoder(1), 3).eval()
    torch.nn.init.zeros_(reader.head.weight)
    reader.head.bias.data = torch.tensor([0.0, 9.0, 0.0])
    x = torch.zeros(8, 1, 32, 32)
    found = class_coverage(reader, x)
    assert found.confident == 1 and found.shares == (0, 1, 0)
    assert class_coverage(reader, x, confidence=0.99999).confident == 0
    assert gan_test_accuracy(reader, x, torch.tensor([1, 1, 0, 2, 1, 0, 1, 1])) == pytest.approx(
        5 / 8
    )
    assert "GAN-train not measured" in str(Accuracies(0.5, math.nan, 0.9))
    with pytest.raises(ValueError, match="confidence is 90"):
        class_coverage(reader, x, confidence=90)
