"""Virtual batch normalization frees a generator's output from its batch mates.

Protocol: a generator with two hidden layers of 64 units (16 numbers in, 64 out), as initialized, in training
mode. One example is passed 200 times, among other companions each time; the deviation of its output over the
draws is divided by the deviation of outputs over examples. Batches of 4, 16 and 64; the reference holds 64
examples.

Source: Salimans et al. 2016, section 3.4.
"""

from collections.abc import Callable

import torch
from torch import nn

from vademecum.nn import BatchNorm1d, VirtualBatchNet, VirtualBatchNorm

from ._digits import mlp, seeded
from ._outcome import Outcome

SIZES = (4, 16, 64)


@torch.no_grad()
def claim(seed: int) -> Outcome:
    """Pass one example among changing companions.

    Args:
        seed: of initialization, reference and companions.

    Returns:
        Deviations of its output, as a share of the deviation over examples.
    """
    norms: dict[str, Callable[[int], nn.Module]] = {
        "batch norm": BatchNorm1d,
        "virtual batch norm": VirtualBatchNorm,
    }
    measured: dict[str, float] = {}
    with seeded(seed):
        example, reference = torch.randn(1, 16), torch.randn(64, 16)
        for name, norm in norms.items():
            net: nn.Module = mlp(16, 64, 64, 64, norm=norm)
            if norm is VirtualBatchNorm:
                net = VirtualBatchNet(net, reference)
            net.train()
            overall = net(torch.randn(1000, 16)).std(0).mean()
            for size in SIZES:
                draws = [net(torch.cat([example, torch.randn(size - 1, 16)]))[0] for _ in range(200)]
                measured[f"deviation, batches of {size}, {name}"] = float(
                    torch.stack(draws).std(0).mean() / overall
                )
    return Outcome(
        says="batch normalization makes an output depend on the other examples of the batch; the virtual one does not",
        measured=measured,
        holds=all(measured[f"deviation, batches of {size}, virtual batch norm"] < 1e-4 for size in SIZES)
        and all(measured[f"deviation, batches of {size}, batch norm"] > 0.1 for size in SIZES),
        expected="below 1e-4 with virtual batch norm, above 0.1 with batch norm",
    )
