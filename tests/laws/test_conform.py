"""`conform` against objects in every form, with names of their authors' own."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum.laws import conform, suite_of


class TheirGroupNorm(nn.Module):
    """Right, with other names."""

    def __init__(self, groups: int, channels: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.epsilon = groups, epsilon
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.group_norm(x, self.groups, self.gamma, self.beta, self.epsilon)


class Unbiased(TheirGroupNorm):
    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(len(x), self.groups, -1)
        y = (rows - rows.mean(-1, keepdim=True)) / (rows.var(-1, keepdim=True) + self.epsilon).sqrt()
        shape = (1, -1, *[1] * (x.dim() - 2))
        return y.reshape(x.shape) * self.gamma.reshape(shape) + self.beta.reshape(shape)


def right_function(x: Tensor, num_groups: int, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Tensor:
    return nn.functional.group_norm(x, num_groups, gamma, beta, eps)


@pytest.mark.parametrize(
    "obj", [nn.GroupNorm, TheirGroupNorm, right_function, nn.GroupNorm(2, 4), nn.functional.group_norm]
)
def test_the_right_conform_in_every_form(obj: object) -> None:
    result = conform(obj, "group_norm")
    assert result, str(result)


def test_a_broken_one_is_explained() -> None:
    result = conform(Unbiased, "group_norm")
    assert not result
    verdict = next(v for v in result.broken if v.law.name == "by_the_paper")
    assert "unbiased" in verdict.looks_like
    assert verdict.measured > verdict.allowed
    example = verdict.counterexample
    assert example is not None
    assert example.inputs["x"].numel() == 8  # the smallest case of the suite
    assert torch.equal(example.inputs["x"], example.inputs["x"].round())  # simplified to whole numbers
    text = str(result)
    for piece in (
        "by_the_paper",
        "broken",
        "√(σ²_(bg) + ε)",
        "smallest failing input",
        "unbiased",
    ):
        assert piece in text


def test_other_names_are_mapped() -> None:
    class Odd(TheirGroupNorm):
        def __init__(self, pieces: int, size: int) -> None:
            super().__init__(pieces, size)

    with pytest.raises(InputError, match=r"'pieces'.*--map"):
        conform(Odd, "group_norm")
    assert conform(Odd, "group_norm", names={"pieces": "num_groups", "size": "num_channels"})
    with pytest.raises(InputError, match="num_group"):
        conform(Odd, "group_norm", names={"pieces": "grouping"})


def test_extra_arguments_are_given() -> None:
    class Extra(TheirGroupNorm):
        def __init__(self, groups: int, channels: int, flavor: str) -> None:
            assert flavor == "plain"
            super().__init__(groups, channels)

    with pytest.raises(InputError, match="flavor"):
        conform(Extra, "group_norm")
    assert conform(Extra, "group_norm", args={"flavor": "plain"})
    with pytest.raises(InputError, match="no 'flavour'"):
        conform(TheirGroupNorm, "group_norm", args={"flavour": "plain"})


def test_an_instance_is_not_changed() -> None:
    norm = nn.GroupNorm(2, 4).float()
    before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    stream = torch.get_rng_state()
    assert conform(norm, "group_norm")
    torch.testing.assert_close(norm.state_dict(), before, rtol=0, atol=0)
    assert norm.weight.dtype == torch.float32
    assert norm.training
    assert torch.equal(torch.get_rng_state(), stream)


def test_an_instance_answers_what_it_can() -> None:
    verdicts = {v.law.name: v.outcome for v in conform(nn.GroupNorm(2, 4), "group_norm").verdicts}
    assert verdicts["by_the_paper"] == "holds"
    assert verdicts["one_group_is_layer_norm"] == "not checked"


def test_an_object_that_raises_is_broken_and_not_a_crash() -> None:
    class Raises(TheirGroupNorm):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no kernel")

    result = conform(Raises, "group_norm")
    assert not result
    assert "raised RuntimeError: no kernel" in str(result)


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(InputError, match="can be called"):
        conform(3, "group_norm")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="group_norm"):
        conform(nn.GroupNorm, "grupnorm")
    with pytest.raises(InputError, match="GroupNorm"):
        suite_of("group_norm.GroupNrm")


def test_json_is_whole() -> None:
    data = json.loads(json.dumps(conform(Unbiased, "group_norm").to_json()))
    assert data["conforms"] is False
    broken = [law for law in data["laws"] if law["verdict"] == "broken"]
    assert broken[0]["counterexample"]["inputs"]["x"]
    assert {"law", "equation", "measured", "allowed", "looks_like"} <= set(broken[0])


def test_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from vademecum.__main__ import main

    file = tmp_path / "theirs.py"
    file.write_text(
        "import torch\n"
        "class Norm(torch.nn.Module):\n"
        "    def __init__(self, parts, size):\n"
        "        super().__init__()\n"
        "        self.parts = parts\n"
        "        self.gamma = torch.nn.Parameter(torch.ones(size))\n"
        "        self.beta = torch.nn.Parameter(torch.zeros(size))\n"
        "    def forward(self, x):\n"
        "        return torch.nn.functional.group_norm(x, self.parts, self.gamma, self.beta)\n"
        "class Wrong(Norm):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x) * 1.001\n"
    )

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vade", "conform", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    names = ("--map", "parts=num_groups", "--map", "size=num_channels")
    code, out, _ = run(f"{file}:Norm", "group_norm", *names)
    assert code == 0, out
    code, out, _ = run(f"{file}:Wrong", "group_norm", *names)
    assert code == 1
    assert "by_the_paper is broken" in out
    code, out, _ = run(f"{file}:Wrong", "group_norm", *names, "--json")
    assert code == 1
    assert json.loads(out)["conforms"] is False
    for bad, message in [
        ((f"{file}:Norm", "group_norm"), "--map parts=NAME"),
        ((f"{file}:Nrm", "group_norm"), "did you mean 'Norm'"),
        ((f"{tmp_path}/none.py:Norm", "group_norm"), "must exist"),
        ((f"{file}:Norm", "grup_norm"), "did you mean 'group_norm'"),
        ((f"{file}:Norm", "group_norm", "--map", "parts"), "THEIRS=OURS"),
    ]:
        code, out, err = run(*bad)
        assert code == 2
        assert message in err
        assert "Traceback" not in err


class FromABook(nn.Module):
    """Other names, other shapes, statistics as plain attributes, no epsilon and no momentum to set."""

    def __init__(self, n: int) -> None:
        super().__init__()
        shape = (1, n, 1, 1)
        self.factor = nn.Parameter(torch.ones(shape))
        self.addend = nn.Parameter(torch.zeros(shape))
        self.center = torch.zeros(shape)
        self.spread = torch.ones(shape)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean, count = x.mean((0, 2, 3), keepdim=True), x.numel() // x.shape[1]
            variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
            with torch.no_grad():
                self.center = 0.9 * self.center.to(x.dtype) + 0.1 * mean
                self.spread = 0.9 * self.spread.to(x.dtype) + 0.1 * variance * self.correction(count)
        else:
            mean, variance = self.center, self.spread
        return (x - mean) / torch.sqrt(variance + 1e-5) * self.factor + self.addend

    def correction(self, count: int) -> float:
        return count / (count - 1)


class FromABookBiased(FromABook):
    def correction(self, count: int) -> float:
        return 1.0


def test_names_and_shapes_are_taken_by_elimination_and_said() -> None:
    result = conform(FromABook, "batch_norm")
    assert result.taken == {
        "n": "num_features",
        "factor": "weight",
        "addend": "bias",
        "center": "running_mean",
        "spread": "running_var",
    }
    verdicts = {v.law.name: v.outcome for v in result.verdicts}
    for law in ("training", "running_statistics", "evaluation", "gradient", "shift_at_a_large_mean"):
        assert verdicts[law] == "holds", str(result)
    assert "n is taken for num_features" in str(result)


def test_what_is_taken_by_elimination_is_judged_like_the_rest() -> None:
    broken = {v.law.name: v.looks_like for v in conform(FromABookBiased, "batch_norm").broken}
    assert "biased" in broken["running_statistics"]


def test_two_unknown_arguments_are_asked_for() -> None:
    class Two(TheirGroupNorm):
        def __init__(self, a: int, b: int) -> None:
            super().__init__(a, b)

    with pytest.raises(InputError, match="--map a=NAME"):
        conform(Two, "group_norm")


def test_an_initialization_without_a_generator() -> None:
    def he(tensor: Tensor) -> Tensor:
        with torch.no_grad():
            return tensor.normal_(0, (2 / tensor.shape[1:].numel()) ** 0.5)

    def of_the_outputs(tensor: Tensor) -> Tensor:
        with torch.no_grad():
            return tensor.normal_(0, (2 / tensor.shape[0]) ** 0.5)

    assert conform(he, "he_init"), str(conform(he, "he_init"))
    assert "outputs" in conform(of_the_outputs, "he_init").broken[0].looks_like
