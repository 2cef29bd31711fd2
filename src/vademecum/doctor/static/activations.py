"""Rules on what stands between the network and its loss."""

import ast
from collections.abc import Iterator
from math import e, log

from .._finding import Finding
from ._flow import Loss, Out, flow, layers, losses, through
from ._program import Program, keyword, method, receiver, text, torch_name
from ._say import finding, place
from ._trace import made


def redundant_softmax(program: Program) -> Iterator[Finding]:
    """A softmax or sigmoid whose result is given to a loss that takes the softmax itself."""
    for loss, out in _outs(program, "cross_entropy"):
        if out.kind not in {"softmax", "sigmoid"}:
            continue
        facts, limit = {}, "the loss cannot come near 0"
        if out.kind == "softmax" and out.width > 1:
            facts = {"classes": float(out.width), "lowest_loss": log(1 + (out.width - 1) / e)}
            limit = f"with {out.width} classes the loss cannot fall below {facts['lowest_loss']:.3f}"
        yield finding(
            program, out.node, "redundant-softmax", "error" if out.kind == "softmax" else "warning",
            f"This {out.kind} is given to {loss.name} ({place(program, loss.call, out.node)}), which takes the "
            f"softmax of it again: its inputs stay between 0 and 1, so {limit}.",
            cure=f"Give the raw scores to the loss: drop the {out.kind}; take it only where probabilities are read.",
            disproof="The value that reaches the loss has rows that do not sum to 1."
            if out.kind == "softmax" else "The value that reaches the loss leaves [0, 1].",
            swap=_dropped(program, out), evidence=facts, reference="bridle1990probabilistic",
        )  # fmt: skip


def redundant_sigmoid(program: Program) -> Iterator[Finding]:
    """A sigmoid or softmax whose result is given to a loss that takes the sigmoid itself."""
    for loss, out in _outs(program, "bce_logits"):
        if out.kind in {"sigmoid", "softmax"}:
            yield finding(
                program, out.node, "redundant-sigmoid", "error" if out.kind == "sigmoid" else "warning",
                f"This {out.kind} is given to {loss.name} ({place(program, loss.call, out.node)}), which takes the "
                "sigmoid of it again: its inputs stay between 0 and 1, so no probability can fall below 0.5.",
                cure=f"Give the raw scores to the loss: drop the {out.kind}.",
                disproof="The value that reaches the loss is somewhere below 0.",
                swap=_dropped(program, out), evidence={"lowest_probability": 0.5},
            )  # fmt: skip


def missing_log_softmax(program: Program) -> Iterator[Finding]:
    """Scores or probabilities given to the negative log-likelihood, which wants logarithms of probabilities."""
    for loss, out in _outs(program, "nll"):
        if out.kind in {"linear", "softmax", "sigmoid"}:
            what = "raw scores" if out.kind == "linear" else f"the {out.kind}, not its logarithm,"
            yield finding(
                program, loss.call, "missing-log-softmax", "error",
                f"{loss.name} is given {what} of {text(out.node.func)} ({place(program, out.node, loss.call)}), "
                "but it only picks the target's entry and changes its "
                "sign: the loss has no lower bound that means anything.",
                cure="Use cross_entropy on raw scores, or give the loss log_softmax(scores, dim=1).",
                disproof="The exponentials of the rows that reach the loss sum to 1.",
            )  # fmt: skip


def missing_output_activation(program: Program) -> Iterator[Finding]:
    """Raw scores given to the binary cross-entropy, which wants probabilities."""
    for loss, out in _outs(program, "bce"):
        if out.kind in {"linear", "log_softmax", "logsigmoid"}:
            what = "raw scores" if out.kind == "linear" else "logarithms of probabilities"
            yield finding(
                program, loss.call, "missing-output-activation", "error",
                f"{loss.name} is given {what} of {text(out.node.func)} ({place(program, out.node, loss.call)}), "
                "but it takes the logarithm of its input and "
                "wants probabilities between 0 and 1.",
                cure="Use BCEWithLogitsLoss on raw scores, or put a sigmoid before the loss.",
                disproof="The value that reaches the loss never leaves [0, 1].",
            )  # fmt: skip


def wrong_softmax_dim(program: Program) -> Iterator[Finding]:
    """A softmax over the examples of a batch, just before the loss."""
    told: set[ast.AST] = set()
    for loss in losses(program):
        out = flow(program, loss.input)
        if out is None or out.kind not in {"softmax", "log_softmax"} or out.dim != 0 or out.node in told:
            continue
        if loss.kind == "cross_entropy":
            continue  # it takes the softmax again, which is the graver fault
        told.add(out.node)
        old = keyword(out.node, "dim", place=_dim_place(program, out.node))
        yield finding(
            program, out.node, "wrong-softmax-dim", "warning",
            f"The {out.kind} before {loss.name} runs over dim 0, which holds the examples of a batch: the examples "
            "share one probability among them, instead of the classes of each.",
            cure="Take it over the classes: dim=1 for (B, K).",
            disproof="Its input has the classes in dim 0: a single example without a batch dimension.",
            swap=(old, "1") if old is not None else None,
        )  # fmt: skip


def single_logit_softmax(program: Program) -> Iterator[Finding]:
    """A softmax over an axis with one entry, whose result is 1 whatever comes in."""
    before = {loss.call: flow(program, loss.input) for loss in losses(program)}
    at_loss = {out.node for out in before.values() if out is not None}
    told: set[ast.AST] = set()
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        out = _softmaxed(program, call)
        if out is None or out.width != 1 or out.kind not in {"softmax", "log_softmax"} or out.node in told:
            continue
        if out.dim == -1 or (out.dim == 1 and out.node in at_loss):
            told.add(out.node)
            yield _single(
                program, out.node, "warning" if out.dim == 1 else "error", f"The {out.kind}", out.kind
            )
    for loss in (loss for loss in losses(program) if loss.kind == "cross_entropy"):
        out = before[loss.call]
        if out is not None and out.kind == "linear" and out.width == 1 and out.node not in told:
            told.add(out.node)
            yield _single(program, loss.call, "warning", f"The softmax inside {loss.name}", "log_softmax")


def _single(program: Program, node: ast.AST, severity: str, what: str, kind: str) -> Finding:
    value = "1" if kind == "softmax" else "0"
    return finding(
        program, node, "single-logit-softmax", severity,
        f"{what} runs over an axis with 1 entry: its result is {value} whatever the network says, and no gradient "
        "comes back.",
        cure="With one output use binary_cross_entropy_with_logits; with K classes give the last layer K outputs.",
        disproof="The axis of the softmax has more than one entry.", evidence={"entries": 1.0},
    )  # fmt: skip


def _softmaxed(program: Program, call: ast.Call) -> Out | None:
    name = torch_name(program, call.func)
    if name == "Sequential":  # its layers know what comes before them
        listed = layers(program, call)
        last = made(program, listed[-1]) if listed else []
        return through(program, call, None) if len(last) == 1 and _is_softmax(program, last[0]) else None
    return flow(program, call) if name in {"softmax", "log_softmax"} or method(call) == "softmax" else None


def _is_softmax(program: Program, call: ast.Call) -> bool:
    return torch_name(program, call.func) in {"Softmax", "LogSoftmax"}


def _outs(program: Program, kind: str) -> Iterator[tuple[Loss, Out]]:
    """The losses of a kind with the operation before them; each operation once."""
    told: set[ast.AST] = set()
    for loss in losses(program):
        out = flow(program, loss.input) if loss.kind == kind else None
        if out is not None and out.node not in told:
            told.add(out.node)
            yield loss, out


def _dim_place(program: Program, call: ast.Call) -> int:
    function = torch_name(program, call.func)
    return 1 if function and function[0].islower() else 0


def _dropped(program: Program, out: Out) -> tuple[ast.AST, str] | None:
    """The diff that drops an activation: its argument stays."""
    name = torch_name(program, out.node.func)
    if name[:1].isupper():
        return out.node, "nn.Identity()"
    if name:
        inner = out.node.args[0] if out.node.args else None
        return (out.node, text(inner)) if inner is not None else None
    return (out.node, text(receiver(out.node))) if method(out.node) else None
