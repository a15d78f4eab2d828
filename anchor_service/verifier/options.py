"""What the verifier's commands take alike: files, blocks and addresses, said in one line where they are wrong."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.policy import NodePolicy, parse_block_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from anchor_service.protocol.policy import Policy

T = TypeVar("T")

_BLOCK: Final = re.compile(r"(0|[1-9][0-9]{0,14}):(0x[0-9a-fA-F]{64})", re.ASCII)


def named(parse: Callable[[], T], what: str) -> T:
    """Parse, and name what it was where that is Malformed."""
    try:
        return parse()
    except Malformed as problem:
        raise Malformed(problem.code, f"{what}: {problem.message}") from None


def read(name: str, most: int) -> bytes:
    """Read a file, or standard input for "-"; Malformed where it cannot be read or has more than `most` bytes."""
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(most + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(most + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise Malformed("file", f"{name}: {reason}") from None
    if len(raw) > most:
        raise Malformed("file", f"{name}: more than {most} bytes")
    return raw


def block(text: str) -> BlockId:
    """Read NUMBER:0x and 64 hexadecimal digits, as an option."""
    match = _BLOCK.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("expected NUMBER:0x and 64 hexadecimal digits")
    return BlockId(int(match[1]), parse_block_hash(match[2].lower(), "--block"))


def url(text: str) -> str:
    """Read an address of http or https, as an option."""
    if not re.fullmatch(r"https?://[!-~]+", text, re.ASCII):
        raise argparse.ArgumentTypeError("expected http://… or https://…")
    return text


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with arguments."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which blocks are trusted, or whom to ask."""
    parser.add_argument(
        "--block",
        metavar="NUMBER:HASH",
        type=block,
        action="append",
        default=[],
        help="trust this block as well, as an explorer shows it; repeatable",
    )
    parser.add_argument(
        "--rpc",
        metavar="URL",
        type=url,
        action="append",
        default=[],
        help="ask this node, which the operator does not run; repeatable",
    )


def named_nodes(options: argparse.Namespace, policy: Policy) -> list[NodePolicy]:
    """Return the nodes that the options name: what the policy calls the operator's stays so, whoever names it."""
    operators = {node.url for node in policy.rpc if node.operator}
    return [NodePolicy(url, url in operators) for url in dict.fromkeys(options.rpc)]


def add_language(parser: argparse.ArgumentParser) -> None:
    """Add the option that says in which language to report."""
    parser.add_argument("--lang", metavar="LANGUAGE", type=_language, help="zh or en; else as LANG says")


def _language(text: str) -> str:
    if not text.lower().startswith(("zh", "en")):
        raise argparse.ArgumentTypeError("expected zh or en")
    return text


def choose_words(options: argparse.Namespace, english: T, chinese: T) -> T:
    """Choose by the option, else by the locale, such as zh-CN or en_GB.UTF-8: English unless it is Chinese."""
    language = options.lang or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return chinese if language.lower().startswith("zh") else english
