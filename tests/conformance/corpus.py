"""The vectors as the command line sees them, and what a command said of one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
DRIVER = Path(__file__).with_name("drive.mjs")
CASES = sorted(folder.name for folder in VECTORS.iterdir() if folder.is_dir())


@dataclass(frozen=True, slots=True)
class Said:
    """What a run of a command left."""

    code: int
    out: str
    err: str

    @property
    def verdict(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def drive(commands: Iterable[list[str]], *how: str) -> list[Said]:
    """Run the TypeScript command with each of these arguments, in one process: starting it takes longer than a run."""
    lines = "".join(f"{json.dumps(command)}\n" for command in commands)
    run = subprocess.run(
        ["node", str(DRIVER), *how], input=lines, capture_output=True, text=True, check=True, timeout=600
    )
    return [Said(**json.loads(line)) for line in run.stdout.split("\n")[:-1]]


def arguments(case: str) -> list[str]:
    """The arguments of both commands for a case."""
    folder = VECTORS / case
    inputs = folder / "inputs.json"
    more = ["--inputs", str(inputs)] if inputs.exists() else []
    return [str(folder / "proof.json"), "--policy", str(folder / "policy.json"), "--json", *more]


def expected(case: str) -> dict[str, Any]:
    """The verdict that is wanted."""
    document: dict[str, Any] = json.loads((VECTORS / case / "expected.json").read_bytes())
    return document


def seen(said: Said) -> dict[str, Any]:
    """What `expected.json` names, of what a command said: a parser's own word for a malformed proof does not count."""
    verdict = said.verdict
    checks = [[check["check"], check["result"], check["code"]] for check in verdict["checks"]]
    name, result, code = checks[0]
    if result == "INVALID" and code != "version":
        checks[0] = [name, result, None]
    return {"state": verdict["state"], "exit": said.code, "checks": checks}
