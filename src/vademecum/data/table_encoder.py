r"""Table encoding: turn numbers, categories and gaps into one matrix of numbers, fitted on the training part.

A network takes numbers alone. A missing number becomes the median of its column, and a second column says
that it was missing, as the gap itself often tells something. Numbers are then scaled. A category becomes one
column for each value, because its index has no order or distance. All statistics are buffers, so the network
takes rows as they stand in the file, and new rows are treated as the training rows were.

$$ z_j = \frac{\tilde x_j - \mu_j}{\sigma_j}, \quad
\tilde x_j = \begin{cases} x_j & \text{present} \\ \operatorname{median}_T(x_j) & \text{missing} \end{cases},
\qquad m_j = [x_j \text{ missing}], \qquad h_{jk} = [x_j = k] $$

Also called: tabular preprocessing, column transformer, imputation and one-hot encoding.
Departures: the indicator m is there only for columns with gaps in the training part: elsewhere its weights
    would never learn. Indicators and one-hot columns are not scaled.
Pitfalls: a category that is missing or was never named gives zeros in all its columns. One-hot columns of a
    category with very many values make the input wide. A median hides how uncertain the imputed value is.
Laws: none, because the layout of the output is ours; its tests compare the numbers with scikit-learn.
Claim: none yet.
Peer: scikit-learn's SimpleImputer, StandardScaler and OneHotEncoder.

References:
    pedregosa2011scikit: the estimators SimpleImputer, StandardScaler and OneHotEncoder.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from . import _statistics as shared
from ._statistics import refuse_second_fit, require_fitted, require_shape, resume, training_part
from .sources import Feature
from .split import View
from .standardize import Standardize

__all__ = ["TableEncoder"]


class TableEncoder(nn.Module):
    """Encode the rows of a table for a network.

    The output holds the scaled numeric columns, then the indicators of missing values, then the one-hot
    columns, each in the order of the features. How many indicators there are is known once the module is
    fitted or loaded.

    Args:
        features: the F columns of the input; a column with categories holds their indices.
        scale: a module for the numeric columns, fitted with the rest if it has a method ``fit``;
            None: `Standardize`. ``nn.Identity()`` leaves the numbers as they are.

    Attributes:
        median: (F_numeric,) of the training rows, in units of the input.
        gaps: bool (F_numeric,) whether the training rows have missing values.
        count: () training rows.
        fitted: whether there are statistics.

    Raises:
        ValueError: there are no features.

    Example:
        >>> encode = TableEncoder([Feature("age"), Feature("city", ("Oslo", "Rome"))])
        >>> rows = torch.tensor([[20.0, 0.0], [40.0, 1.0], [torch.nan, torch.nan]])
        >>> encode.fit(rows[:2])(rows)  # the median age is 30
        tensor([[-1.,  1.,  0.],
                [ 1.,  0.,  1.],
                [ 0.,  0.,  0.]])
        >>> encode.output_names
        ('age', 'city=Oslo', 'city=Rome')
    """

    median: Tensor
    gaps: Tensor
    count: Tensor

    def __init__(self, features: Sequence[Feature], *, scale: nn.Module | None = None) -> None:
        super().__init__()
        if not features:
            raise ValueError("a table must have features to encode: there are none; give at least one.")
        self.features = tuple(features)
        self.numeric = [i for i, feature in enumerate(features) if not feature.categories]
        self.categorical = [i for i, feature in enumerate(features) if feature.categories]
        self.scale = Standardize(len(self.numeric)) if scale is None else scale
        self.fitted = False
        self.flagged: list[int] = []  # of the numeric columns, those with an indicator
        self.register_buffer("median", torch.zeros(len(self.numeric)))
        self.register_buffer("gaps", torch.zeros(len(self.numeric), dtype=torch.bool))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_post_hook(resume)

    def resume(self) -> None:
        """Take note, after the buffers were loaded, which columns have an indicator."""
        self.fitted = int(self.count) > 0
        self.flagged = self.gaps.nonzero().flatten().tolist()

    def fit(self, x: Tensor | View) -> "TableEncoder":
        """Compute medians and scales of the training rows.

        Args:
            x: (N, F) rows, NaN where a value is missing; or a view of the training part.

        Returns:
            The module itself.

        Raises:
            ValueError: the module is fitted already; x has another shape or no rows, or is a view of another
                part; a numeric column has no value or an infinite one.
        """
        refuse_second_fit(self)
        x = training_part(x)
        require_shape(x, dim=1, num_features=len(self.features))
        if not len(x):
            raise ValueError(
                f"statistics need at least one row: x is {tuple(x.shape)}; pass the training part."
            )
        numbers = x[:, self.numeric].detach().cpu().double()
        for i, column in zip(self.numeric, numbers.unbind(dim=1), strict=True):
            name = self.features[i].name
            if bool(column.isnan().all()):
                raise ValueError(
                    f"a column needs a value in the training part: {name!r} has none in {len(x)} rows; "
                    "remove the column."
                )
            if bool(column.isinf().any()):
                raise ValueError(
                    f"numbers must be finite: column {name!r} holds infinite values; correct or remove them."
                )
        if self.numeric:  # numpy's median is the mean of the two in the middle; torch's is the lower one
            self.median.copy_(torch.from_numpy(np.nanmedian(numbers.numpy(), axis=0)))
        self.gaps.copy_(numbers.isnan().any(dim=0))
        self.count.fill_(len(x))
        fit = getattr(self.scale, "fit", None)
        if fit is not None and self.numeric:
            fit(numbers.where(~numbers.isnan(), self.median.cpu().double()))
        self.resume()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Encode rows.

        Args:
            x: (B, F) rows, NaN where a value is missing.

        Returns:
            (B, F') numbers, none of them missing.

        """
        require_fitted(self)
        require_shape(x, dim=1, num_features=len(self.features))
        columns = []
        if self.numeric:
            numbers = x[:, self.numeric]
            missing = numbers.isnan()
            filled = numbers.where(~missing, self.median.to(x.dtype))
            columns += [self.scale(filled), missing[:, self.flagged].to(x.dtype)]
        for i in self.categorical:
            index = torch.arange(len(self.features[i].categories), device=x.device, dtype=x.dtype)
            columns.append((x[:, i : i + 1] == index).to(x.dtype))  # NaN equals nothing
        return torch.cat(columns, dim=1)

    transform = shared.transform
    fit_transform = shared.fit_transform

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the F' columns of the output, once fitted."""
        require_fitted(self)
        names = [self.features[i].name for i in self.numeric]
        kept = getattr(self.scale, "out_features", None)  # a scale such as PCA makes other columns of them
        return (
            *(names if kept is None else [f"component {k}" for k in range(1, kept + 1)]),
            *(f"{names[i]} missing" for i in self.flagged),
            *(
                f"{self.features[i].name}={value}"
                for i in self.categorical
                for value in self.features[i].categories
            ),
        )

    @property
    def out_features(self) -> int:
        """F', the number of columns of the output, once fitted."""
        return len(self.output_names)

    def extra_repr(self) -> str:
        """Show what the module was made with.

        Returns:
            The words between the brackets.
        """
        return f"{len(self.numeric)} numeric, {len(self.categorical)} categorical, fitted={self.fitted}"
