"""What tells a finding from others, also after lines were added above it."""

from hashlib import sha256
from pathlib import Path, PurePath

from ._finding import Finding


def relative(file: str, root: Path) -> str:
    """A file's path from the working folder, with forward slashes; as it is where it lies elsewhere.

    Args:
        file: path as a finding has it.
        root: the working folder.

    Returns:
        The path, the same on every machine where the file lies in the folder.
    """
    path = Path(file)
    if not path.is_absolute():
        return PurePath(file).as_posix()
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def source_line(finding: Finding, root: Path) -> str:
    """The text of the line that a finding is about.

    Args:
        finding: with a file and a line, or without.
        root: the folder from which the file's path counts.

    Returns:
        The line as it stands now, "" where there is none to read.
    """
    if not finding.file or finding.line < 1:
        return ""
    try:
        lines = (root / finding.file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return lines[finding.line - 1] if finding.line <= len(lines) else ""


def fingerprint(finding: Finding, root: Path) -> str:
    """A stable name of a finding: its rule, file and place in the program, and its line without comment and blanks.

    Args:
        finding: what was found.
        root: the folder from which the file's path counts.

    Returns:
        32 hexadecimal digits that stay when lines are added above, and change when the line itself does.

    Example:
        >>> one = Finding("lr-zero", "error", "The rate is 0.", where="group 0", line=3)
        >>> moved = Finding("lr-zero", "error", "The rate is zero.", where="group 0", line=7)
        >>> fingerprint(one, Path()) == fingerprint(moved, Path())
        True
    """
    code = "".join(source_line(finding, root).partition("# vade:")[0].split())
    parts = (finding.rule, relative(finding.file, root) if finding.file else "", finding.where, code)
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
