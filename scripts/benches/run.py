"""Run the benches: all, or the ones named.  Tables on the terminal; `--json FILE` keeps the figures."""

from __future__ import annotations

import argparse
import importlib
import logging
from pathlib import Path

from rich.console import Console

from anchor_service.cli.journal import log_to_stderr
from scripts.benches.table import show

NAMES = ("tree", "ingest", "seal", "sustained", "imports", "proof", "verify", "disk", "start")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="BENCH", help=f"one or more of {', '.join(NAMES)}; all without")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: some minutes for all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(NAMES)
    if unknown:
        parser.error(f"no bench is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    log_to_stderr(logging.WARNING)
    console = Console(stderr=True)
    benches = []
    for name in chosen.names or NAMES:
        with console.status(f"{name} …"):
            benches.append(importlib.import_module(f"scripts.benches.{name}").bench(quick=chosen.quick))
    show(benches, chosen.json)


if __name__ == "__main__":
    main()
