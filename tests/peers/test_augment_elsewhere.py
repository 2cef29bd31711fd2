"""The augmentations side by side with kornia's, with the same parameters. Disagreements are asserted as measured."""

import math

import pytest
import torch
from torch.testing import assert_close

from vademecum import data
from vademecum.data._warp import padded, windows

pytestmark = pytest.mark.peer


@pytest.fixture(autouse=True)
def _needs_kornia() -> None:
    pytest.importorskip("kornia", reason="kornia is not installed: make peers")


def images(*shape: int) -> torch.Tensor:
    """Pixels that no clamp of kornia's cuts."""
    return 0.2 + 0.5 * torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_flips() -> None:
    import kornia.augmentation as K

    x = images(4, 3, 9, 12)
    assert_close(data.RandomHorizontalFlip(1.0)(x), K.RandomHorizontalFlip(p=1.0)(x), rtol=0, atol=0)
    assert_close(data.RandomVerticalFlip(1.0)(x), K.RandomVerticalFlip(p=1.0)(x), rtol=0, atol=0)


@pytest.mark.parametrize("angle", [20.0, -75.0, 90.0])
def test_rotation(angle: float) -> None:
    import kornia.augmentation as K

    x = images(4, 3, 17, 23)
    ours = data.RandomRotation((angle, angle))(x)
    assert_close(ours, K.RandomRotation((angle, angle), p=1.0)(x), rtol=0, atol=1e-4)


def test_crop() -> None:
    import kornia.augmentation as K

    x = images(16, 3, 12, 12)
    crop = K.RandomCrop((12, 12), padding=4)
    want = crop(x)
    left, top = crop._params["src"][:, 0].long().T
    assert_close(windows(padded(x, (4, 4), padding_mode="zeros"), top, left, (12, 12)), want, rtol=0, atol=0)


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_blur_with_the_same_kernel(sigma: float) -> None:
    from kornia.filters import gaussian_blur2d

    x = images(4, 3, 17, 23)
    size = 2 * math.ceil(3 * sigma) + 1
    assert_close(
        data.GaussianBlur(sigma)(x), gaussian_blur2d(x, (size, size), (sigma, sigma)), rtol=0, atol=1e-5
    )


def test_color_jitter() -> None:
    import kornia.augmentation as K

    x = images(4, 3, 8, 8)
    factors = ((1.2, 1.2), (0.8, 0.8), (1.1, 1.1))
    theirs = K.ColorJitter(*factors, order=[0, 1, 2, 3])(x)
    assert_close(data.ColorJitter(*factors)(x), theirs, rtol=0, atol=1e-5)
    assert_close(data.ColorJitter(hue=(0.1, 0.1))(x), K.RandomHue((0.1, 0.1), p=1.0)(x), rtol=0, atol=1e-4)


def test_color_jiggle_adds_to_the_brightness() -> None:
    import kornia.augmentation as K

    x = images(4, 3, 8, 8)
    assert_close(K.ColorJiggle((1.2, 1.2))(x), x + 0.2)


def test_elastic_field() -> None:
    """Kornia's field is in halves of the image and fades at the border; in the middle the two agree."""
    from kornia.geometry.transform import elastic_transform2d

    alpha, sigma, size = 8.0, 2.0, 40
    x = images(3, 1, size, size)
    radius = math.ceil(3 * sigma)
    deform = data.ElasticDeformation(alpha, sigma, p=1.0)
    ours = sampled_by(deform.field(3, size, size, generator=torch.Generator().manual_seed(1)), x)
    wide = size + 2 * radius
    noise = 2 * torch.rand(3, 2, wide, wide, generator=torch.Generator().manual_seed(1)) - 1
    theirs = elastic_transform2d(
        x,
        noise[..., radius:-radius, radius:-radius],
        (2 * radius + 1,) * 2,
        (sigma, sigma),
        (2 * alpha / size,) * 2,
    )
    middle = slice(radius, -radius)
    assert_close(ours[..., middle, middle], theirs[..., middle, middle], rtol=0, atol=1e-3)


def sampled_by(field: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    from vademecum.data._warp import identity, sampled, sampling_grid

    size = tuple(x.shape[-2:])
    still = sampling_grid(identity(1, x.device), size, size, x)
    moves = (field * torch.tensor([2 / size[1], 2 / size[0]]).view(1, 2, 1, 1)).permute(0, 2, 3, 1)
    return sampled(x, still + moves, mode="bilinear", padding_mode="zeros")


def test_each_example_is_drawn_for_itself_there_too() -> None:
    import kornia.augmentation as K

    x = images(1, 3, 8, 8).repeat(6, 1, 1, 1)
    for augment in (data.RandomRotation(30), K.RandomRotation(30.0, p=1.0)):
        assert len(torch.unique(augment(x).flatten(1), dim=0)) == 6
