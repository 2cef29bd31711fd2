"""Build and call the thing under test, whatever names its author gave and whatever form it has."""

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from math import prod
from typing import cast

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError

from ._names import guess_tensors, in_our_shape, required, starts
from ._suite import Arguments, Draw, Interface


class NotCheckableError(Exception):
    """A law cannot be asked of this object: it lacks a parameter, or an instance is fixed to other arguments."""


class Subject:
    """One built object under test.

    Attributes:
        object: the module, or the function, itself.
        arguments: the arguments that are in force, by the suite's names.
    """

    def __init__(
        self,
        target: object,
        arguments: Arguments,
        names: Mapping[str, str],
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.object = target
        self.arguments = dict(arguments)
        self._names = names
        self._shapes = shapes or {}

    def __call__(self, *inputs: object, **named: object) -> Tensor:
        return cast(Callable[..., Tensor], self.object)(*inputs, **named)

    def __getitem__(self, name: str) -> Tensor:
        """A parameter or buffer by the suite's name, in the suite's shape."""
        value = self._find(name)
        if value is None:
            tensors = self.object.state_dict() if isinstance(self.object, nn.Module) else {}
            has = f"; it has {', '.join(tensors)}: say which with --map THEIRS={name}" if tensors else ""
            raise NotCheckableError(f"it has no tensor {name!r}{has}")
        shape = self._shapes.get(name)
        return value if shape is None or value.numel() != prod(shape) else value.view(shape)

    def has(self, name: str) -> bool:
        """Whether there is such a parameter or buffer."""
        return self._find(name) is not None

    def _find(self, name: str) -> Tensor | None:
        value: object = self.object
        for part in self._names.get(name, name).split("."):
            value = getattr(value, part, None)
        return value if isinstance(value, Tensor) else None

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
        known = {
            *interface.arguments, *interface.inputs, *interface.parameters, *interface.buffers, *interface.aliases,
        }  # fmt: skip
        for theirs, ours in self.mapping.items():
            if known and ours not in known:
                raise InputError(
                    f"--map takes theirs=ours with a name that the laws use: {theirs}={ours} names {ours!r}; "
                    f"take one of {', '.join(sorted(known))}."
                )
        self.fixed = {self._ours(name): value for name, value in (fixed or {}).items()}
        self.is_instance = not inspect.isclass(given) and not inspect.isroutine(given)
        self.taken: dict[str, str] = {}
        """What was taken for what by elimination: the object's name -> the suite's."""
        if inspect.isclass(given):
            self._guess_argument(given.__init__)

    def _guess_argument(self, init: Callable[..., object]) -> None:
        """Take the one required argument that is left for the one that the laws have left."""
        names = [*self.interface.arguments, *self.fixed]
        bound = {self._theirs(ours, lambda n: _takes(init, n)) for ours in names}
        left = [name for name in required(init) if name not in bound]
        without = {*self.interface.defaults, *self.fixed}
        free = [ours for ours in self.interface.arguments if ours not in without and not self._accepts(ours)]
        if len(left) == len(free) == 1:
            self.mapping[left[0]] = self.taken[left[0]] = free[0]

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
            return self._subject(_to(deepcopy(self.given), draw.dtype), arguments)
        for name in changed:
            if name in self.interface.arguments and not self._accepts(name):
                raise NotCheckableError(f"it takes no argument {name!r}")
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
            built = _to(built, draw.dtype)
        subject = self._subject(built, arguments)
        for name in self.interface.arguments:  # what the object really uses
            if name not in changed and not self._accepts(name):
                shown = self._theirs(name, lambda n: isinstance(getattr(built, n, None), int | float))
                if shown is not None:
                    subject.arguments[name] = getattr(built, shown)
        return subject

    def _subject(self, built: object, arguments: Arguments) -> Subject:
        """Find the tensors of a built object, by name or by elimination, and show them in the laws' shapes."""
        names = dict(self._tensor_names(built))
        if not self.is_instance:  # an instance may have been trained: its values say nothing
            guesses = guess_tensors(built, names, self.interface, arguments)
            names |= guesses
            self.taken |= {theirs: ours for ours, theirs in guesses.items()}
        shapes = {name: tuple(start.shape) for name, start in starts(self.interface, arguments).items()}
        if isinstance(built, nn.Module):
            for name in self.interface.parameters:
                if name in names:
                    names[name] = in_our_shape(built, names[name], shapes[name])
        return Subject(built, arguments, names, {name: shapes[name] for name in self.interface.buffers})

    def _as_function(self, arguments: Arguments) -> Callable[..., Tensor]:
        keywords = self._keywords(arguments, self.given, skip=self.interface.inputs)

        def call(*inputs: Tensor, **named: object) -> Tensor:
            generator = named.get("generator")
            if isinstance(generator, torch.Generator) and not _takes(self.given, "generator"):
                torch.manual_seed(generator.initial_seed())  # it draws from torch's own stream
                del named["generator"]
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
        for ours in (*self.interface.parameters, *self.interface.buffers, *self.interface.aliases):
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


def _to(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert a module, tensors that are plain attributes included."""
    for name, value in vars(module).items():
        if isinstance(value, Tensor) and value.is_floating_point():
            setattr(module, name, value.to(dtype))
    return module.to(dtype)


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
