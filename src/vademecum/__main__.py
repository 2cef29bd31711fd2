"""``python -m vademecum`` and the command ``vade``."""

import sys


def main() -> None:
    """Run the command line; a user's mistake ends with one sentence and exit code 2."""
    from ._core.errors import InputError
    from .cli.app import app

    try:
        app()
    except InputError as error:
        print(f"vade: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe went away: no fault
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
