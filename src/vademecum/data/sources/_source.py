"""What was found in a user's data, before anything is fitted or split."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Feature:
    """A column of a table.

    Attributes:
        name: as in the file.
        categories: the values of a categorical column, sorted; () where the column is numeric.
    """

    name: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A data set as it was found.

    Attributes:
        name: "digits", or the name of the folder or file.
        kind: "images" or "table".
        task: "classification" or "regression".
        x: images: uint8 or float32 (N, C, H, W); table: float32 (N, F), NaN where a value is missing,
            a category as its index into `Feature.categories`.
        y: int64 (N,) class index, or float32 (N,) value.
        classes: K names; () in regression.
        features: the F columns of a table; () for images.
        target: name of what is predicted.
        items: N names by which a person finds an example again: a file, "row 17".
        groups: int64 (N,): examples of one group stay in one part; or None.
        times: float64 (N,): the parts follow one another in time; or None.
        parts: int64 (N,): 0 train, 1 val, 2 test, -1 not said; or None.
        notes: what was found and handled, one sentence each.
        fingerprint: sha256 over the data: its identity.
    """

    name: str
    kind: str
    task: str
    x: Tensor
    y: Tensor
    classes: tuple[str, ...]
    features: tuple[Feature, ...]
    target: str
    items: tuple[str, ...]
    groups: Tensor | None
    times: Tensor | None
    parts: Tensor | None
    notes: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.y)
