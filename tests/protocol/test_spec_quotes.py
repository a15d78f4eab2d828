"""Comments that quote the SPEC quote it word for word, under the number that they name, in Python and in TypeScript."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "anchor_service" / "protocol" / "SPEC.md").read_text("utf-8")
SOURCES = [
    *sorted((ROOT / "anchor_service" / "protocol").glob("*.py")),
    *sorted((ROOT / "anchor_service" / "verifier").glob("*.py")),
    *sorted((ROOT / "verifier_web" / "src").rglob("*.ts")),
]
QUOTE = re.compile(r"SPEC (\d+\.\d+): (.+?)(?=\n\s*\n|\Z|SPEC \d+\.\d+: )", re.DOTALL)


def paragraphs() -> dict[str, str]:
    """Every numbered paragraph, in one line."""
    found = {}
    for part in re.split(r"\n(?=\d+\.\d+\. |## )", SPEC):
        if match := re.match(r"(\d+\.\d+)\. ", part):
            found[match[1]] = flat(part)
    return found


def flat(text: str) -> str:
    return " ".join(text.split())


def python_comments(source: str) -> Iterator[str]:
    """Docstrings, and runs of comment lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield text
    lines: dict[int, str] = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    yield from _runs(lines)


def typescript_comments(source: str) -> Iterator[str]:
    """Comments of both kinds."""
    for block in re.findall(r"/\*\*?(.*?)\*/", source, re.DOTALL):
        yield re.sub(r"\n\s*\* ?", "\n", block)
    places = (re.search(r"(?<![:\"'])//(.*)", line) for line in source.split("\n"))
    yield from _runs({number: match[1].strip() for number, match in enumerate(places) if match})


def _runs(lines: dict[int, str]) -> Iterator[str]:
    run: list[str] = []
    for number in sorted(lines):
        if number - 1 not in lines and run:
            yield "\n".join(run)
            run = []
        run.append(lines[number])
    if run:
        yield "\n".join(run)


def quotes() -> list[tuple[str, str, str]]:
    found = []
    for path in SOURCES:
        source = path.read_text("utf-8")
        comments = python_comments(source) if path.suffix == ".py" else typescript_comments(source)
        for comment in comments:
            for number, words in QUOTE.findall(comment):
                found.append((f"{path.parent.name}/{path.name}", number, flat(words).rstrip(").")))
    return found


@pytest.mark.parametrize(("file", "number", "words"), quotes())
def test_a_quote_is_word_for_word(file: str, number: str, words: str) -> None:
    assert number in paragraphs(), file
    spoken = paragraphs()[number]
    assert words in spoken, file


def test_there_are_quotes_in_both_languages() -> None:
    suffixes = [Path(file).suffix for file, _, _ in quotes()]
    assert suffixes.count(".py") >= 8
    assert suffixes.count(".ts") >= 20


def test_the_checks_are_those_of_the_spec_in_its_order() -> None:
    from anchor_service.protocol.verify import CHECKS

    named = [re.match(r"15\.\d+\. `(\w+)`", paragraphs()[f"15.{number}"]) for number in range(1, 15)]
    assert [match and match[1] for match in named] == list(CHECKS)


def test_every_code_of_the_spec_is_reached_by_a_vector() -> None:
    """The codes that SPEC 15 names are those that the corpus wants to see, and the other way round."""
    import json

    from anchor_service.protocol.verdict import State
    from anchor_service.protocol.verify import ABSENCE_CHECKS

    text = "\n".join(paragraphs()[f"15.{number}"] for number in (*range(1, 15), 18))
    spoken = set(re.findall(r"(?:INVALID|UNKNOWN|SKIPPED|,|or|until|but UNKNOWN)\s+`([a-z_]+)`", text))
    spoken |= set(re.findall(r"`([a-z_]+)` (?:if|where|without)", text))
    wanted = set()
    for file in (ROOT / "tests" / "vectors").glob("*/expected.json"):
        wanted |= {code for _, _, code in json.loads(file.read_bytes())["checks"] if code is not None}
    names = {*re.findall(r"15\.\d+\. `(\w+)`", SPEC), *ABSENCE_CHECKS, *State}
    fields = {"type", "occurred_at", "prev", "seq", "max_age", "now", "tenants"}
    assert spoken - names - fields - wanted == set()
    assert wanted - spoken - {"malformed", "version"} == set()
