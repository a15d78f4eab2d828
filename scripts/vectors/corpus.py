"""The corpus as a whole: every case checked against `verify`, then written as one folder a case."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from anchor_service.protocol.absence import is_absence
from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.verify import verify, verify_absence
from anchor_service.verifier.inputs import parse_inputs
from scripts.vectors import (
    completeness,
    damaged_chain,
    damaged_documents,
    damaged_promises,
    damaged_records,
    damaged_signatures,
    good,
    mixed,
    tables,
    undecided,
)
from scripts.vectors.case import pretty

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scripts.vectors.case import Case


def every_case() -> list[Case]:
    """Make all cases; ValueError where two have one name."""
    themes = (good, undecided, completeness, damaged_records, mixed, damaged_signatures, damaged_promises)
    cases = [case for theme in (*themes, damaged_chain, damaged_documents) for case in theme.cases()]
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"two cases of one name: {sorted(name for name in names if names.count(name) > 1)}")
    return cases


def differences(case: Case) -> list[str]:
    """Say where `verify` finds something else than the case wants."""
    policy = parse_policy(pretty(case.policy))
    inputs = parse_inputs(pretty(case.inputs or {}))
    if is_absence(case.proof):
        assert inputs.stream is not None
        verdict = verify_absence(case.proof, policy, inputs.stream, inputs)
    else:
        verdict = verify(case.proof, policy, inputs)
    wanted = case.expected
    found = [] if verdict.state == wanted["state"] else [f"{case.name}: {verdict.state}, not {wanted['state']}"]
    for check, (name, result, code) in zip(verdict.checks, wanted["checks"], strict=True):
        free = name == "format" and code is None
        if (check.name, check.result) != (name, result) or (check.code != code and not free):
            found.append(f"{case.name}: {name} {check.result} {check.code} ({check.detail}), not {result} {code}")
    return found


def main(corpus: Path, arguments: Sequence[str]) -> int:
    """Make the corpus, or compare it with what is there (`--check`)."""
    cases = every_case()
    wrong = [line for case in cases for line in differences(case)]
    if wrong:
        print(*wrong, sep="\n")
        return 1
    files = {f"{case.name}/{name}": content for case in cases for name, content in case.files().items()}
    files |= {f"{name}.json": _print_table(table) for name, table in tables.every_table().items()}
    if list(arguments) == ["--check"]:
        return _compare(corpus, files)
    for folder in corpus.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    for name, content in files.items():
        path = corpus / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"{len(cases)} cases, of which {sum(case.name.endswith('_fail') for case in cases)} are damaged")
    return 0


def _print_table(table: object) -> bytes:
    return json.dumps(table, ensure_ascii=True, indent=1).encode() + b"\n"


def _compare(corpus: Path, files: dict[str, bytes]) -> int:
    there = {
        str(path.relative_to(corpus)): path.read_bytes()
        for path in corpus.rglob("*")
        if (path.is_file() and path.name != "README.md") or (path.is_file() and path.parent != corpus)
    }
    odd = sorted(name for name in there.keys() | files.keys() if there.get(name) != files.get(name))
    print(*odd, sep="\n")
    return 1 if odd else 0
