"""`sealtrail verify`: checks a proof or a bundle against a policy, offline unless it is told to ask.

Exit codes (SPEC 15.17): 0 verified (or withdrawn, or test data: it says so), 1 altered, 2 malformed, also where a file
cannot be read or an option is wrong, 3 could not check, 4 unknown code: the log never had it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.absence import is_absence, parse_absence
from anchor_service.protocol.bundle import MAGIC, MAX_BUNDLE, parse_bundle
from anchor_service.protocol.errors import Malformed, SealtrailError, Unproven
from anchor_service.protocol.fork import is_fork, verify_fork
from anchor_service.protocol.hashes import StreamId, parse_hash
from anchor_service.protocol.policy import MAX_POLICY, Policy, parse_policy
from anchor_service.protocol.proof import MAX_PROOF, parse_proof
from anchor_service.protocol.verdict import Inputs, Verdict
from anchor_service.protocol.verify import needed_blocks, verify, verify_absence
from anchor_service.verifier.inputs import MAX_INPUTS, parse_inputs
from anchor_service.verifier.json_report import print_verdict
from anchor_service.verifier.options import Parser, add_language, add_trust, choose_words, named, named_nodes, read
from anchor_service.verifier.report import report
from anchor_service.verifier.rpc import ask
from anchor_service.verifier.terminal import drop_output, escape_missing, safe
from anchor_service.verifier.words import CHINESE, ENGLISH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MALFORMED: Final = 2


def main(arguments: Sequence[str] | None = None, clock: Callable[[], float] = time.time) -> int:
    """Run the command and return its exit code; `clock` gives seconds UTC."""
    escape_missing()
    options = _parser().parse_args(arguments)
    try:
        code = _run(options, clock)
        sys.stdout.flush()
    except SealtrailError as problem:
        print(f"sealtrail verify: {safe(problem.message)}", file=sys.stderr)
        return MALFORMED
    except BrokenPipeError:
        # The verdict was not told, so no code that says it was.
        drop_output()
        return MALFORMED
    return code


def _run(options: argparse.Namespace, clock: Callable[[], float]) -> int:
    given = _read_given(options)
    policy = _policy(options, given)
    if is_fork(given.proof):
        return _judge_fork(given.proof, policy, as_json=options.json)
    inputs = _inputs(options, given, clock)
    nodes = [*policy.rpc] if options.online else []
    known = {node.url for node in nodes}
    nodes += [node for node in named_nodes(options, policy) if node.url not in known]
    if nodes:
        with contextlib.suppress(Malformed):
            inputs = replace(inputs, nodes=(*inputs.nodes, *ask(nodes, policy, _needed_blocks(given.proof))))
    if not is_absence(given.proof):
        verdict = verify(given.proof, policy, inputs)
    elif inputs.stream is not None:
        verdict = verify_absence(given.proof, policy, inputs.stream, inputs)
    else:
        raise Malformed("stream_missing", "which code was never in the log must be said: --stream HEX")
    _show(verdict, policy, options)
    return verdict.state.exit_code


def _judge_fork(raw: bytes, policy: Policy, *, as_json: bool) -> int:
    """Say whether fork evidence proves anything (SPEC 18.5 to 18.9); Malformed where it is none."""
    try:
        code, said = None, verify_fork(raw, policy)
    except Unproven as problem:
        code, said = problem.code, problem.message
    state = "not_proven" if code else "proven"
    if as_json:
        print(json.dumps({"code": code, "detail": said, "state": state}, ensure_ascii=False, indent=2))
    else:
        print(safe(f"not proven ({code}): {said}" if code else f"proven: the operator forked: {said}"))
    return 1 if code else 0


def _needed_blocks(proof: bytes) -> tuple[int, ...]:
    return needed_blocks(parse_absence(proof) if is_absence(proof) else parse_proof(proof))


def _show(verdict: Verdict, policy: Policy, options: argparse.Namespace) -> None:
    if options.json:
        print(print_verdict(verdict))
        return
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in report(verdict, policy, choose_words(options, ENGLISH, CHINESE), colour=colour):
        print(line)


# --- what is given --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Given:
    """A proof's bytes and, out of a bundle, the operator's policy and the attachments' hashes."""

    proof: bytes
    claimed_policy: bytes | None = None
    attachments: dict[str, str] | None = None


def _read_given(options: argparse.Namespace) -> _Given:
    raw = read(options.proof, MAX_BUNDLE)
    if not raw.startswith(MAGIC):
        if len(raw) > MAX_PROOF:
            raise Malformed("proof_size", f"a proof has at most {MAX_PROOF} bytes")
        return _Given(raw)
    bundle = parse_bundle(raw)
    return _Given(bundle.proof, bundle.policy, bundle.found)


def _policy(options: argparse.Namespace, given: _Given) -> Policy:
    if options.policy is not None:
        policy = named(lambda: parse_policy(read(options.policy, MAX_POLICY)), "policy")
    elif options.trust_bundle_policy and given.claimed_policy is not None:
        claimed = given.claimed_policy
        print("sealtrail verify: trusting the policy in the bundle, which is the operator's own claim", file=sys.stderr)
        policy = named(lambda: parse_policy(claimed), "policy in the bundle")
    else:
        raise Malformed("policy_missing", "what is trusted must be said: --policy FILE (see `sealtrail verify --help`)")
    return policy.trusting(options.block)


def _inputs(options: argparse.Namespace, given: _Given, clock: Callable[[], float]) -> Inputs:
    if options.inputs is not None:
        inputs = named(lambda: parse_inputs(read(options.inputs, MAX_INPUTS)), "inputs")
    else:
        inputs = Inputs(now=int(clock() * 1000))
    if options.stream is not None:
        inputs = replace(inputs, stream=options.stream)
    if given.attachments is not None and inputs.attachments is None:
        inputs = replace(inputs, attachments=given.attachments)
    return inputs


# --- options --------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="sealtrail verify",
        description="Check the record of an order: offline, against a policy that says what you trust.",
        epilog="Exit codes: 0 verified (or test data, saying so), 1 altered, 2 malformed, 3 could not check,"
        " 4 unknown code.",
    )
    parser.add_argument(
        "proof",
        metavar="PROOF|BUNDLE",
        help="a proof, bundle, absence proof or fork evidence; - reads standard input",
    )
    parser.add_argument("--policy", metavar="FILE", help="what you trust: keys, registry, chain, blocks")
    add_trust(parser)
    parser.add_argument("--online", action="store_true", help="ask the nodes that the policy names")
    parser.add_argument("--stream", metavar="HEX", type=_stream, help="the stream that a label names, after its #")
    parser.add_argument(
        "--trust-bundle-policy", action="store_true", help="without --policy: take the policy in the bundle"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict for machines")
    add_language(parser)
    parser.add_argument("--inputs", metavar="FILE", help="what nodes and clock said, as JSON: for tests")
    return parser


def _stream(text: str) -> StreamId:
    try:
        return StreamId(parse_hash(text.removeprefix("#"), "--stream"))
    except Malformed:
        raise argparse.ArgumentTypeError("expected 64 lower-case hexadecimal digits") from None
