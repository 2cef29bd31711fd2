"""What is said to a user whose input cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """The user's input cannot be used.

    The message is one sentence: what must hold, what came, what to do. The command line prints it
    without a traceback and ends with exit code 2.
    """


def nearest(word: str, options: Iterable[str], *, count: int = 1) -> list[str]:
    """Find the options that look most like a misspelt word.

    Args:
        word: what was written.
        options: what could have been meant.
        count: how many to return at most.

    Returns:
        The options, best first; empty where nothing is near.

    Example:
        >>> nearest("lerning_rate", ["learning_rate", "momentum"])
        ['learning_rate']
    """
    lowered = {option.lower(): option for option in options}
    return [lowered[match] for match in get_close_matches(word.lower(), lowered, n=count, cutoff=0.6)]


class UnknownNameError(InputError):
    """A name does not exist; the message says the nearest that does.

    Args:
        what: the thing named, as a user calls it ("technique", "recipe field").
        word: what was written.
        options: the names that exist.

    Example:
        >>> print(UnknownNameError("activation", "gleu", ["relu", "gelu"]))
        activation must be one that exists: 'gleu' is none; did you mean 'gelu'?
    """

    def __init__(self, what: str, word: str, options: Iterable[str]) -> None:
        options = sorted(options)
        close = nearest(word, options)
        if close:
            hint = f"did you mean {close[0]!r}?"
        elif len(options) <= 12:
            hint = "take one of " + ", ".join(options) + "."
        else:
            hint = f"there are {len(options)} to choose from."
        super().__init__(f"{what} must be one that exists: {word!r} is none; {hint}")
