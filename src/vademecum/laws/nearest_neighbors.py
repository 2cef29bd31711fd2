"""Laws of nearest neighbors: sorted distances in loops."""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.models.nearest_neighbors import KNearestNeighbors

from ._subject import NotCheckableError
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

CLASSES = 3


def apart(a: list[float], b: list[float], metric: str) -> float:
    if metric == "l1":
        return sum(abs(u - v) for u, v in zip(a, b))
    if metric == "l2":
        return sqrt(sum((u - v) ** 2 for u, v in zip(a, b)))
    lengths = sqrt(sum(u * u for u in a)) * sqrt(sum(v * v for v in b))
    return 1 - sum(u * v for u, v in zip(a, b)) / lengths if lengths else 1.0


def by_sorting(train: Tensor, x: Tensor, a) -> tuple[Tensor, Tensor]:
    """Distances and places of the k nearest; of equal distances the first place."""
    distances, places = [], []
    for query in x.double().tolist():
        found = sorted((apart(query, row, a["metric"]), i) for i, row in enumerate(train.double().tolist()))
        distances.append([d for d, _ in found[: a["k"]]])
        places.append([i for _, i in found[: a["k"]]])
    return torch.tensor(distances, dtype=torch.float64), torch.tensor(places)


def data(draw: Draw, *, whole: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Examples, classes and queries; whole numbers, whose distances are often equal, where asked."""
    n, features = draw.shape
    if whole:
        train, x = (
            draw.integers(m, features, high=3, name=name).to(draw.dtype)
            for m, name in ((n, "train"), (4, "x"))
        )
    else:
        train, x = draw.normal(n, features, name="train"), draw.normal(4, features)
    y = draw.integers(n, high=CLASSES)
    y[0] = CLASSES - 1
    return train, y, x


def fitted(build: Build, draw: Draw, train: Tensor, y: Tensor, **changed: object):
    model = build(draw, **changed).object
    model.fit(train, y)
    return model


def votes(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, x = data(draw)
    _, places = by_sorting(train, x, draw.arguments)
    want = [[float(sum(y[i] == c for i in row)) / len(row) for c in range(CLASSES)] for row in places]
    yield fitted(build, draw, train, y)(x), torch.tensor(want, dtype=torch.float64)


def neighbors_of(model, x: Tensor) -> tuple[Tensor, Tensor]:
    for name in ("neighbors", "kneighbors"):
        if hasattr(model, name):
            return getattr(model, name)(x)
    raise NotCheckableError("it has no method 'neighbors'")


def distances(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, x = data(draw)
    yield from zip(neighbors_of(fitted(build, draw, train, y), x), by_sorting(train, x, draw.arguments))


def the_first_of_equals(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, x = data(draw, whole=True)
    got = neighbors_of(fitted(build, draw, train, y), x)[1]
    yield got, by_sorting(train, x, draw.arguments)[1]


def an_example_is_its_own_neighbor(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, _ = data(draw)
    model = fitted(build, draw, train, y, k=1)
    yield model(train), F.one_hot(y, CLASSES).double()
    yield neighbors_of(model, train)[0], torch.zeros(len(train), 1)


def a_common_offset(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, x = data(draw)
    far, x = train + 1e4, x + 1e4
    got = neighbors_of(fitted(build, draw, far, y), x)
    yield from zip(got, by_sorting(far, x, draw.arguments))


def chunks_change_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, x = data(draw)
    for size in (1, len(train) + 1, 3 * len(train)):
        yield fitted(build, draw, train, y, chunk_size=size)(x), fitted(build, draw, train, y)(x)


def fit_forgets(build: Build, draw: Draw) -> Iterator[Pair]:
    train, y, x = data(draw)
    model = fitted(build, draw, train + 1, y)
    model.fit(train, y)
    yield model(x), fitted(build, draw, train, y)(x)


class Plain:
    """Nearest neighbors with one thing wrong."""

    def __init__(self, k: int = 1, metric: str = "l2", chunk_size: int = 1 << 22) -> None:
        self.k, self.metric, self.chunk_size = k, metric, chunk_size

    def fit(self, x: Tensor, target: Tensor):
        self.x, self.target = x, target
        return self

    def measure(self, x: Tensor) -> Tensor:
        differences = x[:, None] - self.x
        if self.metric == "l1":
            return differences.abs().sum(-1)
        if self.metric == "l2":
            return differences.square().sum(-1).sqrt()
        return (1 - F.normalize(x, dim=1) @ F.normalize(self.x, dim=1).T).clamp_min(0)

    def neighbors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        d, places = self.measure(x).sort(1, stable=True)
        return d[:, : self.k], places[:, : self.k]

    def __call__(self, x: Tensor) -> Tensor:
        votes = F.one_hot(self.target[self.neighbors(x)[1]], int(self.target.max()) + 1)
        return votes.to(x.dtype).mean(1)


class Squared(Plain):
    def measure(self, x: Tensor) -> Tensor:
        d = super().measure(x)
        return d.square() if self.metric == "l2" else d


class AlwaysEuclid(Plain):
    def measure(self, x: Tensor) -> Tensor:
        return (x[:, None] - self.x).square().sum(-1).sqrt()


class Cosine(Plain):
    """The similarity in the place of the distance."""

    def measure(self, x: Tensor) -> Tensor:
        return 1 - super().measure(x) if self.metric == "cosine" else super().measure(x)


class LastOfEquals(Plain):
    def neighbors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        d, places = self.measure(x).flip(1).sort(1, stable=True)
        return d[:, : self.k], len(self.x) - 1 - places[:, : self.k]


class Cancels(Plain):
    """The expanded square, neither clamped nor shifted."""

    def measure(self, x: Tensor) -> Tensor:
        if self.metric != "l2":
            return super().measure(x)
        return (x.square().sum(1, keepdim=True) + self.x.square().sum(1) - 2 * x @ self.x.T).sqrt()


class OneMore(Plain):
    def neighbors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        d, places = self.measure(x).sort(1, stable=True)
        return d[:, : self.k + 1], places[:, : self.k + 1]


class NotItself(Plain):
    """Leaves the nearest out, as if each query stood in the data."""

    def neighbors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        d, places = self.measure(x).sort(1, stable=True)
        return d[:, 1 : self.k + 1], places[:, 1 : self.k + 1]


class Counts(Plain):
    def __call__(self, x: Tensor) -> Tensor:
        return super().__call__(x) * self.k


class Appends(Plain):
    def fit(self, x: Tensor, target: Tensor):
        if hasattr(self, "x"):
            x, target = torch.cat([self.x, x]), torch.cat([self.target, target])
        return super().fit(x, target)


class FirstChunk(Plain):
    """Every block gets the answers of the first."""

    def __call__(self, x: Tensor) -> Tensor:
        rows = max(1, self.chunk_size // len(self.x))
        first = super().__call__(x[:rows])
        return first[torch.arange(len(x)) % rows]


CLOSE = {torch.float64: 1e-7, torch.float32: 1e-3}

SUITES = (
    Suite(
        technique="nearest_neighbors",
        part="KNearestNeighbors",
        subjects={"KNearestNeighbors": KNearestNeighbors},
        interface=Interface(
            kind="function", arguments=("k", "metric", "chunk_size"), inputs=("train", "target", "input"),
            defaults={"k": 1, "metric": "l2", "chunk_size": 1 << 22},
            aliases={"k": ("n_neighbors", "num_neighbors")},
        ),
        cases=tuple(
            {"k": k, "metric": metric, "chunk_size": 1 << 22} for metric in ("l2", "l1", "cosine") for k in (1, 3)
        ),
        shapes=lambda a: ((4, 2), (9, 3)),
        laws=(
            Law("votes", r"$$ p_k = \frac{1}{|N|} \sum_{i \in N} [y_i = k] $$", votes),
            Law("distances", "The k least distances, and their places.", distances, {torch.float64: 1e-7, torch.float32: 1e-4}),
            Law("the_first_of_equals", "Of equal distances the first example is taken.", the_first_of_equals, EXACT, cases=lambda a: a["metric"] != "cosine"),
            Law("an_example_is_its_own_neighbor", "At a distance of 0.", an_example_is_its_own_neighbor, {torch.float64: 1e-7, torch.float32: 1e-6}),
            Law("a_common_offset", "An offset of ten thousand changes nothing.", a_common_offset, CLOSE, cases=lambda a: a["metric"] != "cosine"),
            Law("chunks_change_nothing", "The size of the blocks changes nothing.", chunks_change_nothing, EXACT),
            Law("fit_forgets", "Fitting again forgets the examples before.", fit_forgets, EXACT),
        ),
        twins=(
            Twin("squared", Squared, "your distances are squared."),
            Twin("always_euclid", AlwaysEuclid, "your metric is ignored."),
            Twin("similarity", Cosine, "you sort by similarity, so that the least similar come first."),
            Twin("last_of_equals", LastOfEquals, "of equal distances you take the last; the first is wanted."),
            Twin("cancellation", Cancels, "your distance is the difference of large numbers: subtract a training example first, and clamp at 0."),
            Twin("one_more", OneMore, "you take k + 1 neighbors."),
            Twin("not_itself", NotItself, "you leave the nearest example out."),
            Twin("counts", Counts, "you give counts; shares are wanted."),
            Twin("appends", Appends, "fitting again keeps the examples before."),
            Twin("first_chunk", FirstChunk, "every block gets the answers of the first."),
        ),
    ),
)  # fmt: skip
