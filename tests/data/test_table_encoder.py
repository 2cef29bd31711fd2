import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.data import MinMax, TableEncoder
from vademecum.data.sources import Feature

FEATURES = (Feature("age"), Feature("city", ("Bonn", "Oslo", "Rome")), Feature("income"), Feature("height"))


def rows(n=60, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=g) * torch.tensor([10.0, 1.0, 1e4, 0.1]) + 40
    x[:, 1] = torch.randint(3, (n,), generator=g).float()
    x[torch.randint(n, (9,), generator=g), 2] = torch.nan
    x[torch.randint(n, (4,), generator=g), 1] = torch.nan
    return x


def test_agrees_with_scikit_learn():
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, new = rows(), rows(seed=1)
    columns = [0, 2, 3]
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(
        train[:, columns].double().numpy()
    )
    hot = OneHotEncoder(categories=[[0.0, 1.0, 2.0]], handle_unknown="ignore", sparse_output=False)
    hot.fit(np.array([[0.0], [1.0], [2.0]]))
    want = np.concatenate(
        [
            numbers.transform(new[:, columns].double().numpy()),
            np.isnan(new[:, [2]].numpy()),
            hot.transform(new[:, [1]].numpy()),
        ],
        axis=1,
    )
    # 40 in float32 is known to 2e-6, which is 2e-5 standard deviations of the column with 0.1
    assert_close(TableEncoder(FEATURES).fit(train)(new), torch.from_numpy(want).float(), rtol=1e-5, atol=5e-5)


def test_names_and_width_follow_the_training_part():
    train = rows()
    encode = TableEncoder(FEATURES).fit(train)
    assert encode.output_names == (
        "age", "income", "height", "income missing", "city=Bonn", "city=Oslo", "city=Rome",
    )  # fmt: skip
    assert encode.out_features == 7 == encode(train).shape[1]
    full = train.clone()
    full[:, 2] = 1.0
    assert TableEncoder(FEATURES).fit(full).out_features == 6


def test_gap_only_in_new_rows_is_imputed():
    encode = TableEncoder([Feature("a")]).fit(torch.tensor([[1.0], [2.0], [9.0]]))
    assert_close(encode(torch.tensor([[torch.nan]])), encode(torch.tensor([[2.0]])), rtol=0, atol=0)


@pytest.mark.parametrize("value", [-1.0, 3.0, 0.5, torch.nan])
def test_unknown_category_gives_zeros(value):
    encode = TableEncoder([Feature("city", ("a", "b", "c"))]).fit(torch.tensor([[0.0], [1.0]]))
    assert_close(encode(torch.tensor([[value]])), torch.zeros(1, 3), rtol=0, atol=0)


def test_state_dict_brings_the_width_back():
    x = rows()
    first = TableEncoder(FEATURES).fit(x)
    second = TableEncoder(FEATURES)
    second.load_state_dict(first.state_dict())
    assert second.output_names == first.output_names
    assert_close(second(x), first(x), rtol=0, atol=0)
    assert all(
        value.dtype in {torch.float32, torch.int64, torch.bool} for value in first.state_dict().values()
    )


def test_other_scales():
    x = torch.tensor([[0.0], [10.0]])
    assert_close(TableEncoder([Feature("a")], scale=MinMax(1)).fit(x)(x), torch.tensor([[-1.0], [1.0]]))
    assert_close(TableEncoder([Feature("a")], scale=nn.Identity()).fit(x)(x), x)


def test_only_categories():
    encode = TableEncoder([Feature("city", ("a", "b"))]).fit(torch.tensor([[0.0], [torch.nan]]))
    assert_close(encode(torch.tensor([[1.0]])), torch.tensor([[0.0, 1.0]]))


def test_input_untouched_and_empty_batch():
    x = rows()
    version = x._version
    encode = TableEncoder(FEATURES).fit(x)
    encode(x)
    assert x._version == version
    assert encode(x[:0]).shape == (0, 7)


def test_compiles_without_a_break():
    encode = TableEncoder(FEATURES).fit(rows())
    assert torch._dynamo.explain(encode)(rows(seed=1)).graph_break_count == 0


def test_refusals():
    x = rows()
    with pytest.raises(ValueError, match="must have features"):
        TableEncoder([])
    with pytest.raises(ValueError, match="fitted before"):
        TableEncoder(FEATURES)(x)
    with pytest.raises(ValueError, match="fitted before"):
        _ = TableEncoder(FEATURES).output_names
    with pytest.raises(ValueError, match="fitted once"):
        TableEncoder(FEATURES).fit(x).fit(x)
    with pytest.raises(ValueError, match="4 features in dimension 1"):
        TableEncoder(FEATURES).fit(x[:, :3])
    with pytest.raises(ValueError, match="at least one row"):
        TableEncoder(FEATURES).fit(x[:0])
    x[:, 3] = torch.nan
    with pytest.raises(ValueError, match="'height' has none in 60 rows"):
        TableEncoder(FEATURES).fit(x)
    x[:, 3] = torch.inf
    with pytest.raises(ValueError, match="'height' holds infinite"):
        TableEncoder(FEATURES).fit(x)
