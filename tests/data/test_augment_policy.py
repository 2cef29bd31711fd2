from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum._core.errors import InputError, UnknownNameError
from vademecum.data import (
    GaussianNoise,
    OneOf,
    PCAColor,
    PixelDrop,
    Policy,
    RandomCrop,
    RandomRotation,
    RandomTranslate,
    Standardize,
)
from vademecum.data._policy_text import ENTRIES


def images(*shape, seed=0):
    return torch.rand(*(shape or (6, 3, 8, 8)), generator=seeded(seed))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


EVERYTHING = "crop:2,flip,rotate:15,color:0.2,noise:0.05,drop:0.1,blur:1,elastic:4:2,pca_color:0.1,translate:2,shift,vflip,resized_crop:0.5..1"


def test_everything_at_once_on_uint8_and_float():
    x = (images() * 255).byte()
    policy = Policy.parse(EVERYTHING).fit(x)
    y = policy(x, boxes=[torch.tensor([[1.0, 1.0, 5.0, 5.0]])] * 6, masks=x[:, 0] > 128, generator=seeded())
    assert y.x.dtype == torch.uint8
    assert y.x.shape == x.shape
    assert y.masks.dtype == torch.bool
    again = policy(x, generator=seeded())
    assert_close(again, y.x, rtol=0, atol=0)
    real = Policy.parse(EVERYTHING).fit(x.float() / 255)
    assert real(x.float() / 255, generator=seeded()).dtype == torch.float32
    assert_close(policy.eval()(x), x, rtol=0, atol=0)


def test_a_copy_of_a_fitted_policy_does_the_same():
    x = images()
    policy = Policy.parse("pca_color:1,rotate:20").fit(x)
    other = Policy.parse("pca_color:1,rotate:20")
    other.load_state_dict(policy.state_dict())
    for copy in (other, deepcopy(policy)):
        assert_close(copy(x, generator=seeded()), policy(x, generator=seeded()), rtol=0, atol=0)


def test_max_value_reaches_the_steps_that_are_shares_of_it():
    x = images() * 16
    small = Policy.parse("noise:0.1,shift:0.2")
    large = Policy.parse("noise:0.1,shift:0.2", max_value=16.0)
    assert_close(
        large(x, generator=seeded()) - x, 16 * (small(x, generator=seeded()) - x), rtol=1e-4, atol=1e-4
    )


def test_an_empty_line_does_nothing():
    x = images()
    assert_close(Policy.parse(" ")(x), x, rtol=0, atol=0)
    assert str(Policy.parse("")) == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("crop:4, flip ,rotate:15", "crop:4,flip,rotate:15"),
        ("flip@0.3", "flip@0.3"),
        ("blur", "blur:1"),
        ("blur:sigma=0.1..2", "blur:0.1..2"),
        ("blur:1|noise:0.1", "blur:1@0.5|noise:0.1@0.5"),
        ("blur:1@0.7|noise:0.1", f"blur:1@0.7|noise:0.1@{1 - 0.7!r}"),
        ("drop:0.2@0.5", "drop:0.2@0.5"),
        ("rotate:20@0.5", "rotate:20@0.5"),
        ("color:0.3", "color:0.3"),
        ("color:0.3:hue=0.1", "color:0.3:hue=0.1"),
        ("color:0.3:0.1", "color:0.3:0.1"),
        ("elastic:sigma=3", "elastic:34:3"),
        ("drop:fill=-1", "drop:0.1:-1"),
    ],
)
def test_lines(line, said):
    assert str(Policy.parse(line)) == said
    assert str(Policy.parse(said)) == said


def test_help_lists_every_name_and_its_defaults_can_be_read():
    lines = Policy.help().splitlines()
    assert [line.split()[0] for line in lines] == list(ENTRIES)
    for name in ENTRIES:
        assert str(Policy.parse(name)).startswith(name)


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("rotat:15", UnknownNameError, "did you mean 'rotate'"),
        ("crop:4,,flip", UnknownNameError, "augmentation must be one that exists: ''"),
        (
            "blur:sigm=1",
            UnknownNameError,
            "argument of blur must be one that exists: 'sigm' is none; did you mean 'sigma'",
        ),
        ("rotate:fifteen", InputError, "'fifteen' in 'rotate:fifteen' is none"),
        ("drop:0.1..0.2", InputError, "an argument must be a number"),
        ("flip:0.5", InputError, "a probability is written flip@0.5"),
        ("blur:1:2", InputError, "blur takes 1 argument"),
        ("elastic:1:alpha=2", InputError, "gives alpha twice"),
        ("flip@2", InputError, "probability must be from 0 to 1"),
        ("noise@often", InputError, "'often'"),
        ("drop:1.5", InputError, "'drop:1.5': p must be a probability"),
        ("translate:1.5", InputError, "whole number of pixels"),
        ("blur:2..1", InputError, "lower bound first"),
        ("blur@0.7|noise@0.7", InputError, "sum to 1.4"),
    ],
)
def test_lines_that_cannot_be_read(line, error, message):
    with pytest.raises(error, match=message):
        Policy.parse(line)


def test_a_step_of_another_kind_has_no_word():
    with pytest.raises(ValueError, match="write such a policy in Python"):
        str(Policy([nn.Identity()]))


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (RandomCrop(4), "size"),
        (RandomCrop(padding=2, fill=1.0), "fill"),
        (RandomTranslate(2, padding_mode="border"), "padding_mode"),
        (RandomTranslate(2, subpixel=True), "subpixel"),
        (PCAColor(num_channels=1), "num_channels"),
        (OneOf([RandomRotation(10, p=0.5)]), "p"),
    ],
)
def test_settings_that_a_line_cannot_say_are_not_lost(step, what):
    with pytest.raises(ValueError, match=f"lists: {what} of"):
        str(Policy([step]))


def test_resized_crops_are_joined_with_rotations():
    from vademecum.data.augment_policy import joined

    assert len(joined(list(Policy.parse("resized_crop:0.5..1,rotate:10").steps), images())) == 2


def test_a_fitted_scaler_or_whitener_stands_among_the_steps():
    """It gets the images alone, is fitted by fit, and works in evaluation too; what follows is fitted on its outcome."""
    x = images(40, 3, 8, 8)
    standardize, color = Standardize(3), PCAColor(0.5)
    policy = Policy([RandomTranslate(1), standardize, color]).fit(x)
    want = Standardize(3).fit(x)
    assert_close(policy.eval()(x), want(x), rtol=0, atol=0)
    assert_close(color.eigenvalues, PCAColor(0.5).fit(want(x)).eigenvalues)
    boxes = [torch.tensor([[2.0, 2.0, 4.0, 4.0]])] * 40
    got = policy.train()(x, boxes=boxes, generator=seeded())
    moved = RandomTranslate(1)(x, boxes=boxes, generator=seeded())
    for one, other in zip(got.boxes, moved.boxes, strict=True):
        assert_close(one, other, rtol=0, atol=0)


def test_an_augmentation_of_the_users_own_is_called_as_ours():
    class Own(nn.Module):
        def forward(self, x, *, boxes=None, masks=None, generator=None):
            self.seen = generator
            return x + 1

    own, generator = Own(), seeded()
    x = images()
    assert_close(Policy([own])(x, generator=generator), x + 1)
    assert own.seen is generator


def test_tables():
    rows = torch.randn(500, 4, generator=seeded()) * torch.tensor([1.0, 10.0, 100.0, 1000.0])
    policy = Policy.parse("noise:0.1,drop:0.1|drop:0.2:9@0.5").fit(rows)
    y = policy(rows, generator=seeded())
    assert y.shape == rows.shape
    kept = (y != 0) & (y != 9)
    assert_close((y - rows)[kept[:, 3], 3].std() / 1000, torch.tensor(0.1), rtol=0.2, atol=0)
    with pytest.raises(ValueError, match=r"on rows \(B, F\) only GaussianNoise and PixelDrop work"):
        Policy.parse("noise:0.1,blur:1")(rows)


def test_fit_leaves_noise_of_images_as_a_share_of_the_intensity():
    noise = GaussianNoise(0.1)
    Policy([noise]).fit(images())
    assert noise.scale is None


def test_fit_twice_changes_nothing():
    x = images()
    policy = Policy.parse("pca_color").fit(x)
    before = policy.steps[0].eigenvalues.clone()
    assert_close(policy.fit(x + images(seed=1)).steps[0].eigenvalues, before, rtol=0, atol=0)


def test_maps_with_different_outsides_are_not_joined():
    from vademecum.data.augment_policy import joined

    x = images()
    turn, move = RandomRotation(10), RandomTranslate(1)
    assert len(joined([turn, move], x)) == 2
    assert joined([move, RandomCrop(padding=1)], x) == []  # both are exact
    assert joined([turn, RandomTranslate(1, padding_mode="border")], x) == []
    assert joined([turn, RandomCrop(4)], x) == []
    assert joined([turn, PixelDrop(), move], x) == []


def test_joined_maps_leave_untouched_examples_as_they_are():
    x = images(64, 1, 8, 8)
    policy = Policy([RandomRotation(20, p=0.5), RandomTranslate(2, p=0.5)])
    y = policy(x, generator=seeded())
    same = (y == x).flatten(1).all(1)
    assert 4 < int(same.sum()) < 32


def test_one_of():
    x = images(200, 1, 4, 4)
    either = OneOf([PixelDrop(1.0), PixelDrop(1.0, fill=2.0)], p=[0.25, 0.5])
    y = either(x, generator=seeded())
    kinds = [int((y == value).flatten(1).all(1).sum()) for value in (0.0, 2.0)]
    assert 25 < kinds[0] < 75 < kinds[1] < 125
    assert_close(either.eval()(x), x, rtol=0, atol=0)
    masks, boxes = (
        torch.arange(200).view(-1, 1, 1).expand(-1, 4, 4),
        [torch.full((1, 4), float(i)) for i in range(200)],
    )
    got = OneOf([PixelDrop(0.5), GaussianNoise()])(x, boxes=boxes, masks=masks)
    assert_close(got.masks, masks, rtol=0, atol=0)
    assert [float(box[0, 0]) for box in got.boxes] == list(range(200))
    with pytest.raises(ValueError, match="at least one augmentation"):
        OneOf([])
    with pytest.raises(ValueError, match="one probability a step"):
        OneOf([PixelDrop()], p=[0.5, 0.5])
    with pytest.raises(ValueError, match="one probability a step, at most 1 together"):
        OneOf([PixelDrop(), PixelDrop()], p=[0.9, 0.9])
    with pytest.raises(ValueError, match="must keep the size"):
        OneOf([RandomCrop(2)])(x)


def test_policies_nest():
    x = images()
    inner = Policy.parse("translate:2,flip")
    assert_close(Policy([inner])(x, generator=seeded()), inner(x, generator=seeded()), rtol=0, atol=0)


def test_refusals():
    with pytest.raises(TypeError, match="'c' is none; a line is read by"):
        Policy("crop:4")
    with pytest.raises(ValueError, match="batch of images"):
        Policy.parse("flip")(images(3, 8, 8))
    with pytest.raises(ValueError, match="fitted before it is used"):
        Policy.parse("pca_color")(images())
