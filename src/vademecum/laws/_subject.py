"""Build and call the thing under test, whatever names its author gave and whatever form it has."""

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError

from ._suite import Arguments, Draw, Interface


class NotCheckableError(Exception):
    """A law cannot be asked of this object: it lacks a parameter, or an instance is fixed to other arguments."""


class Subject:
    """One built object under test.

    Attributes:
        object: the module, or the function, itself.
        arguments: the arguments that are in force, by the suite's names.
    """

    def __init__(self, target: object, arguments: Arguments, names: Mapping[str, str]) -> None:
        self.object = target
        self.arguments = dict(arguments)
        self._names = names

    def __call__(self, *inputs: object, **named: object) -> Tensor:
        return cast(Callable[..., Tensor], self.object)(*inputs, **named)

    def __getitem__(self, name: str) -> Tensor:
        """A parameter or buffer by the suite's name."""
        value = getattr(self.object, self._names.get(name, name), None)
        if not isinstance(value, Tensor):
            raise NotCheckableError(f"it has no tensor {name!r}")
        return value

    def has(self, name: str) -> bool:
        """Whether there is such a parameter or buffer."""
        return isinstance(getattr(self.object, self._names.get(name, name), None), Tensor)

    def train(self, mode: bool = True) -> "Subject":
        """Set the training mode, where there is one."""
        if isinstance(self.object, nn.Module):
            self.object.train(mode)
        return self

    def eval(self) -> "Subject":
        """Set the evaluation mode, where there is one."""
        return self.train(False)

    def fill(self, draw: Draw, *names: str) -> "Subject":
        """Give parameters values that differ from unit to unit: an omitted gain must not stay hidden."""
        with torch.no_grad():
            for name in names:
                if self.has(name):
                    tensor = self[name]
                    shape = tuple(tensor.shape) or (1,)  # no shape means the input's shape to a draw
                    tensor.copy_(draw.uniform(*shape, low=0.5, high=1.5, name=name).reshape(tensor.shape))
        return self


class FunctionModule(nn.Module):
    """A function in a module's place: holds the parameters and buffers that a module would hold."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        keywords: Mapping[str, object],
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
    ) -> None:
        super().__init__()
        self._function, self._keywords, self._tensors = function, dict(keywords), (*parameters, *buffers)
        for name, tensor in parameters.items():
            self.register_parameter(name, nn.Parameter(tensor))
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor)

    def forward(self, *inputs: Tensor) -> Tensor:
        tensors = {name: getattr(self, name) for name in self._tensors}
        modes = {"training": self.training} if _takes(self._function, "training") else {}
        return self._function(*inputs, **self._keywords, **modes, **tensors)


class Target:
    """An object under test with the names that its author uses.

    Args:
        given: a class, a function or an instance.
        interface: of the suite.
        fixed: arguments given by the user (``--arg``): by the suite's names or by the object's own.
        mapping: the object's name -> the suite's name (``--map``).
    """

    def __init__(
        self,
        given: object,
        interface: Interface,
        *,
        fixed: Arguments | None = None,
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        if not callable(given):
            raise InputError(
                f"the object must be a class, a function or an instance that can be called: {given!r} is none."
            )
        self.given = given
        self.interface = interface
        self.mapping = dict(mapping or {})
        known = {*interface.arguments, *interface.inputs, *interface.parameters, *interface.aliases}
        for theirs, ours in self.mapping.items():
            if known and ours not in known:
                raise InputError(
                    f"--map takes theirs=ours with a name that the laws use: {theirs}={ours} names {ours!r}; "
                    f"take one of {', '.join(sorted(known))}."
                )
        self.fixed = {self._ours(name): value for name, value in (fixed or {}).items()}
        self.is_instance = not inspect.isclass(given) and not inspect.isroutine(given)

    def _ours(self, theirs: str) -> str:
        if theirs in self.mapping:
            return self.mapping[theirs]
        for ours, others in self.interface.aliases.items():
            if theirs in others:
                return ours
        return theirs

    def _theirs(self, ours: str, exists: Callable[[str], bool]) -> str | None:
        candidates = [theirs for theirs, name in self.mapping.items() if name == ours]
        candidates += [ours, *self.interface.aliases.get(ours, ())]
        return next((name for name in candidates if exists(name)), None)

    def cases(self, cases: list[Arguments]) -> list[Arguments]:
        """Narrow the suite's cases to those that this object can be built with."""
        if self.is_instance:
            return [self._read_instance()]
        pinned = {name: value for name, value in self.fixed.items() if name in self.interface.arguments}
        takes = {name for name in self.interface.arguments if self._accepts(name)}
        kept: list[Arguments] = []
        for case in cases:
            case = {
                name: pinned.get(name, value if name in takes else self.interface.defaults.get(name, value))
                for name, value in case.items()
            }
            if case not in kept:
                kept.append(case)
        return kept

    def build(self, draw: Draw, **changed: object) -> Subject:
        """Build the object for a draw.

        Raises:
            NotCheckableError: an instance is fixed to other arguments.
            InputError: the object needs an argument that nobody gives.
        """
        arguments = {**draw.arguments, **changed}
        names = dict(self._tensor_names(self.given))
        if self.is_instance:
            if changed and any(draw.arguments.get(name) != value for name, value in changed.items()):
                raise NotCheckableError("an instance cannot be built with other arguments")
            if not isinstance(self.given, nn.Module):
                return Subject(self.given, arguments, names)
            return Subject(
                deepcopy(self.given).to(draw.dtype), arguments, dict(self._tensor_names(self.given))
            )
        wants_class = inspect.isclass(self.given)
        if self.interface.kind == "function" and not wants_class:
            return Subject(self._as_function(arguments), arguments, names)
        if wants_class:
            keywords = self._keywords(arguments, self.given.__init__)  # type: ignore[misc]
            built = cast(Callable[..., object], self.given)(**keywords)
        elif any(self._accepts(name) for name in (*self.interface.inputs, *self.interface.parameters)):
            tensors = (*self.interface.parameters, *self.interface.buffers)
            keywords = self._keywords(
                arguments, self.given, skip=(*self.interface.inputs, *tensors, "training")
            )
            names = {
                ours: theirs
                for ours in tensors
                if (theirs := self._theirs(ours, lambda n: _takes(self.given, n))) is not None
            }
            parameters = {
                names[name]: (torch.zeros if name == "bias" else torch.ones)(shape(arguments))
                for name, shape in self.interface.parameters.items()
                if name in names
            }
            buffers = {
                names[name]: start(arguments)
                for name, start in self.interface.buffers.items()
                if name in names
            }
            built = FunctionModule(cast(Callable[..., Tensor], self.given), keywords, parameters, buffers)
        else:  # a factory: a function that returns a module
            built = cast(Callable[..., object], self.given)(**self._keywords(arguments, self.given))
        if isinstance(built, nn.Module):
            built = built.to(draw.dtype)
        subject = Subject(built, arguments, dict(self._tensor_names(built)))
        for name in self.interface.arguments:  # what the object really uses
            if name not in changed and not self._accepts(name):
                shown = self._theirs(name, lambda n: isinstance(getattr(built, n, None), int | float))
                if shown is not None:
                    subject.arguments[name] = getattr(built, shown)
        return subject

    def _as_function(self, arguments: Arguments) -> Callable[..., Tensor]:
        keywords = self._keywords(arguments, self.given, skip=self.interface.inputs)

        def call(*inputs: Tensor, **named: object) -> Tensor:
            return cast(Callable[..., Tensor], self.given)(*inputs, **{**keywords, **self._rename(named)})

        return call

    def _rename(self, named: Mapping[str, object]) -> dict[str, object]:
        return {
            self._theirs(name, lambda n: _takes(self.given, n)) or name: value
            for name, value in named.items()
        }

    def _accepts(self, name: str) -> bool:
        function = self.given.__init__ if inspect.isclass(self.given) else self.given
        return self._theirs(name, lambda n: _takes(function, n)) is not None

    def _keywords(
        self, arguments: Arguments, function: object, *, skip: tuple[str, ...] = ()
    ) -> dict[str, object]:
        """Bind the suite's arguments to a signature by name; say what is missing."""
        keywords: dict[str, object] = {}
        values = {**arguments, **self.fixed}
        for name, value in values.items():
            theirs = self._theirs(name, lambda n: _takes(function, n))
            if theirs is not None:
                keywords[theirs] = value
            elif name in self.fixed and name not in self.interface.arguments:
                raise InputError(f"--arg takes an argument of the object: it has no {name!r}.")
        skipped = {theirs for ours in skip if (theirs := self._theirs(ours, lambda n: _takes(function, n)))}
        for position, (name, parameter) in enumerate(_parameters(function).items()):
            required = parameter.default is parameter.empty and parameter.kind not in {
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            }
            if (
                required
                and name not in keywords
                and name not in skipped
                and not (skip and position < len(self.interface.inputs))
            ):
                label = getattr(self.given, "__name__", repr(self.given))
                raise InputError(
                    f"every required argument needs a value: {label} wants {name!r}, the laws give "
                    f"{', '.join(self.interface.arguments) or 'nothing'}; say which of these it is with "
                    f"--map {name}=NAME, or give it with --arg {name}=VALUE."
                )
        return keywords

    def _tensor_names(self, built: object) -> Mapping[str, str]:
        names = {}
        for ours in (*self.interface.parameters, *self.interface.aliases):
            theirs = self._theirs(ours, lambda n: isinstance(getattr(built, n, None), Tensor))
            if theirs is not None:
                names[ours] = theirs
        return names

    def _read_instance(self) -> Arguments:
        found: dict[str, object] = {}
        for name in self.interface.arguments:
            theirs = self._theirs(name, lambda n: hasattr(self.given, n))
            if name in self.fixed:
                found[name] = self.fixed[name]
            elif theirs is not None:
                found[name] = getattr(self.given, theirs)
            elif name in self.interface.defaults:
                found[name] = self.interface.defaults[name]
            else:
                raise InputError(
                    f"an instance must show the arguments that it was built with: {type(self.given).__name__} has no "
                    f"attribute {name!r}; give it with --arg {name}=VALUE or name it with --map THEIRS={name}."
                )
        return found


def _parameters(function: object) -> dict[str, inspect.Parameter]:
    try:
        found = dict(inspect.signature(cast(Callable[..., object], function)).parameters)
    except (TypeError, ValueError):  # a builtin shows no signature
        return {}
    found.pop("self", None)
    return found


def _takes(function: object, name: str) -> bool:
    found = _parameters(function)
    if not found:  # builtins: trust the name
        return True
    return name in found and found[name].kind not in {
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    }
