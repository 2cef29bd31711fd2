"""Which papers: of live objects, of classes, of scripts that are read and never run."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import vademecum.nn as vnn
from vademecum._core.errors import InputError
from vademecum.cite import bibtex, papers, papers_in_script


class Functional(nn.Module):
    """Calls what it uses as functions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(F.layer_norm(x, x.shape[-1:]))


def test_a_plain_torch_model() -> None:
    layer = nn.TransformerEncoderLayer(8, 2)
    want = ("ba2016layer", "nair2010rectified", "srivastava2014dropout", "vaswani2017attention")
    assert papers(layer) == want
    assert papers(nn.TransformerEncoderLayer) == want


def test_functional_calls_are_seen() -> None:
    assert papers(Functional()) == ("ba2016layer", "hendrycks2016gaussian")


def test_parametrizations_and_optimizers() -> None:
    assert papers(vnn.spectral_norm(nn.Linear(2, 2))) == ("miyato2018spectral",)
    assert papers([torch.optim.AdamW([torch.zeros(1)])]) == ("loshchilov2019decoupled",)


def test_a_name_gets_its_own_papers_only() -> None:
    assert papers(nn.LayerNorm(2)) == ("ba2016layer",)
    assert papers(vnn.LayerNorm2d(2)) == ("ba2016layer", "liu2022convnet")


def test_what_rests_on_nothing() -> None:
    assert papers(nn.Linear(2, 2)) == ()
    assert bibtex(nn.Flatten()) == "\n"


def test_a_script_is_read_and_not_run(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import torch\nimport torch.nn as nn\nfrom torch.nn import functional as F\n"
        "from vademecum.nn import group_count as count\n"
        f"open({str(tmp_path / 'was_run')!r}, 'w')\n"
        "net = nn.Sequential(nn.BatchNorm2d(3), nn.LSTM(3, 3))\n"
        "y = torch.relu(F.gelu(x))\noptimizer = torch.optim.Adam\nn = count(8)\n"
    )
    assert papers_in_script(script) == (
        "hendrycks2016gaussian", "hochreiter1997long", "ioffe2015batch", "kingma2015adam", "nair2010rectified",
        "wu2018group",
    )  # fmt: skip
    assert not (tmp_path / "was_run").exists()


def test_what_is_no_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="readable"):
        papers_in_script(tmp_path / "none.py")
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    with pytest.raises(InputError, match="must be Python"):
        papers_in_script(broken)
