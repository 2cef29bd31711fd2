"""Rules on language models: targets one token off."""

import ast
from collections.abc import Iterator

from .._finding import Finding
from ._flow import losses
from ._program import Program, constant, keyword, method, receiver, text
from ._say import finding
from ._trace import made, origins, reaching

_SAME_VALUES = frozenset(["view", "reshape", "flatten", "long", "to", "contiguous", "transpose", "permute"])
_CAUSAL = frozenset(("is_causal", "triu", "tril", "generate_square_subsequent_mask"))


def label_shift(program: Program) -> Iterator[Finding]:
    """Targets of a language model that are not shifted, or shifted twice."""
    yield from _shifted_twice(program)
    yield from _not_shifted(program)


def _shifted_twice(program: Program) -> Iterator[Finding]:
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        labels = keyword(call, "labels")
        if labels is None or not isinstance(labels, ast.Subscript) or not _from_one(labels):
            continue
        makers = [text(maker.func) for maker in made(program, call.func)]
        if makers and all("CausalLM" in name or "LMHeadModel" in name for name in makers):
            yield finding(
                program, labels, "label-shift", "warning",
                f"`labels={text(labels)}` is shifted by one, and {makers[0].partition('.')[0]} shifts its labels "
                "itself: each token is trained to give the second next.",
                cure="Give the whole sequence as input and as labels.",
                disproof="This model does not shift its labels.", swap=(labels, text(labels.value)),
            )  # fmt: skip


def _from_one(node: ast.Subscript) -> bool:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return any(isinstance(p, ast.Slice) and constant(p.lower) == 1 and p.upper is None for p in parts)


def _not_shifted(program: Program) -> Iterator[Finding]:
    words = {n.attr for n in program.nodes if isinstance(n, ast.Attribute)}
    words |= {n.arg for n in program.nodes if isinstance(n, ast.keyword) and n.arg}
    shifts = any(
        isinstance(n, ast.Slice) and (constant(n.lower) == 1 or constant(n.upper) == -1)
        for n in program.nodes
    ) or words & {"roll", "shift", "shift_right", "narrow"}
    if not words & _CAUSAL or shifts:
        return
    for loss in losses(program):
        if loss.kind != "cross_entropy" or loss.target is None:
            continue
        target, given = _root(loss.target), _fed(program, loss.input)
        if not isinstance(target, ast.Name) or given is None or target.id != given.id:
            continue
        if set(reaching(program, target)) == set(reaching(program, given)):
            yield finding(
                program, loss.call, "label-shift", "warning",
                f"`{target.id}` is what the network reads and what it is to give: behind a causal mask each "
                "position sees its own answer.",
                cure=f"Predict the next token: read {target.id}[:, :-1], and compare with {target.id}[:, 1:].",
                disproof="The network shifts its input itself.",
            )  # fmt: skip


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and method(node) in _SAME_VALUES:
        node = receiver(node)
    return node


def _fed(program: Program, node: ast.expr) -> ast.Name | None:
    """The one name that a network was given for an output."""
    inner = _root(node)
    if isinstance(inner, ast.Name):
        found = [one.node for one in origins(program, inner)]
        inner = found[0] if len(found) == 1 and found[0] is not None else inner
        inner = _root(inner)
    if isinstance(inner, ast.Call) and len(inner.args) == 1 and isinstance(inner.args[0], ast.Name):
        return inner.args[0] if made(program, inner.func) else None
    return None
