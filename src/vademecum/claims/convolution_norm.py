"""A spectrally normalized convolution may amplify: the norm of the reshaped kernel is not that of the convolution.

Protocol: a 3 by 3 convolution from 16 to 16 channels on images of 16 by 16 pixels, with random weights, and
one from 1 to 1 channel with a constant kernel. Each is put under spectral normalization, whose power
iteration is run until it has converged; then the norm of the convolution is computed, and an image is sought
by it that is amplified that much.

Source: Sedghi, Gupta and Long 2019, section 1 (the reshaped kernel); Miyato et al. 2018 for the reshaping.
"""

import torch
from torch import nn

from vademecum.nn import convolution_norm, spectral_norm

from ._digits import seeded
from ._outcome import Outcome

SIZE = 16


@torch.no_grad()
def amplification(conv: nn.Conv2d) -> float:
    """Find by power iteration an image that the convolution amplifies as much as it can."""
    weight = conv.weight
    image = torch.randn(1, conv.in_channels, SIZE, SIZE)
    for _ in range(100):
        image = image / image.norm()
        longer = nn.functional.conv2d(image, weight, padding=1)
        image = nn.functional.conv_transpose2d(longer, weight, padding=1)
    return float(longer.norm())


@torch.no_grad()
def claim(seed: int) -> Outcome:
    """Measure what normalized convolutions do.

    Args:
        seed: of weights and images.

    Returns:
        Norms and amplifications.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        for name, channels in (("random kernel", 16), ("constant kernel", 1)):
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            if channels == 1:
                nn.init.ones_(conv.weight)
            spectral_norm(conv)
            for _ in range(100):
                conv(torch.randn(1, channels, SIZE, SIZE))
            conv.eval()
            measured[f"norm of the reshaped kernel, {name}"] = float(convolution_norm(conv, method="reshape"))
            measured[f"norm of the convolution, {name}"] = float(
                convolution_norm(conv, input_size=(SIZE, SIZE))
            )
            measured[f"an image is amplified by, {name}"] = amplification(conv)
    return Outcome(
        says="the norm of the reshaped kernel is not that of the convolution, which can be larger",
        measured=measured,
        holds=all(
            abs(measured[f"norm of the reshaped kernel, {name}"] - 1) < 0.01
            and least < measured[f"an image is amplified by, {name}"] < 3.0
            for name, least in (("random kernel", 1.2), ("constant kernel", 2.7))
        ),
        expected="the reshaped kernel at 1 within 0.01; an image amplified by more than 1.2 with the random kernel and "
        "2.7 with the constant one, by less than 3 with either",
    )
