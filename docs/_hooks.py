"""Generated pages: the reference from the cards, the journey, the papers. Equations become MathML: no script, no font."""

import ast
import html
import json
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from vademecum._core.cards import FIELDS, Card, all_cards
from vademecum._core.journey import chapters
from vademecum._core.refs import all_papers


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pages = {
        "reference.md": index(),
        "journey.md": journey(),
        "papers.md": papers(),
        "benchmarks.md": benchmarks(),
    }
    pages |= {f"reference/{card.slug}.md": page(card) for card in all_cards().values()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Turn what stands between dollar signs into MathML, outside of code."""
    parts = re.split(r"(```.*?```|`[^`\n]+`)", markdown, flags=re.DOTALL)
    return "".join(part if part.startswith("`") else _math(part) for part in parts)


def _math(text: str) -> str:
    text = re.sub(r"\$\$(.+?)\$\$", lambda m: "\n\n" + _mathml(m[1], "block") + "\n\n", text, flags=re.DOTALL)
    return re.sub(r"(?<![\\$])\$([^$]{1,300}?)\$(?!\$)", lambda m: _mathml(m[1], "inline"), text)


def _mathml(latex: str, display: str) -> str:
    mathml = convert(" ".join(latex.split()), display=display)
    if display == "block":
        return f'<div class="equation">{mathml}</div>'
    return mathml


def index() -> str:
    lines = ["# Reference", "", f"{len(all_cards())} techniques, each with its card.", ""]
    kind = ""
    for card in all_cards().values():
        if card.kind != kind:
            kind = card.kind
            lines += ["", f"## {kind}", ""]
        lines.append(f"- [{card.title}](reference/{card.slug}.md): {card.gist}")
    return "\n".join(lines) + "\n"


def journey() -> str:
    lines = ["# The journey", "", "In which order a practitioner meets the techniques.", ""]
    for number, chapter in enumerate(chapters(), 1):
        lines += ["", f"## {number}. {chapter.title}", "", chapter.question, ""]
        lines += [
            f"- [{all_cards()[slug].title}](reference/{slug}.md): {all_cards()[slug].gist}"
            for slug in chapter.techniques
        ]
    return "\n".join(lines) + "\n"


def papers() -> str:
    users: dict[str, list[Card]] = {}
    for card in all_cards().values():
        for reference in card.references:
            users.setdefault(reference.key, []).append(card)
    lines = ["# Papers", "", "What the techniques rest on.", ""]
    for paper in sorted(all_papers().values(), key=lambda p: (p.authors[:1], p.year)):
        links = ", ".join(f"[{card.title}](reference/{card.slug}.md)" for card in users.get(paper.key, []))
        lines.append(
            f'- <a id="{paper.key}"></a>{html.escape(paper.citation)} `{paper.key}`{": " + links if links else ""}'
        )
    return "\n".join(lines) + "\n"


def benchmarks() -> str:
    """The committed measurements, as they were written down."""
    lines = [
        "# Benchmarks",
        "",
        "`make bench` measures; each line of `benchmarks/results/` is one measurement, kept as it is.",
        "",
    ]
    groups: dict[str, list[dict[str, object]]] = {}
    for file in sorted((Path(__file__).parent.parent / "benchmarks" / "results").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            groups.setdefault(found["benchmark"], []).append(found)
    common = ("benchmark", "date", "processor", "cores", "system", "python", "torch", "threads", "what")
    for name, rows in groups.items():
        lines += ["", f"## {name}", ""]
        for row in rows:
            figures = "; ".join(
                f"{key.replace('_', ' ')}: {_figure(value)}"
                for key, value in row.items()
                if key not in common
            )
            where = f"{row['date']}, {row['processor']}, {row['cores']} cores, torch {row['torch']}, {row['threads']} threads"
            lines.append(f"- **{row.get('what', name)}**: {figures} ({where})")
    return "\n".join(lines) + "\n"


def _figure(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_figure(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " ".join(map(_figure, value))
    return str(value)


def page(card: Card) -> str:
    lines = [f"# {card.title}", "", card.gist, "", f"`{card.module}`", "", card.text, ""]
    for field in FIELDS:
        if field in card.fields:
            lines += [f"**{field}:** {card.fields[field]}", ""]
    lines += ["## Papers", ""]
    for reference in card.references:
        paper = all_papers()[reference.key]
        lines.append(
            f"- {html.escape(paper.citation)} {reference.where} [BibTeX key `{paper.key}`](../papers.md#{paper.key})"
        )
    lines += ["", "## In Python", ""]
    nodes = {
        node.name: node
        for node in ast.parse(card.path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for name in card.exports:
        if name in card.reexports:
            lines += [f"### {name}", "", f"is `{card.reexports[name]}`.", ""]
        elif name in nodes:
            lines += [f"### {name}", "", *_member(nodes[name])]
    return "\n".join(lines) + "\n"


def _member(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    function = node
    if isinstance(node, ast.ClassDef):
        function = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
    signature = ast.unparse(function.args).removeprefix("self, ").removeprefix("self") if function else ""
    docstring = ast.get_docstring(node) or ""
    return ["```python", f"{node.name}({signature})", "```", "", *_docstring(docstring), ""]


def _docstring(text: str) -> list[str]:
    """A Google-style docstring as Markdown."""
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        heading = re.fullmatch(r"(Args|Returns|Raises|Yields|Attributes|Example|Examples):", line)
        if heading:
            if section.startswith("Example"):
                lines.append("```")
            section = heading[1]
            lines += ["", f"**{section}**", ""]
            if section.startswith("Example"):
                lines.append("```python")
        elif section.startswith("Example"):
            lines.append(line.removeprefix("    "))
        elif section and (entry := re.fullmatch(r"    (\*{0,2}[\w.]+): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section:
            lines.append(line.removeprefix("    ") if line.startswith("        ") else line.strip())
        else:
            lines.append(line)
    if section.startswith("Example"):
        lines.append("```")
    return lines
