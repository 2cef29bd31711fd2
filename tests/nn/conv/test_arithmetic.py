import warnings
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vademecum.nn.conv import output_size, same_padding, summarize


def test_output_size_is_torchs_over_a_sweep():
    for size, k, s, p, d in product(range(1, 20), range(1, 6), range(1, 4), range(3), range(1, 4)):
        if size + 2 * p < d * (k - 1) + 1:
            with pytest.raises(ValueError, match="the window must fit"):
                output_size(size, k, s, p, d)
            continue
        made = F.conv1d(torch.empty(1, 1, size), torch.empty(1, 1, k), stride=s, padding=p, dilation=d)
        assert output_size(size, k, s, p, d) == made.shape[-1], (size, k, s, p, d)


@pytest.mark.parametrize(("k", "d"), [*product(range(1, 7), range(1, 4))])
def test_same_padding_is_torchs(k, d):
    x, w = torch.randn(1, 1, 20), torch.randn(1, 1, k)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
        want = F.conv1d(x, w, padding="same", dilation=d)
    torch.testing.assert_close(F.conv1d(F.pad(x, same_padding(k, d)), w, dilation=d), want)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: output_size(8, 0), "must be at least 1"),
        (lambda: output_size(8, 3, stride=0), "must be at least 1"),
        (lambda: output_size(8, 3, padding=-1), "padding at least 0"),
        (lambda: output_size(4, 3, dilation=2), "it covers 5 of 4"),
        (lambda: same_padding(0), "must be at least 1: they are 0 and 1"),
        (lambda: summarize(nn.Linear(2, 2), torch.ones(0, 2)), r"at least one example: it is \(0, 2\)"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def vgg16():
    layers, channels = [], 3
    for width, depth in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    head = [nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(nn.Sequential(*layers), nn.Flatten(), *head, nn.Linear(4096, 1000))


def alexnet():
    """The network of "One weird trick", which most libraries call AlexNet."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, 1000),
    )  # fmt: skip


def test_vgg16_on_the_meta_device():
    with torch.device("meta"):
        summary = summarize(vgg16(), torch.zeros(1, 3, 224, 224))
    assert summary.parameters == 138_357_544
    # Simonyan & Zisserman's layers by C_in * C_out * 9 * H * W, and the three fully connected ones.
    convolutions = [(3, 64, 224), (64, 64, 224), (64, 128, 112), (128, 128, 112), (128, 256, 56)]
    convolutions += [(256, 256, 56)] * 2 + [(256, 512, 28)] + [(512, 512, 28)] * 2 + [(512, 512, 14)] * 3
    wanted = sum(i * o * 9 * n * n for i, o, n in convolutions) + 25088 * 4096 + 4096 * 4096 + 4096 * 1000
    assert summary.macs == wanted == 15_470_264_320
    assert summary.flops == 2 * wanted
    fields = {row.path: row.receptive_field for row in summary.rows}
    assert fields["0.28"] == (196, 196)  # conv5_3
    assert fields["0.30"] == (212, 212)  # pool5
    assert fields["2"] == (404, 404)  # fc6
    assert sum(row.macs for row in summary.rows) == summary.macs
    assert sum(row.parameters for row in summary.rows) == summary.parameters


def test_alexnet():
    summary = summarize(alexnet(), torch.zeros(1, 3, 224, 224))
    assert summary.parameters == 61_100_840
    assert summary.macs == 714_188_480
    assert summary.rows[12].type == "MaxPool2d"
    assert summary.rows[12].receptive_field == (195, 195)
    assert summary.rows[12].jump == (32, 32)


class Residual(nn.Module):
    """Branches of different depth, joined by addition, then by concatenation, all by functions."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(2, 2, 5, padding=2), nn.Conv2d(2, 2, 3, padding=1)
        self.out = nn.Conv2d(4, 1, 3, stride=2)

    def forward(self, x):
        y = self.narrow(self.narrow(x)) + self.wide(self.wide(x)) + x
        return self.out(torch.cat([F.avg_pool2d(y, 2), F.avg_pool2d(self.narrow(x), 2)], 1))


class Permuted(nn.Module):
    """A layer over the channels in the last place, as in ConvNeXt."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.mix = nn.Conv2d(2, 4, 3), nn.LayerNorm(4), nn.Linear(4, 4)
        self.last = nn.Conv2d(4, 1, (1, 5), stride=(2, 1))

    def forward(self, x):
        return self.last(self.mix(self.norm(self.first(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2))


class Shuffled(nn.Module):
    """A channel shuffle by view and transpose between two convolutions."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 4, 3, groups=2), nn.Conv2d(4, 1, 3, dilation=2)

    def forward(self, x):
        y = self.first(x)
        b, c, h, w = y.shape
        return self.last(y.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w))


class Squeezed(nn.Module):
    """A gate that looks at the whole map."""

    def __init__(self):
        super().__init__()
        self.first, self.gate = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        y = self.first(x)
        return y * F.softplus(self.gate(F.adaptive_avg_pool2d(y, 1)))


def seen(model, x):
    """Rows and columns of the input that reach the middle output: from the gradient with positive weights.

    Max pooling is left out of the networks of this oracle, since it sends its gradient to one cell.
    """
    model = model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.rand(p.shape, dtype=p.dtype) + 0.5)
    x = (torch.rand(x.shape, dtype=torch.float64) + 0.5).requires_grad_()
    y = model(x)
    middle = y[(0, slice(None), *(n // 2 for n in y.shape[2:]))].sum() if y.ndim > 2 else y.sum()
    (gradient,) = torch.autograd.grad(middle, x)
    touched = gradient[0].abs().sum(0) > 0
    sizes = []
    for dim in range(touched.ndim):
        line = (
            touched.flatten()
            .new_tensor([bool(touched.select(dim, i).any()) for i in range(touched.shape[dim])])
            .nonzero()
        )
        sizes.append(int(line.max() - line.min()) + 1)
    return tuple(sizes)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.Conv2d(3, 3, 3, dilation=3), nn.AvgPool2d(2)), (40, 40)),
        (nn.Sequential(nn.Conv2d(2, 3, (3, 5), stride=(1, 2)), nn.Conv2d(3, 1, (3, 1), dilation=(2, 1))), (30, 30)),
        (nn.Sequential(nn.Conv1d(2, 3, 3, stride=2), nn.AvgPool1d(3, 2, 1), nn.Conv1d(3, 1, 3)), (40,)),
        (nn.Sequential(nn.Conv3d(2, 3, 3), nn.AvgPool3d(2), nn.Conv3d(3, 1, 2)), (12, 12, 12)),
        (nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.ConvTranspose2d(3, 2, 4, stride=2), nn.Conv2d(2, 1, 3)), (31, 31)),
        (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, groups=3), nn.GELU()), (12, 12)),
        (nn.Sequential(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), (12, 10)),
        (nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.Flatten(), nn.Linear(75, 2)), (11, 11)),
        (Residual(), (40, 40)),
        (Permuted(), (20, 20)),
        (Shuffled(), (20, 20)),
        (Squeezed(), (9, 9)),
    ],
    ids=["strided", "oblong", "1d", "3d", "transposed", "grouped", "pooled", "flat", "residual", "permuted", "shuffled", "squeezed"],
)  # fmt: skip
def test_receptive_field_is_what_the_gradient_touches(model, shape):
    x = torch.zeros(1, 2, *shape)
    wanted = seen(model, x)
    assert summarize(model.float(), x).receptive_field == wanted


def test_a_layer_along_a_line_sees_the_line():
    model = nn.Sequential(nn.Conv2d(2, 1, 3), nn.Linear(8, 8))
    assert summarize(model, torch.zeros(1, 2, 10, 10)).receptive_field == (3, 10)


def test_a_gate_does_not_change_the_grid():
    model = nn.Sequential(Squeezed(), nn.Conv2d(3, 1, 3))
    assert summarize(model, torch.zeros(1, 2, 9, 9)).rows[-1].jump == (1, 1)


def test_max_pooling_widens_as_average_pooling():
    x = torch.zeros(1, 2, 30, 30)
    for kernel, stride, padding in [(2, None, 0), (3, 2, 1), (3, 1, 0)]:
        best = nn.Sequential(nn.Conv2d(2, 2, 3), nn.MaxPool2d(kernel, stride, padding), nn.Conv2d(2, 2, 3))
        mean = nn.Sequential(best[0], nn.AvgPool2d(kernel, stride, padding), best[2])
        assert summarize(best, x).receptive_field == seen(mean, x)
        best.float()


def test_cost_of_groups_and_of_functions_outside_of_modules():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 8, 3, groups=2)
            self.weight = nn.Parameter(torch.ones(8, 5))

        def forward(self, x):
            return self.conv(x).mean((2, 3)) @ self.weight

    summary = summarize(Net(), torch.zeros(3, 4, 6, 6))
    assert [(row.path, row.parameters, row.macs) for row in summary.rows] == [
        ("conv", 8 * 2 * 9 + 8, 8 * 2 * 9 * 16),
        ("", 40, 40),
    ]


def test_shared_parameters_count_once_and_their_cost_twice():
    layer = nn.Linear(5, 5, bias=False)
    other = nn.Linear(5, 5, bias=False)
    other.weight = layer.weight
    summary = summarize(nn.Sequential(layer, layer, other), torch.zeros(1, 5))
    assert [row.parameters for row in summary.rows] == [25, 0, 0]
    assert (summary.parameters, summary.macs) == (25, 75)
    assert (summary.receptive_field, summary.rows[0].jump) == ((), ())


def test_leaves_modes_buffers_gradients_hooks_and_the_input():
    model = nn.Sequential(nn.ReLU(), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout())
    model[3].eval()
    model[1].weight.grad = torch.ones_like(model[1].weight)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(2, 2, 5, 5)
    kept = x.clone()
    summarize(model, x)
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)
    torch.testing.assert_close(x, kept, rtol=0, atol=0)
    torch.testing.assert_close(model[1].weight.grad, torch.ones_like(model[1].weight), rtol=0, atol=0)
    assert [part.training for part in model] == [True, True, True, False]
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in model.modules())


def test_a_failing_forward_leaves_no_hook_and_no_mode():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(7, 7))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        summarize(model, torch.zeros(1, 2, 5, 5))
    assert model.training
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in model.modules())
