"""How long a browser takes to verify a proof: on a page of its own, fresh each time, with core and bytes at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, CDPSession

WEB = Path(__file__).parents[2] / "verifier_web"
# A browser trusts localhost as it does https; any other name over plain HTTP has no `crypto.subtle`.
HOSTS = {"secure": "localhost", "plain HTTP": "sealtrail.test"}
FLAGS = ("--no-sandbox", "--disable-background-networking", "--host-resolver-rules=MAP *.test 127.0.0.1")
IN_A_PAGE = 10
SETTLES_MS = 300

BUNDLE = """
import { rolldown } from "rolldown";
const input = { verify: "./src/protocol/verify.ts", policy: "./src/protocol/policy.ts" };
const bundle = await rolldown({ input, platform: "browser" });
await bundle.write({ dir: process.argv.at(-1), format: "esm", minify: true });
"""
PAGE = """<!doctype html><script type="module">
import { parsePolicy } from "./policy.js";
import { verify } from "./verify.js";
const bytes = async (file) => new Uint8Array(await (await fetch(file)).arrayBuffer());
const [proof, policy] = [await bytes("proof.json"), parsePolicy(await bytes("policy.json"))];
window.timed = async () => {
  const begin = performance.now();
  const { state } = await verify(proof, policy);
  const took = performance.now() - begin;
  if (state !== "verified") throw new Error(state);
  return took;
};
</script>"""


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds from bytes to verdict, and of them those that the page's main thread computed."""

    wall: float
    cpu: float


def in_a_browser(case: Path, pages: int) -> dict[str, list[list[Took]]]:
    """Verify a case's proof some times on each of so many fresh pages; by the page's host."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        _write_page(Path(folder), case)
        browser = playwright.chromium.launch(executable_path=_program(), args=FLAGS)
        found: dict[str, list[list[Took]]] = {name: [] for name in HOSTS}
        with _serve(folder) as port:
            for _ in range(pages):
                for name, host in HOSTS.items():
                    found[name].append(_on_a_page(browser, f"http://{host}:{port}/page.html"))
        browser.close()
        return found


def _on_a_page(browser: Browser, url: str) -> list[Took]:
    with browser.new_context() as context:  # of its own: nothing is kept from the page before
        page = context.new_page()
        page.goto(url)
        page.wait_for_function("window.timed")
        page.wait_for_timeout(SETTLES_MS)
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        took = []
        for _ in range(IN_A_PAGE):
            begin = _computed(session)
            wall = page.evaluate("timed()")
            took.append(Took(wall, _computed(session) - begin))
        return took


def _computed(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * sum(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def _write_page(folder: Path, case: Path) -> None:
    command = ["node", "--input-type=module", "-e", BUNDLE, "--", str(folder)]
    subprocess.run(command, cwd=WEB, check=True)
    for name in ("proof.json", "policy.json"):
        shutil.copyfile(case / name, folder / name)
    (folder / "page.html").write_text(PAGE, encoding="utf-8")


def _program() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = os.environ.get("SEALTRAIL_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise RuntimeError("no Chromium or Chrome: install one, or name it in SEALTRAIL_CHROMIUM")
    return program


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serve(folder: str) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
