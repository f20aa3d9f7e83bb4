"What would bore a reader of chapter 18 and must hold."

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbook.datasets import batches
from ganbook.games import play, seeded
from ganbook.images import read, stored_range, to_array
from ganbook.medical import (
    MARK,
    Changes,
    MaskDiscriminator,
    MaskGenerator,
    Segmenter,
    UNet,
    descend,
    dice,
    lesion_changes,
    make_pairs,
    mask_gan,
    moved,
    played,
    train_segmenter,
    write_dicom,
    write_nifti,
)

RECORD = Path(__file__).resolve().parents[1] / "data" / "records" / "medical.json"


def noise(*shape, seed=0):
    "Pictures of sixteen bits: every value is a level of uint16."
    with seeded(seed):
        return torch.randint(65536, shape).double().div(65535).mul(2).sub(1).float()


# U-Net


@pytest.mark.parametrize("depth", [1, 3, 5])
@pytest.mark.parametrize("size", [(64, 64), (33, 47), (1, 70), (16, 8)])
@pytest.mark.parametrize("channels", [(1, 1), (3, 4)])
def test_any_size_and_any_channels(depth, size, channels):
    with seeded(0):
        net = UNet(*channels, width=4, depth=depth)
        out = net(torch.randn(2, channels[0], *size))
    assert out.shape == (2, channels[1], *size) and out.isfinite().all()


def test_training_use_and_company_change_nothing_and_all_weights_learn():
    with seeded(0):
        net, x, z = UNet(1, 2, width=8, latent_dim=5), torch.randn(4, 1, 32, 32), torch.randn(4, 5)
    with torch.no_grad():
        out = net.train()(x, z)
        assert torch.equal(out, net.eval()(x, z))
        assert torch.allclose(net(x[2:3], z[2:3]), out[2:3], atol=1e-4)
    net(x, z).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_it_sees_far_and_keeps_its_place():
    with seeded(0):
        net, x = UNet(1, 1, width=8), torch.randn(1, 1, 64, 64, requires_grad=True)
    (seen,) = torch.autograd.grad(net(x)[0, 0, 32, 32], x)
    far = seen[0, 0].abs()
    assert far[32, 32] > 0 and (far > 0).float().mean() > 0.9
    assert far[32, 32] > 10 * far[:8, :8].mean()


# Masks


def blob(*corners, size=16, side=3):
    "A mask with squares at these corners."
    mask = torch.zeros(1, 1, size, size)
    for y, x in corners:
        mask[..., y : y + side, x : x + side] = 1
    return mask


def test_lesions_are_counted_by_what_overlaps():
    true = blob((1, 1), (9, 9))
    assert lesion_changes(true, true) == Changes(2, 0, 0, 1)
    assert lesion_changes(true, true * 0) == Changes(0, 2, 0, 1)
    assert lesion_changes(true * 0, true) == Changes(0, 0, 2, 1)
    grazed = blob((3, 3), (9, 9))  # one pixel of nine: neither found nor made up
    assert lesion_changes(true, grazed) == Changes(1, 1, 0, 1)
    assert lesion_changes(true, grazed, share=1 / 9) == Changes(2, 0, 0, 1)
    over = torch.ones_like(true)  # everything marked: all kept, nothing made up
    assert lesion_changes(true, over) == Changes(2, 0, 0, 1)


def test_corners_join_and_specks_do_not_count():
    line = torch.zeros(1, 1, 8, 8)
    for i in range(4):
        line[0, 0, i, i] = 1
    assert lesion_changes(line, line) == Changes(1, 0, 0, 1)
    speck = torch.zeros(1, 1, 8, 8)
    speck[0, 0, 6, 1:3] = 1
    assert lesion_changes(line, line + speck) == Changes(1, 0, 0, 1)
    assert lesion_changes(line, line + speck, least=1) == Changes(1, 0, 1, 1)


def test_counts_do_not_depend_on_the_order_or_the_kind_of_mask():
    with seeded(0):
        true, found = (torch.rand(2, 6, 1, 12, 12) > 0.8).float()
    assert lesion_changes(true, found) == lesion_changes(true.bool().flip(0), found.flip(0))
    assert dice(true, found) == dice(found.bool(), true)


def test_moving_keeps_masks_masks_and_the_two_together():
    with seeded(0):
        mask = (torch.rand(8, 1, 64, 64) > 0.9).float()
        both = moved(torch.cat([mask, mask], 1))
    assert set(both.unique().tolist()) == {0, 1} and torch.equal(both[:, 0], both[:, 1])
    assert not torch.equal(both[:, :1], mask)


# Made around masks


@pytest.mark.parametrize("size", [32, (48, 64), 128])
def test_generators_of_any_divisible_size_follow_the_mask(size):
    with seeded(0):
        G, D = MaskGenerator(size, width=4), MaskDiscriminator(size, width=4)
        for mark in G.marks:
            mark.weight.data.normal_()
    z, mask = torch.zeros(2, 64), torch.zeros(2, 1, *G.size)
    mask[1, :, 8:12, 8:12] = 1
    fake = G.eval()(z, mask)
    assert fake.shape == (2, 1, *G.size) and fake.abs().max() <= 1
    change = (fake[0] - fake[1]).abs()[0]
    assert change[8:12, 8:12].mean() > 2 * change[-8:, -8:].mean()
    assert D(fake, mask)[0] != D(fake, mask.flip(0))[0]
    with pytest.raises(ValueError, match="mask is missing"):
        D(fake)


def test_games_repeat_and_pairs_do():
    with seeded(0):
        x, m = torch.rand(8, 1, 16, 16), (torch.rand(8, 1, 16, 16) > 0.9).float()
    one, two = (played(mask_gan(16, width=4, seed=3), x, m, steps=3) for _ in range(2))
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    )
    pairs = [make_pairs(G, m, 5, seed=1) for G in (one, two)]
    assert all(torch.equal(a, b) for a, b in zip(*pairs, strict=True))
    assert set(pairs[0][1].unique().tolist()) <= {0, 1}
    with pytest.raises(ValueError, match="at least one mask"):
        make_pairs(one, m[:0], 5)
    gan = mask_gan(16, width=4)
    assert [r.step for r in islice(play(gan, batches(x, m, batch_size=4)), 2)] == [1, 2]


def test_segmenters_repeat_and_learn_what_is_plain():
    with seeded(0):
        masks = (torch.rand(24, 1, 4, 4) > 0.7).float().repeat_interleave(4, 2)
        masks = masks.repeat_interleave(4, 3)
        images = masks - 0.5 + 0.2 * torch.randn(24, 1, 16, 16)
    find = train_segmenter(images, masks, steps=40)
    assert dice(find(images), masks) > 0.95
    assert torch.equal(train_segmenter(images, masks, steps=40)(images), find(images))


def test_changed_batches_repeat_and_leave_the_random_numbers_of_others_alone():
    with seeded(0):
        images, masks = torch.randn(12, 1, 16, 16), (torch.rand(12, 1, 16, 16) > 0.8).float()
    weights = lambda **how: torch.cat(
        [p.flatten() for p in train_segmenter(images, masks, steps=4, **how).net.parameters()]
    )
    noisy = lambda x, m: (x + torch.randn_like(x), m)
    with seeded(1):
        one, drawn = weights(change=noisy), torch.rand(3)
    with seeded(1):
        untouched = torch.rand(3)
    assert torch.equal(drawn, untouched)
    assert torch.equal(one, weights(change=noisy)) and not torch.equal(one, weights())
    assert torch.equal(weights(), weights(change=lambda *pair: pair))


def test_descending_takes_so_many_batches_and_follows_the_rate_of_the_optimiser():
    net, rates, taken = torch.nn.Linear(1, 1), [], []
    opt = torch.optim.SGD(net.parameters(), 0.5)

    def pairs():
        while True:
            taken.append(1)
            rates.append(opt.param_groups[0]["lr"])
            yield torch.zeros(2, 1), torch.zeros(2, 1)

    descend(net, opt, pairs(), torch.nn.functional.mse_loss, 40)
    assert len(taken) == 40 and max(rates) == pytest.approx(0.5, rel=0.01)
    assert rates[0] < 0.05 and rates[-1] < 0.01 and not net.training
    with pytest.raises(ValueError, match="total_steps"):
        descend(net, opt, pairs(), torch.nn.functional.mse_loss, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_generators_and_segmenters_on_a_gpu_answer_on_the_cpu():
    m = (torch.rand(8, 1, 16, 16) > 0.9).float()
    images, asked = make_pairs(mask_gan(16, width=4).G.cuda(), m, 5)
    assert images.device.type == asked.device.type == "cpu"
    assert Segmenter(UNet(1, 1, width=4).cuda())(images).device.type == "cpu"


# Files


@pytest.mark.parametrize("units", [(-1000.0, 600.0), (0.0, 1.0), (-1024, 3071), (0, 65535)])
@pytest.mark.parametrize("modality", ["CT", "MR", "DX"])
def test_dicom_comes_back_bit_for_bit(tmp_path, units, modality):
    pydicom = pytest.importorskip("pydicom")
    image = noise(1, 20, 31)
    path = write_dicom(tmp_path / "new folder" / "ä.dcm", image, units, modality, spacing=0.7)
    held, want = pydicom.dcmread(path), to_array(image[None], 16)[0, ..., 0]
    assert np.array_equal(held.pixel_array, want)
    low, high = units
    measured = pydicom.pixels.apply_modality_lut(held.pixel_array, held)
    assert np.allclose(
        measured, low + want / 65535 * (high - low), rtol=0, atol=1e-9 * (high - low)
    )
    for window in ("all", None, units):
        assert np.array_equal(to_array(read(path, window=window), 16)[0, ..., 0], want)
    assert stored_range(path) == (0, 65535)
    assert held.PixelSpacing == [0.7, 0.7] and held.Modality == modality


def test_dicom_says_in_every_place_that_nobody_was_scanned(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    paths = [
        write_dicom(tmp_path / f"{i}.dcm", noise(1, 8, 8, seed=i), series="a", number=i)
        for i in (1, 2)
    ]
    one, two = map(pydicom.dcmread, paths)
    assert one[0x0008001C].value == "YES" and one[0x0008001C].keyword == "SyntheticData"
    assert list(one.ImageType) == ["DERIVED", "SECONDARY"] and one.ConversionType == "SYN"
    assert one.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert "SYNTHETIC" in str(one.PatientName) and one.PatientID == "SYNTHETIC"
    assert one.DerivationDescription == one.ImageComments == MARK
    assert (
        one.SeriesInstanceUID == two.SeriesInstanceUID and one.SOPInstanceUID != two.SOPInstanceUID
    )
    assert all(uid.is_valid for uid in (one.SOPInstanceUID, one.SeriesInstanceUID))
    again = write_dicom(tmp_path / "again.dcm", noise(1, 8, 8, seed=1), series="a", number=1)
    assert again.read_bytes() == paths[0].read_bytes()
    other = write_dicom(tmp_path / "other.dcm", noise(1, 8, 8, seed=1), series="b", number=1)
    assert pydicom.dcmread(other).StudyInstanceUID != one.StudyInstanceUID


def test_files_that_differ_in_anything_have_identifiers_of_their_own(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    image = noise(1, 8, 8)
    usual = dict(image=image, units=(-1000.0, 600.0), modality="CT", spacing=5.5, number=1)
    changes = [
        {},
        dict(modality="MR"),
        dict(units=(0.0, 1.0)),
        dict(spacing=2.0),
        dict(image=image.view(1, 4, 16)),  # the same bytes
    ]
    held = [
        pydicom.dcmread(write_dicom(tmp_path / f"{i}.dcm", **{**usual, **change}))
        for i, change in enumerate(changes)
    ]
    assert len({h.PixelData for h in held}) == 1
    assert len({h.SOPInstanceUID for h in held}) == len({h.SeriesInstanceUID for h in held}) == 5
    assert len({h.StudyInstanceUID for h in held}) == 1
    second = pydicom.dcmread(write_dicom(tmp_path / "second.dcm", **{**usual, "number": 2}))
    assert second.SeriesInstanceUID == held[0].SeriesInstanceUID
    assert second.SOPInstanceUID != held[0].SOPInstanceUID


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_comes_back_bit_for_bit_and_is_marked(tmp_path, name):
    nibabel = pytest.importorskip("nibabel")
    images = noise(4, 1, 9, 14)
    path = write_nifti(tmp_path / name, images, (-1000, 600), spacing=(2.0, 3.0, 4.0))
    held, want = nibabel.load(path), to_array(images, 16)[..., 0]
    assert held.shape == (14, 9, 4) and nibabel.aff2axcodes(held.affine) == ("R", "A", "S")
    assert held.header.get_zooms() == (2, 3, 4)
    assert np.array_equal(held.dataobj.get_unscaled()[::-1, ::-1].T, want)
    assert np.allclose(held.get_fdata()[::-1, ::-1].T, want / 65535 * 1600 - 1000, atol=1e-3)
    for window in ("all", None, (-1000, 600)):
        assert np.array_equal(to_array(read(path, window=window), 16)[..., 0], want)
    assert bytes(held.header["descrip"]).rstrip(b"\0").decode() == MARK
    assert held.header.get_intent()[2] == "synthetic"
    assert held.header.extensions[0].get_content() in (MARK, MARK.encode())
    again = write_nifti(tmp_path / f"again-{name}", images, (-1000, 600), spacing=(2.0, 3.0, 4.0))
    assert again.read_bytes() == path.read_bytes()


def test_nothing_is_overwritten_and_what_does_not_fit_is_refused(tmp_path):
    pytest.importorskip("pydicom")
    pytest.importorskip("nibabel")
    for write, name, image in (
        (write_dicom, "a.dcm", noise(1, 8, 8)),
        (write_nifti, "a.nii", noise(2, 1, 8, 8)),
    ):
        before = write(tmp_path / name, image).read_bytes()
        with pytest.raises(ValueError, match="not overwritten"):
            write(tmp_path / name, image)
        assert (tmp_path / name).read_bytes() == before
        with pytest.raises(ValueError, match="name ending in"):
            write(tmp_path / "a.png", image)
        with pytest.raises(ValueError, match="grey"):
            write(tmp_path / f"b-{name}", image.repeat_interleave(3, -3))
        with pytest.raises(ValueError, match="in order"):
            write(tmp_path / f"b-{name}", image, (5, 5))
        with pytest.raises(ValueError, match="in order"):
            write(tmp_path / f"b-{name}", image, (0, float("inf")))
        with pytest.raises(ValueError, match="no pixels"):
            write(tmp_path / f"b-{name}", image[..., :0])
        for wrong in (0, -1, float("nan")):
            with pytest.raises(ValueError, match="above 0"):
                gap = wrong if write is write_dicom else (1, 1, wrong)
                write(tmp_path / f"b-{name}", image, spacing=gap)
        assert not (tmp_path / f"b-{name}").exists()


# The record


def test_the_record_holds_what_the_chapter_says():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert all(record[key] for key in ("command", "machine", "versions", "reference"))
    runs = [job for job in record["jobs"].values() if "arms" in job]
    assert sorted((r["patients"], r["seed"]) for r in runs) == [
        (patients, seed) for patients in (5, 20, 80) for seed in range(3)
    ]

    def dice(arm, patients):
        return [r["arms"][arm]["dice"] for r in runs if r["patients"] == patients]

    for real, both, free in zip(*(dice(a, 5) for a in ("real", "both", "changed")), strict=True):
        assert real < both < free
    for real, both in zip(dice("real", 80), dice("both", 80), strict=True):
        assert both < real
    for patients in (5, 20, 80):
        assert sum(dice("made", patients)) < sum(dice("real", patients))
    for run in runs:
        assert len(run["attack"]["near"][0]) == run["patients"]
        assert len(run["attack"]["opinion"][1]) == 80
        assert run["obeys"]["asked"] > 4 * run["obeys"]["chance"]
    for job in ("xray", "brain"):
        assert record["jobs"][job]["obeys"]["asked"] > 0.1 + record["jobs"][job]["obeys"]["chance"]
