"""What the code has, the docs describe: settings, commands, options, routes, problem codes, metrics, files."""

import ast
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from anchor_service.api import app as api
from anchor_service.api import errors, routes
from anchor_service.cli.main import app as program
from anchor_service.protocol.model import PUBLIC
from anchor_service.settings import Settings
from anchor_service.verifier import audit as auditor
from anchor_service.verifier import command as verifier
from anchor_service.wiring.health import Health

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def load_generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", Path(__file__).with_name("generated.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated"] = module
    spec.loader.exec_module(module)
    return module


generated = load_generated()


def text(name: str) -> str:
    return (ROOT / name).read_text()


INTEGRATORS, OPERATORS, VERIFIERS = (text(f"docs/{name}.md") for name in ("integrators", "operators", "verifiers"))


@pytest.mark.parametrize("document", generated.documents(), ids=lambda path: path.name)
def test_generated_tables_are_what_the_code_says_now(document: Path) -> None:
    said = document.read_text()
    assert generated.regenerated(said) == said, "run: python tests/docs/generated.py"


def test_every_generated_table_stands_somewhere() -> None:
    said = "".join(document.read_text() for document in generated.documents())
    missing = [name for name in generated.TABLES if f"<!-- generated: {name} -->" not in said]
    assert not missing


def test_every_setting_is_described_beyond_its_name() -> None:
    assert Settings.model_fields
    for name, field in Settings.model_fields.items():
        assert f"`{name}`" in OPERATORS, name
        assert len(field.description or "") > 10, f"{name} has no description"


def commands() -> Iterator[tuple[str, Any]]:
    whole: Any = typer.main.get_command(program)
    for name, command in whole.commands.items():
        for part, inner in getattr(command, "commands", {"": command}).items():
            yield f"{name} {part}".strip(), inner


def test_every_command_and_option_is_described() -> None:
    prose = "".join(document.read_text() for document in DOCS)
    found = 0
    for name, command in commands():
        assert f"`sealtrail {name}" in prose, f"sealtrail {name}"
        assert command.help, f"{name} has no help"
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                found += 1
                assert any(option in prose for option in parameter.opts), f"{name}: {parameter.opts}"
    assert found > 20


def test_every_option_of_the_verifier_is_described() -> None:
    actions = [*verifier._parser()._actions, *auditor._parser()._actions]
    options = {option for action in actions for option in action.option_strings}
    assert "--block" in options
    for option in options - {"-h", "--help"}:
        assert f"`{option}" in VERIFIERS, option


def test_every_route_is_described() -> None:
    paths = {
        route.path
        for module in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}.")
        for route in importlib.import_module(module.name).router.routes
    }
    prose = "".join(document.read_text() for document in DOCS)
    assert len(paths) > 20
    for path in paths - {"/"}:
        place = path.replace("{path:path}", "{path}").replace("{name}", "…")
        assert f"{place}`" in prose, place


def test_every_field_of_the_event_model_is_described() -> None:
    for name in PUBLIC - {"erased"}:  # the service's own, for erasure, which is not there yet
        party, _, part = name.rpartition(".")
        assert name in INTEGRATORS or f"parties.{party}" in INTEGRATORS, name
        assert part in INTEGRATORS


def test_every_gauge_and_health_member_is_described() -> None:
    health = Health(ready=True, problems=())
    names = {name for name, _, _ in api._gauges(health, 0.0)}
    assert "sealtrail_ready" in names
    for name in names | {"sealtrail_requests_total", "sealtrail_request_seconds", "sealtrail_events_total"}:
        assert f"`{name}`" in OPERATORS, name
    for member in health.__dataclass_fields__:
        assert f"`{member}`" in OPERATORS, member


# --- problem codes --------------------------------------------------------------------------------------------------

# What a request can run into, and what is raised there that no request reaches: these are a verifier's.
REACHED = (
    "api",
    "protocol/canonical.py",
    "protocol/event.py",
    "protocol/hashes.py",
    "protocol/model.py",
    "protocol/signature.py",
    "protocol/weight.py",
    "services/attachments.py",
    "services/ingest",
    "services/prepare",
    "services/label.py",
    "services/prove",
)
NOT_REACHED = {"disclosure", "event_entry", "seal_entry", "number", "not_canonical", "json_canonical", "tenant_unknown"}
RAISED = {"Malformed", "NotFound", "AlreadyThere", "Altered", "HttpProblem", "Problem"}


def codes_in_code() -> set[str]:
    found = set(errors.STATUS) | {"busy"}
    for place in REACHED:
        path = ROOT / "anchor_service" / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in RAISED or not node.args:
                    continue
                at = 1 if getattr(node.func, "id", "") == "Problem" else 0
                first = node.args[at] if len(node.args) > at else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found - NOT_REACHED


def test_the_problems_table_names_exactly_the_codes_of_the_code() -> None:
    table = INTEGRATORS.split("## Problems")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    described = {code for row in rows for code in re.findall(r"`([a-z0-9_.]+)`", row)}
    assert len(described) > 40
    assert described == codes_in_code()


# Errors for operators: by class, those that a program of this version can end or stand still with.
FOR_OPERATORS = {"StoreRefused", "ChainRefused", "CannotPay", "ChainUnavailable", "_Halt"}


def test_every_refusal_is_described_for_operators() -> None:
    found = set()
    for file in sorted((ROOT / "anchor_service").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FOR_OPERATORS and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    assert len(found) > 25
    missing = {code for code in found if f"`{code}`" not in OPERATORS}
    assert not missing


# --- links ----------------------------------------------------------------------------------------------------------

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(document: Path) -> set[str]:
    """The names that a heading can be linked by, as GitHub makes them."""
    found = set()
    for line in without_code(document.read_text()).splitlines():
        if line.startswith("#"):
            title = re.sub(r"[`*]|\]\([^)]*\)|\[", "", line.lstrip("#").strip()).lower()
            found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found


def without_code(said: str) -> str:
    return re.sub(r"```.*?```", "", said, flags=re.DOTALL)


@pytest.mark.parametrize("document", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(without_code(document.read_text())):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_pictures_are_small() -> None:
    pictures = [path for path in (ROOT / "docs/images").iterdir() if path.is_file()]
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < 200_000, picture.name


# --- two languages --------------------------------------------------------------------------------------------------


def shape(said: str) -> tuple[list[int], list[str], int, list[str]]:
    """Levels of headings, code blocks, rows of tables, links without the language of their target."""
    plain = without_code(said)
    headings = [len(line) - len(line.lstrip("#")) for line in plain.splitlines() if line.startswith("#")]
    blocks = [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```.*?```", said, re.DOTALL)]
    rows = sum(line.startswith("|") for line in plain.splitlines())
    links = [re.sub(r"\.zh-CN|\.en(?=\.\w+$)|#.*", "", link) for link in _LINK.findall(plain)]
    return headings, blocks, rows, links


def test_the_chinese_readme_says_the_same_as_the_english() -> None:
    english, chinese = shape(text("README.md")), shape(text("README.zh-CN.md"))
    for ours, theirs in zip(english, chinese, strict=True):
        assert ours == theirs


# --- figures --------------------------------------------------------------------------------------------------------


def test_the_limits_that_are_written_are_those_of_the_code() -> None:
    from anchor_service.api.app import BODY_LIMIT
    from anchor_service.api.routes.events import MAX_EVENTS
    from anchor_service.protocol.event import MAX_DISCLOSURE, MAX_FIELDS
    from anchor_service.protocol.model import MAX_EVENT

    limits = INTEGRATORS.split("### Limits")[1].split("\n## ")[0]
    assert f"{BODY_LIMIT // 2**20} MiB, {MAX_EVENTS:,} events" in limits
    assert f"{MAX_EVENT // 2**20} MiB, {MAX_FIELDS} fields; a field has at most {MAX_DISCLOSURE:,} bytes" in limits
    assert f"{Settings.model_fields['attachment_bytes'].default // 2**20} MiB" in limits
    assert f"{Settings.model_fields['queue_events'].default:,}" in limits
