"""`sealtrail audit`: an outsider replays a log and says whether its operator contradicts itself, or the rules.

Exit codes (SPEC 18.9): 0 nothing found, 1 something found, with a file that shows it, 2 malformed input, 3 could not
check.  It needs the protocol and the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.policy import MAX_POLICY, parse_policy
from anchor_service.verifier.audit_words import CHINESE, ENGLISH, AuditWords
from anchor_service.verifier.auditing import Audit, Outcome
from anchor_service.verifier.memory import Memory
from anchor_service.verifier.options import Parser, add_language, add_trust, choose_words, named, named_nodes, read, url
from anchor_service.verifier.served import Server
from anchor_service.verifier.terminal import drop_output, escape_missing, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from anchor_service.protocol.evidence import BlockHeader

KEY: Final = "SEALTRAIL_AUDIT_KEY"
MALFORMED: Final = 2
_BAR: Final = 30
_SHOWN: Final = 20
STATES: Final = {0: "consistent", 1: "contradicted", 3: "could_not_check"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    escape_missing()
    options = _parser().parse_args(arguments)
    try:
        code = _run(options)
        sys.stdout.flush()
    except SealtrailError as problem:
        print(f"sealtrail audit: {safe(problem.message)}", file=sys.stderr)
        return MALFORMED
    except OSError as problem:
        if isinstance(problem, BrokenPipeError):
            # The outcome was not told, so no code that says it was.
            drop_output()
        else:
            print(f"sealtrail audit: {safe(str(problem))}", file=sys.stderr)
        return MALFORMED
    except KeyboardInterrupt:
        print("sealtrail audit: stopped; nothing was found or forgotten", file=sys.stderr)
        return 3
    return code


def _run(options: argparse.Namespace) -> int:
    policy = named(lambda: parse_policy(read(options.policy, MAX_POLICY)), "policy").trusting(options.block)
    server = Server(options.url.rstrip("/"), options.key or os.environ.get(KEY) or None)
    memory = None if options.state is None else Memory(Path(options.state), policy.log)
    with nullcontext() if memory is None else memory.held():
        audit = Audit(
            server,
            policy,
            named_nodes(options, policy),
            None if memory is None else memory.load(),
            keep=_kept_here if memory is None else lambda name, raw: str(memory.keep(name, raw)),
            progress=_progress(),
        )
        forks = [] if memory is None else memory.forks()
        sound = audit.run()
        if memory is not None:
            if sound:
                notes = audit.notes if audit.note in audit.notes else (*audit.notes, audit.note)
                memory.save(notes, audit.replay.position, audit.replay.rows(), audit.anchored)
            for path, raw in forks:
                if str(path) not in audit.outcome.evidence:
                    audit.earlier(str(path), raw)
    _show(audit.outcome, options)
    return audit.outcome.exit_code


def _kept_here(name: str, raw: bytes) -> str:
    path = Path(f"sealtrail-{name}")
    path.write_bytes(raw)
    return str(path)


def _progress() -> Callable[[int, int], None]:
    """Tell on standard error how far the replay is: a bar on a terminal, else a line for every tenth of a long log."""
    terminal, told = sys.stderr.isatty(), [0]

    def tell(done: int, size: int) -> None:
        if terminal:
            bar = "#" * (done * _BAR // size)
            end = "\n" if done == size else ""
            print(f"\r[{bar:<{_BAR}}] {done} of {size} entries", end=end, file=sys.stderr, flush=True)
        elif size >= 100_000 and done * 10 // size != told[0]:
            told[0] = done * 10 // size
            print(f"{done} of {size} entries", file=sys.stderr)

    return tell


# --- what is said -----------------------------------------------------------------------------------------------------


def _show(outcome: Outcome, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(_document(outcome), ensure_ascii=False, indent=2))
        return
    for line in _lines(outcome, choose_words(options, ENGLISH, CHINESE)):
        print(safe(line))


def _lines(outcome: Outcome, words: AuditWords) -> Iterator[str]:
    for check, text, numbers in outcome.checked:
        yield _line(words.checks[check], words.checked[text].format(**numbers))
    for said in _forks(outcome, words):
        yield _line(words.fork, said)
    for finding in outcome.findings[:_SHOWN]:
        said = words.at.format(code=finding.code, index=finding.index, message=finding.message)
        yield _line(words.found, said)
    if len(outcome.findings) > _SHOWN:
        yield _line("", words.more.format(count=len(outcome.findings) - _SHOWN))
    for problem in outcome.unchecked:
        yield _line(words.unchecked, f"{problem.code}: {problem.message}")
    for path in outcome.evidence:
        yield _line(words.evidence, path)
    yield _verdict(outcome, words)


def _line(label: str, text: str) -> str:
    wide = sum(east_asian_width(character) in "WF" for character in label)
    return f"{label:<{12 - wide}}{text}"


def _forks(outcome: Outcome, words: AuditWords) -> list[str]:
    return outcome.proven + [words.earlier.format(said=said) for said in outcome.earlier]


def _verdict(outcome: Outcome, words: AuditWords) -> str:
    if outcome.proven or outcome.earlier:
        return words.contradicted
    if outcome.findings:
        return words.broken
    if outcome.unchecked:
        return words.could_not_check.format(code=outcome.unchecked[0].code)
    assert outcome.checkpoint is not None
    return words.consistent.format(size=outcome.checkpoint.size)


def _document(outcome: Outcome) -> dict[str, object]:
    checkpoint = outcome.checkpoint
    return {
        "state": STATES[outcome.exit_code],
        "checkpoint": None if checkpoint is None else {"size": checkpoint.size, "root": checkpoint.root.hex()},
        "as_of": _block(outcome.as_of),
        "checked": [
            {"check": check, "detail": ENGLISH.checked[text].format(**numbers)}
            for check, text, numbers in outcome.checked
        ],
        "forks": _forks(outcome, ENGLISH),
        "findings": [
            {"code": finding.code, "index": finding.index, "detail": finding.message} for finding in outcome.findings
        ],
        "unchecked": [{"code": problem.code, "detail": problem.message} for problem in outcome.unchecked],
        "evidence": outcome.evidence,
    }


def _block(header: BlockHeader | None) -> dict[str, object] | None:
    if header is None:
        return None
    return {"number": header.number, "hash": f"0x{header.hash.hex()}", "timestamp": header.timestamp}


# --- options ----------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="sealtrail audit",
        description="Replay a log from its server, and say whether its operator contradicts itself or the rules.",
        epilog="Exit codes: 0 nothing found, 1 found (a file shows it), 2 malformed input, 3 could not check.",
    )
    parser.add_argument("url", metavar="URL", type=url, help="the log's server")
    parser.add_argument("--policy", metavar="FILE", required=True, help="what you trust: keys, registry, chain, blocks")
    parser.add_argument("--key", metavar="KEY", help=f"an API key with the scope audit; else {KEY}, else none")
    parser.add_argument("--state", metavar="DIR", help="remember here what was seen, and go on from there")
    add_trust(parser)
    add_language(parser)
    parser.add_argument("--json", action="store_true", help="print the outcome for machines")
    return parser
