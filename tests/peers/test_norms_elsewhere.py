"""The norms of labml-nn, the best-known annotated papers in PyTorch, held to our laws.

Each disagreement is asserted as it was measured, so that a release that mends it is noticed.
"""

import pytest

from vademecum.laws import conform

pytestmark = pytest.mark.peer


@pytest.fixture(autouse=True)
def _needs_labml() -> None:
    pytest.importorskip("labml_nn", reason="labml-nn is not installed: make peers")


CANCELS = "E[x^2] - E[x]^2"


def broken(result: object) -> dict[str, str]:
    return {verdict.law.name: verdict.looks_like for verdict in result.broken}


def test_layer_norm_loses_its_variance_at_a_large_mean() -> None:
    from labml_nn.normalization.layer_norm import LayerNorm

    found = broken(conform(LayerNorm, "layer_norm"))
    assert set(found) == {"shift_at_a_large_mean"}
    assert CANCELS in found["shift_at_a_large_mean"]


def test_group_norm_loses_its_variance_and_fails_on_an_empty_batch() -> None:
    from labml_nn.normalization.group_norm import GroupNorm

    found = broken(conform(GroupNorm, "group_norm"))
    assert set(found) == {"shift_at_a_large_mean", "empty_batch"}
    assert CANCELS in found["shift_at_a_large_mean"]


def test_instance_norm_loses_its_variance_at_a_large_mean() -> None:
    from labml_nn.normalization.instance_norm import InstanceNorm

    found = broken(conform(InstanceNorm, "instance_norm"))
    assert set(found) == {"shift_at_a_large_mean"}
    assert CANCELS in found["shift_at_a_large_mean"]


def test_batch_norm_keeps_the_biased_variance() -> None:
    from labml_nn.normalization.batch_norm import BatchNorm

    found = broken(
        conform(BatchNorm, "batch_norm", names={"exp_mean": "running_mean", "exp_var": "running_var"})
    )
    assert {"running_statistics", "shift_at_a_large_mean", "empty_batch"} <= set(found)
    assert "biased" in found["running_statistics"]
