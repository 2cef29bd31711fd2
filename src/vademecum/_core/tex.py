r"""LaTeX as a terminal can show it.

Not a typesetter: it knows the commands that cards use, and leaves what it does not know as it is, so that
nothing is lost.
"""

import re
import unicodedata

_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
    "sum": "Σ", "prod": "Π", "int": "∫", "partial": "∂", "nabla": "∇", "infty": "∞", "cdot": "·", "times": "×",
    "odot": "⊙", "otimes": "⊗", "oplus": "⊕", "circ": "∘", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠",
    "ne": "≠", "approx": "≈", "sim": "~", "propto": "∝", "in": "∈", "notin": "∉", "subset": "⊂", "cup": "∪", "cap": "∩",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "mapsto": "↦", "iff": "⇔", "Leftrightarrow": "⇔",
    "forall": "∀", "exists": "∃", "pm": "±", "mp": "∓", "ldots": "…", "cdots": "⋯", "dots": "…", "lfloor": "⌊",
    "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩", "mid": "|", "lVert": "‖", "rVert": "‖",
    "Vert": "‖", "|": "‖", "perp": "⊥", "top": "ᵀ", "star": "*", "ast": "*", "ll": "≪", "gg": "≫", "equiv": "≡",
    "div": "÷", "prime": "′", "emptyset": "∅", "setminus": "∖", "lvert": "|", "rvert": "|", "land": "∧", "lor": "∨",
    "Re": "Re", "Im": "Im", "hbar": "ħ", "bmod": "mod",
}  # fmt: skip
_SPACES = {
    "quad": "   ", "qquad": "     ", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "\\": "\n", "displaystyle": "",
    "left": "", "right": "", "big": "", "Big": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "", "limits": "",
}  # fmt: skip
_FONTS = {
    "mathrm",
    "mathbf",
    "text",
    "operatorname",
    "mathcal",
    "mathbb",
    "mathit",
    "boldsymbol",
    "textrm",
    "bm",
    "mathsf",
}
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7", "overline": "\u0304",
            "widehat": "\u0302", "widetilde": "\u0303"}  # fmt: skip
_UP = dict(
    zip("0123456789+-=()niTjkabcdefghlmoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀʲᵏᵃᵇᶜᵈᵉᶠᵍʰˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)
)
_DOWN = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_NAMES = {
    "arg", "cos", "cosh", "det", "diag", "dim", "exp", "gcd", "inf", "lim", "ln", "log", "max", "min", "mod", "Pr",
    "sin", "sinh", "sup", "tan", "tanh",
}  # fmt: skip


def readable(latex: str) -> str:
    r"""Show an equation as text.

    Args:
        latex: what stands between dollar signs.

    Returns:
        The equation in Unicode; commands that are not known stay as they are.

    Example:
        >>> readable(r"\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}")
        'x̂ = (x - μ) / √(σ² + ε)'
    """
    text, _ = _convert(latex.strip(), 0, "")
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" *\n *", "\n", text)
    return re.sub(r" ([,.;])", r"\1", text).strip()


def _convert(tex: str, position: int, until: str) -> tuple[str, int]:
    """Convert up to a closing sign; returns the text and the place behind that sign."""
    out: list[str] = []
    while position < len(tex):
        char = tex[position]
        if until and char == until:
            return "".join(out), position + 1
        if char in "^_":
            body, position = _argument(tex, position + 1)
            out.append(_script(body, _UP if char == "^" else _DOWN, char))
        elif char == "\\":
            piece, position = _command(tex, position + 1)
            out.append(piece)
        elif char == "{":
            piece, position = _convert(tex, position + 1, "}")
            out.append(piece)
        elif char == "&":
            position += 1
        elif char == "~":
            out.append(" ")
            position += 1
        else:
            out.append(" " if char == "\n" else char)
            position += 1
    return "".join(out), position


def _argument(tex: str, position: int) -> tuple[str, int]:
    while position < len(tex) and tex[position] in " \n":
        position += 1
    if position >= len(tex):
        return "", position
    if tex[position] == "{":
        return _convert(tex, position + 1, "}")
    if tex[position] == "\\":
        return _command(tex, position + 1)
    return tex[position], position + 1


def _command(tex: str, position: int) -> tuple[str, int]:
    match = re.compile(r"[A-Za-z]+|.", re.DOTALL).match(tex, position)
    if match is None:
        return "\\", position
    name, position = match[0], match.end()
    if name in {"frac", "tfrac", "dfrac"}:
        above, position = _argument(tex, position)
        below, position = _argument(tex, position)
        return f"{_group(above)} / {_group(below)}", position
    if name == "sqrt":
        body, position = _argument(tex, position)
        return (f"√{body}" if len(body) == 1 else f"√({body})"), position
    if name in _FONTS:
        return _argument(tex, position)
    if name in _ACCENTS:
        body, position = _argument(tex, position)
        letters = [char for char in body if not unicodedata.combining(char)]
        return (body if len(letters) == 1 else f"({body})") + _ACCENTS[name], position
    if name in {"begin", "end"}:
        body, position = _argument(tex, position)
        return ("{ " if body == "cases" and name == "begin" else ""), position
    if name in _SPACES:
        return _SPACES[name], position
    if name in "{}%$#&_":
        return name, position
    if name in _NAMES:
        return name, position
    return _LETTERS.get(name, f"\\{name}"), position


def _group(text: str) -> str:
    text = text.strip()
    simple = re.fullmatch(r"[^\s+\-−/=<>·×]+", text)
    return text if simple or _is_one_pair(text.removeprefix("√")) else f"({text})"


def _is_one_pair(text: str) -> bool:
    """Whether the first parenthesis is closed by the last sign."""
    depth = 0
    for place, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth == 0:
            return text[:1] == "(" and place == len(text) - 1
    return False


def _script(body: str, table: dict[str, str], sign: str) -> str:
    body = body.strip()
    if body in {"ᵀ", "′", "*"} and sign == "^":
        return body
    if body and all(char in table for char in body):
        return "".join(table[char] for char in body)
    return f"{sign}{body}" if len(body) == 1 else f"{sign}({body})"


def inline(text: str) -> str:
    r"""Show a sentence with its equations readable, on one line.

    Args:
        text: Markdown with ``$$ ... $$`` or ``$ ... $``.

    Returns:
        The sentence.

    Example:
        >>> inline(r"With $G = 1$: $$ y = \gamma x $$")
        'With G = 1: y = γ x'
    """
    return " ".join(re.sub(r"\$\$?(.+?)\$\$?", lambda m: readable(m[1]), text, flags=re.DOTALL).split())


def render(text: str) -> str:
    r"""Show a card's text with its equations readable.

    Args:
        text: Markdown with ``$$ ... $$`` and ``$ ... $``.

    Returns:
        The text; display equations stand on indented lines of their own.

    Example:
        >>> print(render(r"A gain $\gamma$: $$ y = \gamma x $$"))
        A gain γ:
        <BLANKLINE>
            y = γ x
        <BLANKLINE>
    """

    def display(found: re.Match[str]) -> str:
        lines = readable(found[1]).splitlines()
        return "\n\n" + "\n".join(f"    {line}" for line in lines if line.strip()) + "\n\n"

    text = re.sub(r"\s*\$\$(.+?)\$\$[ \t]*\n?", display, text, flags=re.DOTALL)
    text = re.sub(r"(?<!\$)\$([^$\n]+?|[^$]{1,200}?)\$(?!\$)", lambda m: readable(m[1]), text)
    return re.sub(r"\n{3,}", "\n\n", text)
