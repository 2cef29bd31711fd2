"""Rules on the modes of a network: training and evaluation."""

import ast
from collections.abc import Iterator, Mapping
from itertools import islice

from .._finding import Finding
from ._flow import loss_at
from ._loop import backwards, loops, trained_elsewhere
from ._modes import acting, events, has_modes, starts, trained
from ._program import (
    Function,
    Program,
    ancestors,
    calls,
    class_of,
    dotted,
    function_of,
    keyword,
    method,
    receiver,
    text,
    torch_name,
)
from ._say import finding
from ._trace import is_module, origin, reaching

_ON_BY_DEFAULT = frozenset(["dropout", "dropout1d", "dropout2d", "dropout3d"])

_ENOUGH = 10_000
"""Events after which a block is taken to be known: a bound, where functions call one another in many ways."""


def eval_mode_in_training(program: Program) -> Iterator[Finding]:
    """A network that is still in evaluation mode when a step of training is taken."""
    acts = acting(program)
    if not acts and not any(True for _ in backwards(program)):
        return
    networks = trained(program)
    told: set[ast.AST] = set()
    for block in starts(program):
        since: dict[object, ast.Call] = {}
        learning: dict[object, ast.Call] = {}  # of these, with a backward that no step has used
        for event in islice(events(program, block, acts), _ENOUGH):
            if event.kind == "eval":
                since[event.whose] = event.node
            elif event.kind in {"train", "unknown"}:
                since.pop(event.whose, None)
                learning.pop(event.whose, None)
            elif event.kind == "backward":
                learning.update(dict.fromkeys(since, event.node))
            for whose, backward in list(learning.items()) if event.kind == "step" else ():
                node = since[whose]
                if node in told or not _steps(networks, event.whose, whose) or not has_modes(program, whose):
                    continue
                told.add(node)
                name = text(receiver(node))
                yield finding(
                    program, node, "eval-mode-in-training", "warning",
                    f"`{text(node)}` is still in force when backward runs on line {backward.lineno}: dropout is "
                    f"off and batch normalization uses old statistics while {name} learns.",
                    cure=f"Call {name}.train() where the training part of each epoch begins.",
                    disproof=f"{name}.training is True when backward runs, or the mode is meant (fixed statistics).",
                    diff=f"+ {name}.train()",
                )  # fmt: skip


def _steps(networks: Mapping[ast.Call, set[object]], optimizers: object, network: object) -> bool:
    """Whether one of the optimizers has a network's parameters; one that is not known is the only one there is."""
    if isinstance(optimizers, frozenset) and optimizers:
        return any(network in networks.get(optimizer, set()) for optimizer in optimizers)
    return len(networks) == 1 and any(network in found for found in networks.values())


def train_mode_in_validation(program: Program) -> Iterator[Finding]:
    """A network with dropout or batch normalization that is measured, and never put into eval mode."""
    networks = set().union(*trained(program).values())
    switched = {
        origin(program, receiver(node)) for node in program.nodes
        if isinstance(node, ast.Call) and (method(node) == "eval" or (method(node) == "train" and node.args))
    }  # fmt: skip
    if any(isinstance(one, str) for one in switched):
        return  # something is put into eval mode, and it may be this network
    learned = {
        _signature(program, forward)
        for backward in backwards(program)
        for loop in loops(program, backward.call)[:1]
        for forward in _forwards(program, loop)
    }
    for block, forward in _without_gradients(program):
        whose = origin(program, forward.func)
        if (
            whose not in networks
            or whose in switched
            or isinstance(whose, str)
            or trained_elsewhere(program, forward)
        ):
            continue
        if (
            _signature(program, forward) in learned
            or not _measures(program, block)
            or not has_modes(program, whose)
        ):
            continue
        name = text(forward.func)
        yield finding(
            program, forward, "train-mode-in-validation", "warning",
            f"`{text(forward)}` is measured while {name} is in training mode: dropout drops and batch "
            f"normalization mixes the examples, and nothing calls {name}.eval().",
            cure=f"Call {name}.eval() before the measurement, and {name}.train() after it.",
            disproof=f"{name}.training is False there, or the noise is meant.",
            diff=f"+ {name}.eval()",
        )  # fmt: skip
        return


def _forwards(program: Program, node: ast.AST) -> Iterator[ast.Call]:
    """The calls in a subtree that are not inside a block without gradients."""
    for call in calls(node):
        if not any(_is_no_grad(program, above) for above in ancestors(program, call)):
            yield call


def _signature(program: Program, forward: ast.Call) -> tuple[str, frozenset[object]]:
    """What a forward is given: its words, and what they are bound to."""
    given = [node for argument in forward.args for node in ast.walk(argument) if isinstance(node, ast.Name)]
    return text(forward), frozenset(binding for name in given for binding in reaching(program, name))


def _is_no_grad(program: Program, node: ast.AST) -> bool:
    if isinstance(node, ast.With):
        marks = [item.context_expr for item in node.items]
    else:
        marks = node.decorator_list if isinstance(node, Function) else []
    names = {torch_name(program, mark.func if isinstance(mark, ast.Call) else mark) for mark in marks}
    return bool(names & {"no_grad", "inference_mode"})


def _without_gradients(program: Program) -> Iterator[tuple[ast.AST, ast.Call]]:
    for node in program.nodes:
        if _is_no_grad(program, node):
            for call in calls(node):
                if isinstance(call.func, ast.Name | ast.Attribute) and not dotted(program, call.func):
                    yield node, call


def _measures(program: Program, block: ast.AST) -> bool:
    """Whether a block compares outputs with targets, once for each example."""
    words = {method(call) for call in calls(block)} | {
        text(call.func).rpartition(".")[2] for call in calls(block)
    }
    if words & {"stack", "std", "var", "update_bn", "uniform_", "sub_", "add_", "lerp_", "copy_"}:
        return False
    if any(loss_at(program, call) for call in calls(block)) or any(
        "accuracy" in word or "_score" in word for word in words
    ):
        return True
    return any(
        (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq)
        and any(method(call) in {"argmax", "max", "round"} for call in calls(node)))
        or method(node) == "eq"
        or (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq)
        and isinstance(program.parents[node], ast.Attribute))
        for node in ast.walk(block)
    )  # fmt: skip


def dropout_active_in_eval(program: Program) -> Iterator[Finding]:
    """A functional dropout inside a network that is not told the mode, so that it is on in evaluation, too."""
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        owner = class_of(program, call)
        if not is_module(program, owner) or function_of(program, call) is None or _asks_mode(program, call):
            continue
        name = torch_name(program, call.func)
        if name in _ON_BY_DEFAULT and dotted(program, call.func).startswith("torch.nn.functional."):
            if keyword(call, "training", place=2) is None and not any(
                word.arg is None for word in call.keywords
            ):
                inner = [*map(text, call.args), *(f"{word.arg}={text(word.value)}" for word in call.keywords)]
                cured = f"{text(call.func)}({', '.join([*inner, 'training=self.training'])})"
                yield _active(program, call, f"`{text(call)}` is not told the mode", (call, cured))
        elif isinstance(call.func, ast.Call) and torch_name(program, call.func.func).startswith("Dropout"):
            yield _active(
                program, call, f"`{text(call)}` makes a new layer at each call, in training mode", None
            )


def _asks_mode(program: Program, node: ast.AST) -> bool:
    """Whether something around a node asks for the mode."""
    return any(
        isinstance(above, ast.If | ast.IfExp) and "training" in text(above.test)
        for above in ancestors(program, node)
    )


def _active(program: Program, call: ast.Call, what: str, swap: tuple[ast.AST, str] | None) -> Finding:
    cure = "Give it training=self.training." if swap else "Make the layer once, in __init__, as self.dropout."
    return finding(
        program, call, "dropout-active-in-eval", "warning",
        f"{what}: it drops in evaluation as in training, and predictions are random.",
        cure=cure, disproof="Two forwards in eval mode give the same, or the samples are meant (Monte Carlo dropout).",
        swap=swap, reference="srivastava2014dropout",
    )  # fmt: skip
