"""Load what a user names: ``FILE:OBJECT`` or a dotted name."""

import importlib
import importlib.util
import sys
from pathlib import Path

from .errors import InputError, nearest


def from_file(spec: str) -> object:
    """Load an object from a file, which is run for it.

    Args:
        spec: ``FILE:OBJECT``; the object may be dotted.

    Returns:
        The object.

    Raises:
        InputError: the file or the object is not there, or the file fails when it is run.
    """
    file, colon, name = spec.rpartition(":")
    path = Path(file)
    if not colon or not name:
        raise InputError(
            f"an object is named as FILE:OBJECT: {spec!r} is not; write for example model.py:MyNorm."
        )
    if not path.is_file():
        raise InputError(f"the file must exist: {file!r} does not; check the path.")
    # A name of its own: the user's token.py must not stand in the standard library's place.
    label = f"vademecum_user_{path.stem}"
    loader = importlib.util.spec_from_file_location(label, path)
    if loader is None or loader.loader is None:
        raise InputError(f"the file must be Python: {file!r} is not; give a file that ends in .py.")
    module = importlib.util.module_from_spec(loader)
    sys.path.insert(0, str(path.resolve().parent))  # so that the file may import its neighbors
    sys.modules[label] = module  # dataclasses look their module up
    try:
        loader.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"the file must run: {file} raised {type(error).__name__}: {error}; run it by itself to see where."
        ) from error
    finally:
        sys.path.pop(0)
    return _walk(module, name, file)


def from_name(dotted: str) -> object:
    """Load an object by its dotted name.

    Args:
        dotted: such as ``torch.nn.GroupNorm``.

    Returns:
        The object.

    Raises:
        InputError: there is no such module or object.
    """
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        return _walk(module, ".".join(parts[cut:]), ".".join(parts[:cut]))
    raise InputError(
        f"an object is a folder of a run, a script, FILE:OBJECT or a dotted name: {dotted!r} is none of these; "
        "write for example torch.nn.LSTM."
    )


def _walk(owner: object, dotted: str, where: str) -> object:
    for name in dotted.split("."):
        if not hasattr(owner, name):
            close = nearest(name, [n for n in dir(owner) if not n.startswith("_")])
            hint = f"did you mean {close[0]!r}?" if close else "check the name."
            raise InputError(f"the object must exist: {where} has no {name!r}; {hint}")
        owner = getattr(owner, name)
    return owner
