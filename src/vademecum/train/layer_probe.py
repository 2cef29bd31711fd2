r"""Layer probe: how well a linear classifier does on the features of each layer.

Use it to see which layer of a trained network suits new data: where the top layer is the best, the new task is like the
old one; where an earlier layer is, the top is too special. The features are computed once, in evaluation mode, and
cross-validated by logistic regression.

$$ a_l = \frac{1}{F} \sum_{f=1}^{F} \text{accuracy of } \operatorname{softmax}(W_f\, \tilde h_l + b_f)
   \text{ on fold } f, \text{ fitted on the others} $$

with $\tilde h_l$ the flattened output of layer l, standardized on the folds that fit.

Also called: linear probe, linear evaluation, linear classifier probe.
Departures: the paper trains its probes by gradient descent beside the network; here logistic regression is solved, with
    scikit-learn's default penalty.
Pitfalls: early layers have many features, so with few examples the penalty decides as much as the layer. Repeats of one
    patient or one photo need groups: cross-validate by hand with `LayerFeatures`. The output of a layer is taken before
    the activation that follows it as a module of its own: name that one for what comes after it.
Claim: none of its own: the experiment of `transfer_plan` rests on it.
Peer: none.

References:
    alain2017understanding: section 3, linear classifier probes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .._torch.modes import evaluating
from .discriminative import layer_groups
from .freeze import named_part

__all__ = ["LayerFeatures", "layer_probe"]

BATCH = 256
"""Examples that pass at once."""


class LayerFeatures(nn.Module):
    """A network as the features of one of its layers.

    Args:
        model: any module that takes one tensor.
        layer: path of the module whose output is taken.

    Attributes:
        model: the network.
        layer: the path.

    Raises:
        ValueError: the path is not that of a module.

    Example:
        >>> body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> LayerFeatures(body, "1")(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        super().__init__()
        if not isinstance(named_part(model, layer), nn.Module):
            raise ValueError(
                f"a layer must be a module: {layer!r} is a parameter; name the module that holds it."
            )
        self.model = model
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Run the network and take what the layer gave.

        Args:
            x: (B, ...) its input.

        Returns:
            (B, F) output of the layer, flattened.
        """
        return features(self.model, x, [self.layer])[self.layer]

    def extra_repr(self) -> str:
        """Show which layer is taken.

        Returns:
            The words between the brackets.
        """
        return f"layer={self.layer!r}"


def features(model: nn.Module, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """Run a network once and take what some layers give.

    Args:
        model: any module that takes one tensor.
        x: (B, ...) its input.
        layers: paths of modules.

    Returns:
        By path, (B, F) outputs, flattened; of a layer that is called several times the last.

    Raises:
        ValueError: a layer is not reached, or gives no tensor with a row an example.
    """
    seen: dict[str, object] = {}
    handles = []
    try:
        for layer in layers:

            def keep(_part: nn.Module, _inputs: object, output: object, *, layer: str = layer) -> None:
                seen[layer] = output

            handles.append(model.get_submodule(layer).register_forward_hook(keep))
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    flat = {}
    for layer in layers:
        output = seen.get(layer)
        if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != len(x):
            came = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"a layer must give a tensor with a row for each of {len(x)} examples: {layer!r} gave {came}; name "
                "another layer."
            )
        flat[layer] = output.flatten(1) if output.ndim > 1 else output.unsqueeze(1)
    return flat


def layer_probe(
    model: nn.Module, x: Tensor, y: Tensor, layers: Iterable[str] | None = None, *, cv: int = 5
) -> dict[str, float]:
    """Cross-validate a linear classifier on the features of each layer.

    Args:
        model: left as it is, run in evaluation mode.
        x: (N, ...) inputs.
        y: (N,) classes.
        layers: paths of modules, from the input up; where None, the last module of each of `layer_groups` but the
            head's.
        cv: folds, in each of which the classes keep their shares.

    Returns:
        By path, the mean accuracy over the folds.

    Raises:
        ValueError: a class has fewer examples than there are folds, or there is no layer to probe.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
        >>> with torch.no_grad():
        ...     _ = model[0].weight.fill_(1.0), model[0].bias.fill_(0.0)
        >>> x = torch.tensor([[-2.0], [-1.0]]).repeat(20, 1)  # two values, of which the ReLU leaves one
        >>> layer_probe(model, x, (x[:, 0] > -1.5).long(), ["0", "1"])
        {'0': 1.0, '1': 0.5}
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if layers is None:
        groups = layer_groups(model)[:-1]
        layers = [
            path for group in groups for path in group[-1:] if isinstance(named_part(model, path), nn.Module)
        ]
    layers = list(layers)
    fewest = int(y.unique(return_counts=True)[1].min()) if len(y) else 0
    if not layers or cv < 2 or fewest < cv:
        raise ValueError(
            f"there must be layers, at least two folds, and an example of each class in each: {len(layers)} layers, "
            f"cv={cv}, the smallest class has {fewest} examples; name layers, or take fewer folds."
        )
    blocks = []
    with evaluating(model), torch.no_grad():
        for block in x.split(BATCH):
            blocks.append(
                {layer: f.float().cpu().numpy() for layer, f in features(model, block, layers).items()}
            )
    labels = y.cpu().numpy()
    scores = {}
    for layer in layers:
        cached = torch.cat([torch.from_numpy(block[layer]) for block in blocks]).numpy()
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
        folds = StratifiedKFold(cv, shuffle=True, random_state=0)
        scores[layer] = float(cross_val_score(classifier, cached, labels, cv=folds).mean())
    return scores
