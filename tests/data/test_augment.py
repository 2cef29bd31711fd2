"""The augmentations one by one: wrong inputs beside right ones, types, devices' rules, and what the laws do not reach."""

from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from vademecum.data import (
    Augmented,
    ColorJitter,
    ColorShift,
    ElasticDeformation,
    GaussianBlur,
    GaussianNoise,
    PCAColor,
    PixelDrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomTranslate,
    RandomVerticalFlip,
    center_crop,
    ten_crop,
)


def images(*shape, seed=0):
    return torch.rand(*(shape or (6, 3, 8, 10)), generator=seeded(seed))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pca():
    return PCAColor(1.0).fit(images(20, 3, 4, 4))


MAKERS = {
    "color_jitter": lambda: ColorJitter(0.4, 0.4, 0.4, 0.2),
    "color_shift": lambda: ColorShift(0.3),
    "elastic": lambda: ElasticDeformation(8.0, 2.0),
    "blur": lambda: GaussianBlur((0.5, 1.5)),
    "noise": lambda: GaussianNoise(0.3),
    "pca": pca,
    "drop": lambda: PixelDrop(0.4),
    "crop": lambda: RandomCrop(padding=2),
    "smaller": lambda: RandomCrop((5, 6)),
    "hflip": lambda: RandomHorizontalFlip(),
    "vflip": lambda: RandomVerticalFlip(),
    "resized": lambda: RandomResizedCrop((6, 5), scale=(0.3, 0.8)),
    "rotation": lambda: RandomRotation(40.0),
    "translate": lambda: RandomTranslate(2),
    "subpixel": lambda: RandomTranslate(1.5, subpixel=True),
}
each = pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in MAKERS.items()])


@each
def test_boxes_and_masks_come_back_in_their_types(make):
    x = images()
    boxes = [torch.tensor([[1.0, 1.0, 6.0, 5.0]]).expand(n, 4) for n in (0, 1, 2, 3, 0, 1)]
    masks = (images(6, 2, 8, 10, seed=1) > 0.5).to(torch.int64)
    got = make()(x, boxes=boxes, masks=masks, generator=seeded())
    assert isinstance(got, Augmented)
    assert [len(box) for box in got.boxes] == [0, 1, 2, 3, 0, 1]
    assert all(box.dtype == torch.float32 for box in got.boxes)
    assert got.masks.dtype == torch.int64
    assert got.masks.shape == (6, 2, *got.x.shape[-2:])
    assert_close(got.x, make()(x, generator=seeded()), rtol=0, atol=0)
    h, w = got.x.shape[-2:]
    for box in got.boxes:
        assert bool((box[:, :2] <= box[:, 2:]).all())
        assert_close(box, box.clamp(min=0).minimum(torch.tensor([w, h, w, h])), rtol=0, atol=0)


@each
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float64])
def test_types_stay(make, dtype):
    x = (images() * 255).to(dtype)
    y = make()(x, generator=seeded())
    assert y.dtype == dtype
    assert bool(y.isfinite().all())


@each
def test_empty_batch(make):
    y = make()(images(0, 3, 8, 10), masks=torch.zeros(0, 8, 10), boxes=[])
    want = make()(images(1, 3, 8, 10)).shape[1:]
    assert y.x.shape == (0, *want)
    assert y.masks.shape == (0, *want[1:])


@each
def test_copies_and_states(make):
    first = make()
    copy = deepcopy(first)
    copy.load_state_dict(first.state_dict())
    assert_close(copy(images(), generator=seeded()), first(images(), generator=seeded()), rtol=0, atol=0)
    assert repr(first)


@each
def test_strided_input(make):
    x = images(6, 3, 10, 8).transpose(2, 3)
    want = make()(x.contiguous(), generator=seeded())
    for other in (x, x.contiguous(memory_format=torch.channels_last)):
        assert_close(make()(other, generator=seeded()), want)


@each
def test_the_gradient_reaches_the_pixels(make):
    x = images(4, 3, 8, 10).double().requires_grad_()
    make()(x, generator=seeded()).square().sum().backward()
    assert bool((x.grad != 0).any())


@each
def test_global_stream_is_used_only_without_a_generator(make):
    before = torch.random.get_rng_state()
    make()(images(), generator=seeded())
    after = torch.random.get_rng_state()
    assert_close(after, before, rtol=0, atol=0)


@each
def test_refusals(make):
    augment = make()
    with pytest.raises(ValueError, match=r"batch of images \(B, C, H, W\): x is \(3, 8, 10\)"):
        augment(images(3, 8, 10))
    with pytest.raises(TypeError, match="floating or uint8"):
        augment(torch.zeros(2, 3, 8, 10, dtype=torch.int64))
    x = images()
    with pytest.raises(ValueError, match="one tensor an example: 1 came"):
        augment(x, boxes=[torch.zeros(1, 4)])
    with pytest.raises(ValueError, match=r"those of example 2 are \(4,\)"):
        augment(x, boxes=[torch.zeros(0, 4)] * 2 + [torch.zeros(4)] * 4)
    with pytest.raises(TypeError, match="boxes must be floating"):
        augment(x, boxes=[torch.zeros(1, 4, dtype=torch.int64)] * 6)
    with pytest.raises(ValueError, match=r"masks are \(6, 8, 9\)"):
        augment(x, masks=torch.zeros(6, 8, 9))


@pytest.mark.parametrize(
    "name", ["color_shift", "elastic", "blur", "hflip", "rotation", "translate", "noise", "pca"]
)
def test_p_leaves_examples_as_they_are(name):
    augment = MAKERS[name]()
    augment.p = 0.5
    x = images(64, 3, 8, 10)
    y = augment(x, generator=seeded(1))
    same = (y == x).flatten(1).all(1)
    assert 10 < int(same.sum()) < 54
    augment.p = 0.0
    assert_close(augment(x), x, rtol=0, atol=0)


def test_tables_take_noise_and_drop_only():
    rows = torch.randn(50, 3, generator=seeded())
    assert GaussianNoise(0.1)(rows).shape == PixelDrop(0.1)(rows).shape == rows.shape
    for name in ("color_shift", "blur", "rotation", "translate", "crop", "elastic", "pca"):
        with pytest.raises(ValueError, match=r"on rows \(B, F\) only GaussianNoise and PixelDrop work"):
            MAKERS[name]()(rows)


def test_noise_on_tables_is_in_units_of_the_columns():
    rows = torch.randn(4000, 2, generator=seeded()) * torch.tensor([1.0, 1000.0])
    noise = GaussianNoise(0.1).fit(rows)
    assert_close((noise(rows) - rows).std(0) / rows.std(0), torch.tensor([0.1, 0.1]), rtol=0.05, atol=0)
    with pytest.raises(ValueError, match="2 features in dimension 1"):
        noise(rows[:, :1])
    with pytest.raises(ValueError, match=r"columns of a table \(N, F\)"):
        GaussianNoise().fit(images())


def test_missing_values_of_a_table_stay_missing():
    rows = torch.tensor([[torch.nan, 1.0]])
    assert bool(GaussianNoise(0.1)(rows).isnan()[0, 0])
    assert_close(PixelDrop(0.0)(rows), rows, rtol=0, atol=0, equal_nan=True)


def test_uint8_of_full_intensity_does_not_wrap_around():
    x = torch.full((4, 3, 5, 5), 250, dtype=torch.uint8)
    y = ColorJitter(brightness=(2.0, 2.0))(x)
    assert_close(y, torch.full_like(x, 255), rtol=0, atol=0)
    assert int(GaussianNoise(0.01)(x).min()) > 200


def test_values_outside_are_as_said():
    x = torch.full((1, 1, 6, 6), 5.0)
    for fill in (0.0, -2.0):
        y = RandomRotation((45, 45), fill=fill)(x)
        assert_close(y[0, 0, 0, 0], torch.tensor(fill))
        moved = RandomCrop(padding=6, fill=fill)(x.repeat(50, 1, 1, 1), generator=seeded())
        assert set(moved.unique().tolist()) == {5.0, fill}
    for mode in ("border", "reflection"):
        for augment in (
            RandomRotation(45, padding_mode=mode),
            RandomTranslate(3, padding_mode=mode),
            RandomCrop(padding=9, padding_mode=mode),
        ):
            assert_close(augment(x), x)


@pytest.mark.parametrize("mode", ["zeros", "border", "reflection"])
def test_indexed_shifts_are_sampled_shifts(mode):
    """The two ways to move, by index and by sampling, agree on what lies outside."""
    from vademecum.data._warp import resampled, shift_matrix, shifted

    x = images(9, 2, 5, 6).double()
    dx, dy = torch.arange(-4, 5), torch.tensor([0, 3, -3, 1, 0, -1, 2, -2, 4])
    options = {"padding_mode": mode, "fill": 0.5 if mode == "zeros" else 0.0}
    whole = shifted(x, None, None, dx, dy, limit=(4, 4), **options).x
    sampled = resampled(x, None, None, shift_matrix(dx.double(), dy.double()), **options).x
    assert_close(sampled, whole, rtol=1e-9, atol=1e-9)


def test_large_images_take_the_same_way():
    x = images(5, 3, 80, 90)
    for augment in (RandomHorizontalFlip(), RandomVerticalFlip(), RandomCrop(padding=3)):
        small = torch.cat([augment(x[:, :, :, :], generator=seeded())])
        parts = torch.stack([augment(x[:, c : c + 1], generator=seeded()) for c in range(3)], dim=1)[:, :, 0]
        assert_close(small, parts, rtol=0, atol=0)


def test_center_and_ten_crops():
    x = torch.arange(30.0).view(1, 1, 5, 6)
    assert_close(center_crop(x, (3, 2)), x[..., 1:4, 2:4])
    assert ten_crop(x, 3).shape == (1, 10, 1, 3, 3)
    assert_close(ten_crop(x, (3, 2))[:, 4], center_crop(x, (3, 2)))
    with pytest.raises(ValueError, match=r"size must fit .* \(7, 7\)"):
        center_crop(x, 7)
    with pytest.raises(ValueError, match="positive number of pixels"):
        ten_crop(x, 0)


def test_elastic_boxes_are_those_of_the_pixels_and_one_that_left_has_no_area():
    from vademecum.data.elastic_deformation import redrawn

    away = torch.full((2, 8, 10), 100.0)
    box = redrawn(torch.tensor([[1.0, 2.0, 4.0, 6.0]]), away)
    assert_close(box, torch.tensor([[2.5, 4.0, 2.5, 4.0]]))
    still = torch.zeros(2, 8, 10)
    assert_close(redrawn(torch.tensor([[1.0, 2.0, 4.0, 6.0]]), still), torch.tensor([[1.0, 2.0, 4.0, 6.0]]))


def test_pca_color_remembers_that_it_is_fitted():
    first, second = pca(), PCAColor(1.0)
    with pytest.raises(ValueError, match="fitted before it is used"):
        second(images())
    second.load_state_dict(first.state_dict())
    assert_close(second(images(), generator=seeded()), first(images(), generator=seeded()), rtol=0, atol=0)
    with pytest.raises(ValueError, match="fitted once"):
        second.fit(images())
    with pytest.raises(ValueError, match="colors must vary"):
        PCAColor().fit(torch.ones(2, 3, 2, 2))
    with pytest.raises(ValueError, match="3 features in dimension 1"):
        first(images(2, 1, 4, 4))
    gray = PCAColor(num_channels=1).fit(images(5, 1, 4, 4))
    assert gray(images(2, 1, 4, 4)).shape == (2, 1, 4, 4)


def test_pca_color_by_uint8_and_by_shares_is_the_same():
    x = (images(20, 3, 4, 4) * 255).byte()
    whole, shares = PCAColor().fit(x), PCAColor().fit(x.float() / 255)
    assert_close(whole.eigenvalues, shares.eigenvalues)


def test_blur_is_wider_than_the_image():
    x = images(2, 1, 2, 1)
    assert_close(GaussianBlur(3.0)(x).mean(), x.mean(), rtol=0.2, atol=0)
    assert_close(GaussianBlur(3.0)(torch.ones(1, 1, 1, 1)), torch.ones(1, 1, 1, 1))


def test_resized_crop_falls_back_to_the_middle():
    crop = RandomResizedCrop(
        scale=(1.0, 1.0), ratio=(2.0, 2.0)
    )  # a square holds no rectangle of 2 to 1 of its area
    box = crop.rectangle(3, 8, 8)
    assert_close(box, torch.tensor([[0.0, 2.0, 8.0, 6.0]]).double().expand(3, 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise(-0.1), "std must be a number"),
        (lambda: GaussianNoise(0.1, p=1.5), "p must be a probability"),
        (lambda: PixelDrop(2.0), "p must be a probability"),
        (lambda: GaussianBlur((2.0, 1.0)), "put the lower bound first"),
        (lambda: RandomRotation(-5.0), "degrees must be at least 0"),
        (lambda: RandomRotation(5.0, padding_mode="wrap"), "padding_mode must be"),
        (lambda: RandomTranslate(1.5), "whole number of pixels"),
        (lambda: RandomTranslate((1, -2)), "at least 0"),
        (lambda: RandomCrop(0), "positive number"),
        (lambda: RandomCrop(padding=-1), "padding must be"),
        (lambda: RandomCrop((2, 3, 4)), r"\(h, w\)"),
        (lambda: RandomCrop(9)(images()), r"fit into the padded image: size is \(9, 9\)"),
        (lambda: RandomResizedCrop(scale=(0.5, 2.0)), "scale must be"),
        (lambda: ColorJitter(hue=0.7), "hue must be"),
        (lambda: ColorJitter(brightness=-1.0), "brightness must be at least 0"),
        (lambda: ColorJitter(0.1)(images(1, 2, 4, 4)), "1 or 3 channels"),
        (lambda: ColorShift(-1.0), "max_shift must be"),
        (lambda: ElasticDeformation(-1.0), "alpha must be"),
        (lambda: ElasticDeformation(1.0, 0.0), "sigma must be"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_gray_images_have_no_hue_and_no_saturation():
    x = images(4, 1, 5, 5)
    assert_close(ColorJitter(saturation=0.5, hue=0.3)(x), x, rtol=0, atol=0)
    assert not torch.equal(ColorJitter(contrast=0.5)(x), x)


def test_double_precision_stays():
    x = images().double()
    assert_close(RandomRotation((360, 360))(x), x, rtol=1e-9, atol=1e-9)
