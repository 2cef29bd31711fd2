"""The norm of a convolution: kinds and paddings beyond the laws, and wrong inputs."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.testing import assert_close

from vademecum.nn.norm.convolution_norm import convolution_norm


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def made(kind: type[nn.Module], *arguments: int, **keywords: object) -> nn.Module:
    conv = kind(*arguments, **keywords, dtype=torch.float64).requires_grad_(False)
    conv.weight.copy_(torch.randn(conv.weight.shape, generator=seeded(), dtype=torch.float64))
    return conv


def dense(conv: nn.Module, size: tuple[int, ...]) -> Tensor:
    pixels = torch.eye(conv.in_channels * torch.Size(size).numel(), dtype=torch.float64)
    return (
        (
            conv(pixels.reshape(-1, conv.in_channels, *size))
            - conv(0 * pixels.reshape(-1, conv.in_channels, *size))
        )
        .flatten(1)
        .T
    )


@pytest.mark.parametrize(
    ("conv", "size"),
    [
        (made(nn.Conv3d, 2, 2, 2), (2, 3, 3)),
        (made(nn.ConvTranspose2d, 2, 3, 3, stride=2, output_padding=1), (3, 3)),
        (made(nn.ConvTranspose2d, 2, 4, 3, groups=2, dilation=2), (3, 3)),
        (made(nn.Conv2d, 2, 3, 3, padding="same"), (4, 3)),
        (made(nn.Conv2d, 2, 3, 3, padding=1, padding_mode="circular", stride=2), (5, 5)),
        (made(nn.Conv2d, 2, 3, 3, padding=1, padding_mode="reflect"), (4, 5)),
        (made(nn.Conv2d, 2, 3, 3, padding=1, padding_mode="replicate"), (4, 5)),
    ],
)
def test_it_is_the_norm_of_the_matrix(conv: nn.Module, size: tuple[int, ...]) -> None:
    norm = torch.linalg.matrix_norm(dense(conv, size), 2)
    assert_close(convolution_norm(conv, input_size=size, generator=seeded()), norm)
    if conv.padding_mode in {"zeros", "circular"}:
        bound = convolution_norm(conv, method="bound")
        assert_close(torch.maximum(bound, norm), bound)


def test_fewer_steps_stay_below() -> None:
    conv = made(nn.Conv2d, 3, 3, 3, padding=1)
    exact = torch.linalg.matrix_norm(dense(conv, (8, 8)), 2)
    found = [
        convolution_norm(conv, input_size=(8, 8), steps=steps, generator=seeded()) for steps in (1, 3, 10, 30)
    ]
    assert_close(torch.stack(found), torch.stack(found).cummax(0).values.clamp_max(exact))
    assert_close(found[-1], exact, rtol=1e-3, atol=0)


def test_a_spectrally_normalized_layer_is_read_and_left_alone() -> None:
    conv = spectral_norm(nn.Conv2d(2, 3, 3, padding=1)).train()
    before = {name: value.clone() for name, value in conv.state_dict().items()}
    norm = convolution_norm(conv, input_size=(5, 5), generator=seeded())
    norm.backward()
    assert conv.training
    assert_close(conv.state_dict(), before, rtol=0, atol=0)
    assert conv.parametrizations.weight.original.grad.abs().max() > 0
    assert convolution_norm(conv, method="reshape") < 1.1 < norm  # the layer is not 1-Lipschitz


def test_zeros_and_half_precision() -> None:
    conv = nn.Conv2d(2, 2, 3, padding=1).requires_grad_(False)
    half = nn.Conv2d(2, 2, 3, padding=1, dtype=torch.bfloat16).requires_grad_(False)
    conv.weight.copy_(half.weight)
    for method in ("lanczos", "fft", "bound", "reshape"):
        got, want = (
            convolution_norm(c, input_size=(4, 4), method=method, generator=seeded()) for c in (half, conv)
        )
        assert_close(got, want)
        zero = nn.Conv2d(2, 2, 3)
        nn.init.zeros_(zero.weight)
        assert_close(convolution_norm(zero, input_size=(4, 4), method=method), torch.zeros(()))


@pytest.mark.parametrize(
    ("conv", "keywords", "words"),
    [
        (nn.Linear(2, 2), {}, r"must be a convolution: Linear.*matrix_norm"),
        (nn.Conv2d(1, 1, 3), {"method": "power"}, r"one of lanczos, fft, bound, reshape: method='power'"),
        (nn.Conv2d(1, 1, 3), {}, r"needs the size.*2 positive numbers: input_size=None"),
        (nn.Conv2d(1, 1, 3), {"input_size": (5,)}, r"input_size=\(5,\)"),
        (nn.Conv2d(1, 1, 3), {"input_size": (5, 5), "steps": 0}, r"steps=0; give at least 1"),
        (nn.Conv2d(1, 1, 3, stride=2), {"input_size": (5, 5), "method": "fft"}, r"stride 1 only.*lanczos"),
        (
            nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
            {"method": "bound"},
            r"padding_mode='reflect'",
        ),
        (
            nn.Conv2d(1, 1, 3, padding=2, padding_mode="circular"),
            {"method": "bound"},
            r"does not enlarge.*\(2, 2\)",
        ),
    ],
)
def test_wrong_inputs_are_refused(conv: nn.Module, keywords: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        convolution_norm(conv, **keywords)
