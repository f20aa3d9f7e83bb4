"Scenes: networks of any size, wishes, agreement, canvas and painter; and a small game that obeys."

import json
from itertools import islice

import pytest
import torch
from sklearn.metrics import jaccard_score

from ganbook.datasets import Images
from ganbook.games import play, seeded
from ganbook.scenes import (
    ORDERS,
    SHAPES,
    Canvas,
    Painter,
    SceneDiscriminator,
    SceneGenerator,
    SceneRecipe,
    Spade,
    ToldFirst,
    Words,
    agreement,
    coloured,
    colours,
    draw_scenes,
    flags,
    load_scenes,
    planes,
    pyramid,
    read_layouts,
    save_scenes,
    scene_batches,
    scene_gan,
    train_reader,
    wishes,
    words,
)
from ganbook.training import save_generator

WORDS = Words(("ground", "box", "hole"), {"light": ("day", "night")})
FACTS = {"light": "light"}
SMALL = SceneRecipe(latent_dim=4, width=8, depth=2, hidden=8)


def toy(n=64, side=16, seed=0):
    "Boxes and holes on a ground; by night everything is darker."
    random = torch.Generator().manual_seed(seed)
    maps = torch.zeros(n, side, side, dtype=torch.uint8)
    for i, layout in enumerate(maps):
        for label in (1, 2):
            top, left = torch.randint(side - 6, (2,), generator=random).tolist()
            layout[top : top + 6, left : left + 6] = label
        maps[i] = layout
    light = torch.randint(2, (n,), generator=random)
    shades = torch.tensor([[-0.5, 0.5, 0.0], [0.8, 0.2, -0.4], [-0.2, -0.4, 0.9]])
    images = shades[maps.long()].permute(0, 3, 1, 2) - 0.4 * light[:, None, None, None]
    images = (images + 0.05 * torch.randn(images.shape, generator=random)).clamp(-1, 1)
    names = {"maps": WORDS.labels, "light": WORDS.facts["light"]}
    return Images(images, facts={"maps": maps, "light": light}, names=names)


def scene(labels=3, size=(16, 16), n=2):
    with seeded(3):
        return torch.randint(labels, (n, *size)), torch.randint(2, (n, 1))


# -- words and wishes ---------------------------------------------------------------------------


def test_words_and_wishes_of_a_set():
    data = toy(5)
    assert words(data, FACTS) == WORDS and WORDS.sizes == (2,)
    maps, codes = wishes(data, FACTS)
    assert maps.dtype == torch.int64 and torch.equal(codes[:, 0], data.facts["light"])
    assert wishes(data, {})[1].shape == (5, 0) and words(data, {}).sizes == ()
    assert WORDS.codes(light="night").tolist() == [[1]] and WORDS.codes().tolist() == [[0]]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: WORDS.codes(light="noon"), "choose one of day, night"),
        (lambda: WORDS.codes(season="winter"), "choose one of light"),
        (lambda: planes(torch.zeros(4, 4).long(), 3), r"a single one needs \[None\]"),
        (lambda: planes(torch.full((1, 4, 4), 3), 3), "0 to 2 have a meaning"),
        (lambda: planes(torch.full((1, 4, 4), -1), 3), "0 to 2 have a meaning"),
        (lambda: planes(torch.zeros(0, 4, 4).long(), 3), "has no pixel"),
        (lambda: coloured(torch.full((1, 4, 4), -1), 3), "0 to 2 have a meaning"),
        (lambda: agreement(torch.zeros(2, 4, 4), torch.zeros(2, 4, 2), 3), "the same size"),
        (lambda: agreement(torch.zeros(1, 4, 4), torch.full((1, 4, 4), 3), 3), "0 to 2 have"),
        (lambda: agreement(torch.full((1, 4, 4), -1), torch.zeros(1, 4, 4), 3), "0 to 2 have"),
        (lambda: agreement(torch.zeros(0, 4, 4), torch.zeros(0, 4, 4), 3), "has no pixel"),
        (lambda: flags(torch.zeros(2, 2).long(), (2,)), "1 facts a scene"),
        (lambda: flags(torch.full((2, 1), 2), (2,)), "0 to 1 have a meaning"),
        (lambda: colours(21), "merge some"),
        (lambda: Canvas(torch.zeros(4, 4), 2).paint(2, 0, 1, 0, 1), "0 to 1"),
        (lambda: Canvas(torch.zeros(4, 4), 2).paint(1, 0, 1, 0, 1, "star"), "rectangle, ellipse"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_facts_are_no_flags():
    assert flags(torch.zeros(3, 0).long(), ()).shape == (3, 0)
    G = SceneGenerator(3, (), 4, 8, 2, 8)
    assert G(torch.randn(2, 4), scene()[0], torch.zeros(2, 0).long()).shape == (2, 3, 16, 16)


# -- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (128, 128), (24, 40), (17, 33)])
def test_any_size_with_the_same_weights(size):
    with seeded(0):
        G, D = SceneGenerator(3, (2,), 4, 8, 3, 8), SceneDiscriminator(3, (2,), 8)
    maps, codes = scene(size=size)
    made = G(torch.randn(2, 4), maps, codes)
    assert made.shape == (2, 3, *size) and made.abs().max() <= 1
    assert D(made, maps, codes).shape == (2, (size[0] // 8) * (size[1] // 8))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_channels(channels):
    G, D = (
        SceneGenerator(3, (2,), 4, 8, 2, 8, channels),
        SceneDiscriminator(3, (2,), 8, 2, channels),
    )
    made = G(torch.randn(2, 4), *scene())
    assert made.shape == (2, channels, 16, 16) and D(made, *scene()).shape == (2, 16)


def test_training_and_drawing_are_the_same_network():
    "Nothing depends on the batch or on the mode."
    with seeded(0):
        G, z = SceneGenerator(3, (2,), 4, 8, 2, 8), torch.randn(2, 4)
    maps, codes = scene()
    made = G.train()(z, maps, codes)
    assert torch.equal(made, G.eval()(z, maps, codes))
    assert torch.allclose(made[1:], G(z[1:], maps[1:], codes[1:]), atol=1e-5)


@pytest.mark.parametrize("norm", [Spade, ToldFirst])
def test_gradients_of_the_norms(norm):
    with seeded(0):
        net = norm(4, 3).double()
        x, plan = torch.randn(2, 4, 3, 3).double(), torch.rand(2, 3, 3, 3).double()
    x.requires_grad_(True), plan.requires_grad_(True)
    assert torch.autograd.gradcheck(net, (x, plan))


def test_spade_is_the_formula():
    with seeded(0):
        net, x, plan = Spade(32, 5), torch.randn(2, 32, 6, 6), torch.rand(2, 5, 6, 6)
    gamma, beta = torch.einsum("oi,nihw->nohw", net.tell.weight[:, :, 0, 0], plan).chunk(2, 1)
    bias = net.tell.bias.view(1, -1, 1, 1)
    group = x.view(2, 2, 16, 6, 6)
    mean = group.mean((2, 3, 4), keepdim=True)
    spread = group.var((2, 3, 4), unbiased=False, keepdim=True)
    normal = ((group - mean) / (spread + 1e-5).sqrt()).view_as(x)
    want = normal * (1 + gamma + bias[:, :32]) + beta + bias[:, 32:]
    assert torch.allclose(net(x, plan), want, atol=1e-5)


def test_what_is_told_first_is_washed_away():
    "Any weights at all: plain layouts come out alike."
    plain, level = torch.randn(6, 8, 1, 1).expand(-1, -1, 9, 9), torch.ones(6, 4, 9, 9)
    for seed in range(3):
        with seeded(seed), torch.no_grad():
            spade, first = (norm(4, 8)(level, plain) for norm in ORDERS.values())
        assert first.abs().max() < 1e-3 and (spade[0] - spade[1]).abs().max() > 0.1


def test_a_coarse_layout_holds_shares():
    layout = planes(scene(size=(20, 28))[0], 3)
    levels = pyramid(layout, 4)
    assert levels[-1] is layout and [tuple(x.shape[2:]) for x in levels][0] == (3, 4)
    for level in levels:
        assert torch.allclose(level.sum(1), torch.ones_like(level[:, 0]), atol=1e-5)


# -- agreement ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_agreement_is_the_jaccard_score(seed):
    with seeded(seed):
        asked, read = torch.randint(4, (3, 8, 8)), torch.randint(6, (3, 8, 8))
    found = agreement(asked, read, 6)
    truth, said = asked.flatten(), read.flatten()
    each = jaccard_score(truth, said, average=None, labels=range(4))
    assert found.each[:4] == pytest.approx(each) and all(v != v for v in found.each[4:])
    assert found.mean == pytest.approx(each.mean())


def test_agreement_does_not_care_for_the_names():
    with seeded(0):
        asked, read, new = (
            torch.randint(4, (2, 9, 9)),
            torch.randint(4, (2, 9, 9)),
            torch.randperm(4),
        )
    assert agreement(new[asked], new[read], 4).mean == pytest.approx(agreement(asked, read, 4).mean)


# -- a small game -------------------------------------------------------------------------------


def test_batches_are_mirrored_in_turn_and_come_from_the_seed():
    data = toy(8)
    first, second = islice(scene_batches(data, FACTS, 8, seed=1), 2)
    again = next(iter(scene_batches(data, FACTS, 8, seed=1)))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    key = {x.sum().item(): m for x, m in zip(data.images, data.facts["maps"], strict=True)}
    for x, m in zip(second[0].flip(3), second[1].flip(2), strict=True):
        assert torch.equal(min(key.items(), key=lambda pair: abs(pair[0] - x.sum()))[1].long(), m)


def test_it_learns_to_obey():
    "Boxes, holes and the light of a toy world, told apart by a reader that saw other pictures."
    train, other, test = toy(96, seed=1), toy(48, seed=2), toy(32, seed=3)
    reader = train_reader(other, steps=60)
    maps, codes = wishes(test, FACTS)
    assert agreement(maps, read_layouts(reader, test.images), 3).mean > 0.9
    gan = scene_gan(WORDS, SMALL)
    untrained = agreement(maps, read_layouts(reader, draw_scenes(gan.G, maps, codes)), 3).mean
    for _ in islice(play(gan, scene_batches(train, FACTS)), 120):
        pass
    made = draw_scenes(gan.G, maps, codes)
    read = read_layouts(reader, made)
    chance = agreement(maps.roll(1, 0), read, 3).mean
    assert agreement(maps, read, 3).mean > max(0.7, chance + 0.2, untrained + 0.2)
    night = draw_scenes(gan.G, maps, WORDS.codes(light="night"))
    assert night.mean() < draw_scenes(gan.G, maps, WORDS.codes(light="day")).mean() - 0.1


class Elsewhere(torch.nn.Module):
    "A generator whose weights lie on another device; it insists that what it is given does."

    latent_dim = 4

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1, device="meta"))

    def forward(self, *given):
        assert all(x.device == self.weight.device for x in given)
        return torch.zeros(len(given[0]), 3, 16, 16)


def test_scenes_are_drawn_where_the_generator_is():
    assert draw_scenes(Elsewhere(), *scene(n=40)).shape == (40, 3, 16, 16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_scenes_of_a_gpu_come_to_the_processor():
    G = scene_gan(WORDS, SMALL).G
    near = draw_scenes(G, *scene())
    far = draw_scenes(G.cuda(), *scene())
    assert far.device.type == "cpu" and (near - far).abs().max() < 0.02


# -- kept, painted ------------------------------------------------------------------------------


def test_kept_and_loaded(tmp_path):
    G = scene_gan(WORDS, SMALL, seed=2).G
    save_scenes(tmp_path / "g.safetensors", G, WORDS, SMALL)
    again, known = load_scenes(tmp_path / "g.safetensors")
    assert known == WORDS and not any(p.requires_grad for p in again.parameters())
    there, back = (draw_scenes(net, *scene()) for net in (G, again))
    assert (there - back).abs().max() < 0.02  # half precision
    save_generator(torch.nn.Linear(1, 1), tmp_path / "other.safetensors", {})
    with pytest.raises(ValueError, match="draws no scenes"):
        load_scenes(tmp_path / "other.safetensors")


def test_what_would_come_back_as_another_generator_is_not_kept(tmp_path):
    "ToldFirst has weights of the same names and shapes as Spade."
    for norm in set(ORDERS.values()) - {Spade}:
        with pytest.raises(ValueError, match=f"told by {norm.__name__}"):
            save_scenes(tmp_path / "g", scene_gan(WORDS, SMALL, norm).G, WORDS, SMALL)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_stay_within_their_bounds(shape):
    canvas = Canvas(torch.zeros(12, 15), 2)
    canvas.paint(1, 2, 9, 4, 13, shape)
    rows, columns = canvas.layout.nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 8, 4, 12)
    assert canvas.layout.sum() == 63 if shape == "rectangle" else 40 < canvas.layout.sum() < 63


def test_an_empty_shape_paints_nothing_and_undo_has_an_end():
    canvas = Canvas(torch.zeros(6, 6), 2)
    canvas.paint(1, 3, 3, 0, 6)
    assert canvas.layout.sum() == 0
    for _ in range(3):
        canvas.undo()
    assert canvas.layout.sum() == 0 and not canvas.past


@pytest.fixture
def painter():
    G = scene_gan(WORDS, SMALL).G
    return Painter(G, WORDS, torch.zeros(16, 24), WORDS.codes(light="night"))


def test_the_painter_does_what_its_buttons_say(painter):
    assert painter.tools["light"].value == 1 and painter.scene().shape == (1, 3, 16, 24)
    painter.tools["label"].value, painter.tools["rows"].value = 2, (0, 4)
    before = painter.image.value
    painter.buttons["Paint"].click()
    assert (painter.canvas.layout[:4, 6:18] == 2).all() and painter.image.value != before
    painter.tools["instead of"].value, painter.tools["label"].value = 2, 1
    painter.buttons["Swap"].click()
    assert painter.canvas.layout.unique().tolist() == [0, 1]
    painter.buttons["Undo"].click()
    painter.buttons["Undo"].click()
    assert painter.image.value == before


def test_facts_and_noise_act_at_once(painter):
    for tool, value in (("light", 0), ("noise", 7)):
        before = painter.image.value
        painter.tools[tool].value = value
        assert painter.image.value != before


def test_a_painter_is_a_picture_where_no_widgets_are(painter):
    shown = painter._repr_mimebundle_()
    assert shown["image/png"].startswith("iVBOR") and "box" in shown["text/plain"]


def test_every_label_has_its_colour():
    shades = coloured(torch.arange(20).view(1, 4, 5), 20).flatten(2)[0].T
    assert len(shades.unique(dim=0)) == 20 and shades.abs().max() <= 1


# -- what was recorded --------------------------------------------------------------------------


RATIOS = {"landscapes": 0.95, "rooms": 0.88, "buildings": 0.95}  # what is recorded, seed by seed


@pytest.mark.parametrize("name", RATIOS)
def test_the_record_reaches_the_target(root, name):
    place = root / "data" / "records" / "scenes.json"
    record = json.loads(place.read_text(encoding="utf-8"))
    named = record["runs"][f"facts {name}"]
    runs = [run for key, run in record["runs"].items() if key.startswith(f"scene {name}")]
    assert {"command", "machine"} <= record.keys() and named["commit"]
    assert sorted(run["seed"] for run in runs) == [0, 1, 2]
    for run in runs:
        assert run["commit"] and run["ratio"] == pytest.approx(
            run["generated"] / run["real"], abs=1e-3
        )
        assert run["ratio"] >= RATIOS[name] and run["generated"] > 1.5 * run["shuffled"]
    _, known = load_scenes(place.with_name(f"scenes-{name}.safetensors"))
    assert known.facts.keys() == named["facts"].keys()
    assert all(fact["generated"] > fact["commonest"] for fact in named["facts"].values())
