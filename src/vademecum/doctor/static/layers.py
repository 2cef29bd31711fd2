"""Rules on the layers of a network, and on what the optimizer gets of them."""

import ast
from collections.abc import Iterator
from itertools import pairwise

from .._finding import Finding
from ._flow import block_of, layers
from ._loop import is_optimizer, optimizers
from ._program import (
    Function,
    Program,
    ancestors,
    calls,
    class_of,
    dotted,
    keyword,
    method,
    receiver,
    statement_of,
    text,
    torch_name,
    tree_of,
)
from ._say import finding
from ._trace import class_named, is_module, made, method_of, origins, reaching

_WITH_PARAMETERS = (
    "Linear", "Bilinear", "Conv", "LazyConv", "LazyLinear", "BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm",
    "Embedding", "LSTM", "GRU", "RNN", "Multihead", "Transformer", "PReLU", "Sequential", "Parameter", "RMSNorm",
)  # fmt: skip
_REGISTERS = frozenset(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Sequential"))
_BEFORE_NORM = ("Linear", "Conv")


def unregistered_layers(program: Program) -> Iterator[Finding]:
    """Layers in a plain list or dictionary of a network, where torch does not find them."""
    for owner in (node for node in program.nodes if isinstance(node, ast.ClassDef)):
        if not is_module(program, owner) or _registers(program, owner):
            continue
        told = set()
        for (scope, name), bindings in program.bindings.items():
            if scope is not owner or name in told or _collected(program, name):
                continue
            for binding in bindings:
                container = _container(program, owner, name, binding.value)
                if container is None or not isinstance(binding.at, ast.Assign) or not _is_own(binding.at):
                    continue
                told.add(name)
                swap = _listed(binding.value)
                yield finding(
                    program, binding.at, "unregistered-layers", "error",
                    f"self.{name} is a plain {container} of layers: they are missing from "
                    f"{owner.name}.parameters(), so no "
                    "optimizer gets them, and neither .to() nor state_dict() knows them.",
                    cure=f"Make self.{name} an nn.{'ModuleDict' if container == 'dict' else 'ModuleList'}.",
                    disproof=f"The names of {owner.name}.named_parameters() contain these layers.", swap=swap,
                )  # fmt: skip
                break


def _is_own(statement: ast.Assign) -> bool:
    target = statement.targets[0]
    return isinstance(target, ast.Attribute)


def _registers(program: Program, owner: ast.ClassDef) -> bool:
    """Whether a class registers layers by name, or says itself what its parameters are."""
    if any(isinstance(f, Function) and f.name in {"parameters", "named_parameters"} for f in owner.body):
        return True
    named = {method(call) for call in calls(owner)} | {text(call.func) for call in calls(owner)}
    return bool(named & {"add_module", "register_module", "setattr", "register_parameter"})


def _collected(program: Program, name: str) -> bool:
    """Whether a container is registered after all, its parameters are fetched by hand, or it is handed out for that."""
    for node in program.nodes:
        if not isinstance(node, ast.Attribute) or node.attr != name:
            continue
        called = False
        for above in ancestors(program, node):
            if isinstance(above, ast.Call) and torch_name(program, above.func) in _REGISTERS:
                return True
            called = called or isinstance(above, ast.Call)
            if isinstance(above, ast.stmt):
                if "parameters(" in text(above) or (isinstance(above, ast.Return) and not called):
                    return True
                break
    return False


def _container(program: Program, owner: ast.ClassDef, name: str, value: ast.expr | None) -> str | None:
    """What a container of layers is called, None for anything else."""
    for one in origins(program, value) if value is not None else ():
        node = one.node
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            if len(node.elts) > 1 and all(_has_parameters(program, part) for part in node.elts[:1]):
                return "list" if isinstance(node, ast.List) else "tuple"
        elif isinstance(node, ast.ListComp) and _has_parameters(program, node.elt):
            return "list"
        elif (isinstance(node, ast.DictComp) and _has_parameters(program, node.value)) or (
            isinstance(node, ast.Dict) and len(node.values) > 1 and _has_parameters(program, node.values[0])
        ):
            return "dict"
        elif isinstance(node, ast.List) and _appended(program, owner, name):
            return "list"
    return None


def _appended(program: Program, owner: ast.ClassDef, name: str) -> bool:
    return any(
        method(call) == "append" and text(receiver(call)) == f"self.{name}"
        and call.args and _has_parameters(program, call.args[0])
        for call in calls(owner)
    )  # fmt: skip


def _has_parameters(program: Program, node: ast.expr) -> bool:
    """Whether an expression makes a layer with parameters, and not only names one."""
    if not isinstance(node, ast.Call):
        return False
    name = torch_name(program, node.func)
    if name == "Sequential":
        return any(layer is not None and _has_parameters(program, layer) for layer in layers(program, node))
    if name:
        return name.startswith(_WITH_PARAMETERS) and dotted(program, node.func).startswith("torch.nn.")
    own = class_named(program, node.func)
    if own is None or not is_module(program, own):
        return False
    return any(_has_parameters(program, call) for call in calls(own) if call is not node)


def _listed(value: ast.expr | None) -> tuple[ast.AST, str] | None:
    if isinstance(value, ast.List | ast.ListComp):
        return value, f"nn.ModuleList({text(value)})"
    return (value, f"nn.ModuleDict({text(value)})") if isinstance(value, ast.Dict | ast.DictComp) else None


def optimizer_wrong_parameters(program: Program) -> Iterator[Finding]:
    """An optimizer made for a network that is replaced, or for a part of one that is not frozen."""
    for call in optimizers(program):
        given = keyword(call, "params", place=0)
        if not isinstance(given, ast.Call) or method(given) != "parameters":
            continue
        whose = receiver(given)
        found = _replaced(program, call, whose) if isinstance(whose, ast.Name) else None
        if found is not None:
            yield finding(
                program, call, "optimizer-wrong-parameters", "error",
                f"The optimizer has the parameters of the {text(whose)} of before line {found.lineno}, where "
                f"{text(whose)} is made anew: it steps parameters that nothing uses, and the new ones never change.",
                cure=f"Make the optimizer after line {found.lineno}.",
                disproof=f"{text(whose)} is not trained after line {found.lineno}.",
            )  # fmt: skip
        elif isinstance(whose, ast.Attribute) and _is_part(program, whose):
            yield finding(
                program, call, "optimizer-wrong-parameters", "warning",
                f"The optimizer has the parameters of {text(whose)} alone; the other layers of {text(whose.value)} "
                "start at random, are not frozen, and are never stepped.",
                cure=f"Give it {text(whose.value)}.parameters(), or freeze the rest with requires_grad_(False).",
                disproof="The other layers were trained before, or random features are meant.",
                swap=(whose, text(whose.value)),
            )  # fmt: skip


def _replaced(program: Program, optimizer: ast.Call, network: ast.Name) -> ast.stmt | None:
    """The statement in the same block that makes the network anew, while the old optimizer is still used."""
    statement = statement_of(program, optimizer)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return None
    block = block_of(program, statement)
    after = block[block.index(statement) + 1 :] if statement in block else []
    name = statement.targets[0].id
    old = set(reaching(program, network))
    for place, part in enumerate(after):
        if any(
            isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(part)
        ):
            return None
        if not isinstance(part, ast.Assign) or text(part.targets[0]) != network.id:
            continue
        if _makes_anew(program, part.value, old):
            rest = after[place + 1 :]
            used = [n for s in rest for n in ast.walk(s) if isinstance(n, ast.Name) and n.id == name]
            anew = any(isinstance(n.ctx, ast.Store) for n in used) or any(
                is_optimizer(program, c) for s in rest for c in calls(s)
            )
            return part if used and not anew else None
    return None


def _makes_anew(program: Program, value: ast.expr, old: object) -> bool:
    makers = made(program, value)
    builds = [
        m for m in makers
        if is_module(program, class_named(program, m.func)) or dotted(program, m.func).startswith("torch.nn.")
    ]  # fmt: skip
    inside = {b for part in ast.walk(value) if isinstance(part, ast.Name) for b in reaching(program, part)}
    return bool(makers) and len(builds) == len(makers) and not (isinstance(old, set) and inside & old)


def _is_part(program: Program, whose: ast.Attribute) -> bool:
    """Whether an attribute is one of several parts, with parameters, of a fresh network, and nothing is frozen."""
    if len(optimizers(program)) != 1:
        return False
    makers = made(program, whose.value)
    owner = class_named(program, makers[0].func) if len(makers) == 1 else None
    if owner is None or not is_module(program, owner) or method_of(program, owner, "forward") is None:
        return False
    words = {n.attr for n in program.nodes if isinstance(n, ast.Attribute)}
    words |= {n.arg for n in program.nodes if isinstance(n, ast.keyword) and n.arg}
    words |= {n.id for n in program.nodes if isinstance(n, ast.Name)}
    told = (
        "requires_grad",
        "load_state_dict",
        "pretrain",
        "weights",
        "from_pretrained",
        "no_grad_",
        "freeze",
        "detach",
    )
    if any(word.lower().startswith(told) or "pretrained" in word.lower() for word in words):
        return False
    if any(
        method(call) in {"parameters", "add_param_group"} and receiver(call) is not whose
        for call in _calls(program)
    ):
        return False
    parts = [
        name for (scope, name), found in program.bindings.items()
        if scope is owner and any(b.value is not None and _has_parameters(program, b.value) for b in found)
    ]  # fmt: skip
    return whose.attr in parts and len(parts) > 1


def _calls(program: Program) -> list[ast.Call]:
    return [node for node in program.nodes if isinstance(node, ast.Call)]


def bias_before_norm(program: Program) -> Iterator[Finding]:
    """A bias that batch normalization takes away again; one note a file."""
    found: dict[ast.AST, list[tuple[ast.Call, str]]] = {}
    for layer, norm in _pairs(program):
        linear = torch_name(program, layer.func).startswith(_BEFORE_NORM) and keyword(layer, "bias") is None
        if linear and torch_name(program, norm.func).startswith("BatchNorm"):
            found.setdefault(tree_of(program, layer), []).append((layer, text(norm.func)))
    for pairs in found.values():
        layer, norm_name = pairs[0]
        count = len({id(pair[0]) for pair in pairs})
        yield finding(
            program, layer, "bias-before-norm", "note",
            f"{norm_name} takes the mean away, and with it the bias of the layer before it: {count} such "
            f"bias{'es' if count > 1 else ''} in this file get no gradient.",
            cure="Write bias=False in the layer before a batch normalization.",
            disproof="Something stands between the two that is not linear.", evidence={"layers": float(count)},
            reference="ioffe2015batch",
            swap=(layer, f"{text(layer)[:-1]}{', ' if layer.args or layer.keywords else ''}bias=False)"),
        )  # fmt: skip


def _pairs(program: Program) -> Iterator[tuple[ast.Call, ast.Call]]:
    """Layers of which the second is given what the first gives."""
    for call in _calls(program):
        if torch_name(program, call.func) == "Sequential":
            listed = layers(program, call)
            for first, second in pairwise(listed):
                if isinstance(first, ast.Call) and isinstance(second, ast.Call):
                    yield first, second
        elif (
            len(call.args) == 1
            and isinstance(call.func, ast.Attribute)
            and class_of(program, call) is not None
        ):
            inner = call.args[0]
            value = [one.node for one in origins(program, inner)] if isinstance(inner, ast.Name) else [inner]
            only = value[0] if len(value) == 1 else None
            if isinstance(only, ast.Call) and isinstance(only.func, ast.Attribute):
                below, above = made(program, only.func), made(program, call.func)
                if len(below) == len(above) == 1:
                    yield below[0], above[0]
