"""Translate the exception that ended a run into its cause and its cure, in the user's terms."""

import re
from dataclasses import dataclass
from types import TracebackType

from vademecum._torch.graph import is_installed

from .recording.record import Site


@dataclass(frozen=True)
class Translation:
    """What an exception means.

    Attributes:
        rule: id of the rule that names the cause.
        message: one sentence.
        cure: one imperative sentence.
    """

    rule: str
    message: str
    cure: str


_TABLE: tuple[tuple[str, str, str, str], ...] = (
    (
        r"Target (-?\d+) is out of bounds", "run-failed",
        "A label is {0}, and the output has no class of that number: classes count from 0 to K - 1.",
        "Number the labels from 0 without gaps, or give the output layer as many units as there are classes.",
    ),
    (
        r"Expected more than 1 value per channel when training, got input size (.+)", "batchnorm-tiny-batch",
        "Batch normalization was given one value a channel (input {0}) and cannot take a variance of it: usually the "
        "last batch of an epoch holds a single example.",
        "Set drop_last=True in the DataLoader, or use LayerNorm or GroupNorm.",
    ),
    (
        r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", "run-failed",
        "A linear layer wants {2} features and was given {1} ({0} rows).",
        "Set its in_features to {1}, or flatten or transpose the input so that its last dimension has {2}.",
    ),
    (
        r"expected input\[(.+?)\] to have (\d+) channels, but got (\d+) channels", "run-failed",
        "A convolution wants {1} channels and was given {2} (input [{0}]).",
        "Bring the channels to the second dimension with permute(0, 3, 1, 2), or set in_channels to {2}.",
    ),
    (
        r"does not require grad and does not have a grad_fn", "run-failed",
        "The loss is not connected to any parameter that is trained: the graph was cut on the way, or everything is "
        "frozen.",
        "Look for detach(), .data, .item(), numpy(), argmax, no_grad or requires_grad_(False) between model and loss.",
    ),
    (
        r"Trying to backward through the graph a second time", "run-failed",
        "backward() went into a part of the graph that an earlier backward() had used up: something computed before "
        "is carried into this loss.",
        "Detach what is carried from one step to the next (state = state.detach()), or add the losses and call "
        "backward() once.",
    ),
    (
        r"has been modified by an inplace operation: \[(.+?)\]", "run-failed",
        "A tensor that backward() needs ({0}) was changed in place after it was used.",
        "Replace +=, [...] = and functions that end in _ by ones that make a new tensor, and step an optimizer only "
        "after all backward passes through its weights.",
    ),
    (
        r"expected scalar type Long but found (\w+)|not implemented for '(Int|Float|Double)'|"
        r"expected target.*Long", "run-failed",
        "A loss of classes wants labels of type int64 and was given another type.",
        "Convert the labels: y = y.long().",
    ),
    (
        r"Found dtype (\w+) but expected (\w+)|expected scalar type (\w+) but found (\w+)|"
        r"must have the same dtype, but got (\w+) and (\w+)|Input type \((.+?)\) and (?:weight|bias) type \((.+?)\)",
        "run-failed",
        "Two tensors of different types met ({0} and {1}): usually data that come from NumPy are float64, and the "
        "model is float32.",
        "Convert the data once: torch.tensor(x, dtype=torch.float32).",
    ),
    (
        r"grad can be implicitly created only for scalar outputs", "run-failed",
        "backward() was called on a loss with one value an example.",
        "Reduce it first: loss.mean().backward().",
    ),
    (
        r"Expected all tensors to be on the same device.*?(cpu|cuda:\d+|mps:\d+).*?(cpu|cuda:\d+|mps:\d+)",
        "run-failed",
        "Tensors on {0} and on {1} met: the model, the batch or something made inside forward was not moved.",
        "Move the model once and each batch with .to(device), and register constants of the model as buffers.",
    ),
    (
        r"index out of range in self", "run-failed",
        "An embedding was asked for a row that it does not have: an index is negative or at least num_embeddings.",
        "Make num_embeddings one more than the largest index, the padding index included.",
    ),
    (
        r"[Tt]arget size \(torch.Size\((.+?)\)\).*?(?:different to|same as) the input size \(torch.Size\((.+?)\)\)|"
        r"Target size \(torch.Size\((.+?)\)\) must be the same as input size \(torch.Size\((.+?)\)\)",
        "run-failed",
        "The loss was given targets of shape {0} for outputs of shape {1}.",
        "Bring them to one shape: output.squeeze(1), or y.unsqueeze(1).float().",
    ),
    (
        r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).*dimension (\d+)", "run-failed",
        "Two tensors that are combined have sizes {0} and {1} in dimension {2}.",
        "Print both shapes at that line; usually one was not reshaped, or a batch of another size was kept.",
    ),
    (
        r"all elements of (?:input|target) should be between 0 and 1", "run-failed",
        "The binary cross-entropy was given values outside 0 to 1: it wants probabilities.",
        "Use nn.BCEWithLogitsLoss on the raw scores, and targets of 0 and 1.",
    ),
    (
        r"Can't call numpy\(\) on Tensor that requires grad", "run-failed",
        "A tensor that is part of a graph was turned into an array, which would cut the graph.",
        "Write tensor.detach().cpu().numpy() where a number is wanted, and stay in torch where a gradient is.",
    ),
    (
        r"optimizer got an empty parameter list", "run-failed",
        "The optimizer was given no parameter: the model has none that are registered, or a generator was used up.",
        "Put layers into attributes, nn.ModuleList or nn.ParameterList, and pass list(model.parameters()).",
    ),
    (
        r"out of memory", "run-failed",
        "The device's memory is used up.",
        "Halve the batch (and accumulate gradients), use mixed precision, and keep numbers instead of losses with "
        "their graphs.",
    ),
    (
        r"Input contains NaN|contains infinity|to satisfy the constraint", "run-failed",
        "Values that are not finite reached a function that checks for them.",
        "Look at the loss and the data of the steps before: the first NaN came earlier.",
    ),
)  # fmt: skip
"""(pattern of the exception's text, rule, sentence, cure); the groups that matched fill the braces."""


def ended(error: BaseException) -> tuple[str, str, Site] | None:
    """What a record keeps of the exception that ended a run.

    Args:
        error: as it was caught, with its traceback.

    Returns:
        Its type, its text and the innermost line of the user's own code; None where a user or a system asked the run
        to end, which is no failure.

    Example:
        >>> ended(ValueError("no"))
        ('ValueError', 'no', Site(file='', line=0))
        >>> ended(KeyboardInterrupt()) is None
        True
    """
    if not isinstance(error, Exception):
        return None
    return type(error).__name__, str(error), _site(error.__traceback__)


def translate(kind: str, text: str) -> Translation | None:
    """Say what an exception means.

    Args:
        kind: name of its type.
        text: its text.

    Returns:
        Cause and cure, or None where it is not known.

    Example:
        >>> translate("IndexError", "Target 10 is out of bounds.").message
        'A label is 10, and the output has no class of that number: classes count from 0 to K - 1.'
    """
    for pattern, rule, message, cure in _TABLE:
        found = re.search(pattern, f"{kind}: {text}", re.DOTALL)
        if found:
            parts = [group for group in found.groups() if group is not None] + ["another"] * 3
            return Translation(rule, message.format(*parts), cure.format(*parts))
    return None


def _site(trace: TracebackType | None) -> Site:
    """The innermost line of a traceback that is the user's own."""
    site = Site()
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not is_installed(file):
            site = Site(file, trace.tb_lineno)
        trace = trace.tb_next
    return site
