"""A verdict for people: the numbered checks, the order's story, what is not proven, and the state as the last line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.verdict import Result, State
from anchor_service.protocol.verify import REQUIRED
from anchor_service.verifier.terminal import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anchor_service.protocol.canonical import JSON
    from anchor_service.protocol.policy import Policy
    from anchor_service.protocol.story import Step
    from anchor_service.protocol.verdict import Verdict
    from anchor_service.verifier.words import Words

_RED, _GREEN, _YELLOW, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_COLOURS: Final = {Result.VALID: _GREEN, Result.INVALID: _RED, Result.UNKNOWN: _YELLOW, Result.SKIPPED: _DIM}
_MARKS: Final = {Result.VALID: "✓", Result.INVALID: "✗", Result.UNKNOWN: "?", Result.SKIPPED: "–"}
_LONGEST: Final = 200


def report(verdict: Verdict, policy: Policy, words: Words, *, colour: bool) -> Iterator[str]:
    """Yield the report's lines; `colour` for a terminal."""

    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if colour else text

    if verdict.proof is not None:
        opening = verdict.proof.opening
        name = verdict.tenant_name or opening.tenant
        yield paint(_BOLD, f"{words.order} {safe(opening.order_id)} {words.shown_as} {safe(name)}")
        yield f"{words.lifecycle}: {verdict.lifecycle}"
        yield ""
    yield paint(_BOLD, words.checked)
    for number, check in enumerate(verdict.checks, start=1):
        mark = paint(_COLOURS[check.result], f"{_MARKS[check.result]} {words.results[check.result]:7}")
        line = f"{number:3}  {mark}  {check.name:12} {words.checks[check.name]}"
        yield line
        if check.code is not None and check.code != "malformed":
            yield f"{'':17}{check.code}: {safe(check.detail)}"
    yield ""
    if verdict.steps:
        holds = verdict.state.exit_code == 0
        yield paint(_BOLD, words.events if holds else words.given)
        for place, step in enumerate(verdict.steps, start=1):
            yield from _step(place, step, policy, words)
        yield from _whole(verdict, words)
        yield ""
    yield paint(_BOLD, words.unproven)
    yield from (f"  – {line}" for line in words.not_proven)
    yield ""
    yield from _hints(verdict, policy, words)
    colours = {State.ALTERED: _RED, State.MALFORMED: _RED, State.VERIFIED: _GREEN}
    yield paint(colours.get(verdict.state, _YELLOW), _state(verdict, words))


def _whole(verdict: Verdict, words: Words) -> Iterator[str]:
    """Say that nothing was left out, where every check that this rests on holds."""
    if verdict.state.exit_code == 0 and verdict.proof is not None and verdict.as_of is not None:
        count = sum(step.seq is not None for step in verdict.steps)
        block = verdict.as_of
        yield words.whole.format(number=block.number, date=_date(block.timestamp), count=count)


def _state(verdict: Verdict, words: Words) -> str:
    # The newest anchor can be much later than the newest event: the record has not changed since that one's.
    blocks = [step.block for step in verdict.steps if step.block is not None]
    newest = blocks[-1] if blocks else verdict.as_of
    date = "?" if newest is None else _date(newest.timestamp)
    wrong = [check for check in verdict.checks if check.result is Result.INVALID]
    if verdict.state is State.COULD_NOT_CHECK:
        unknown = (check for check in verdict.checks if check.result is Result.UNKNOWN)
        wrong = [check for check in unknown if check.name in REQUIRED or check.code == "too_old"]
    why = ", ".join(str(check.code) for check in wrong)
    if verdict.state is State.TEST_DATA and verdict.proof is None:
        return words.test_absent.format(date=date)
    return words.states[verdict.state].format(date=date, lifecycle=verdict.lifecycle, why=why)


def _step(place: int, step: Step, policy: Policy, words: Words) -> Iterator[str]:
    fields = step.view.fields
    told = [_text(fields.get(name, "?")) for name in ("occurred_at", "type")]
    if step.signed_by is not None:
        said = words.signed.format(who=safe(policy.actors.get(step.signed_by, step.signed_by)))
    else:
        who = [_text(fields[name]) for name in ("actor.name", "actor.role") if name in fields]
        said = words.reported.format(who=", ".join(who) or "?")
    where = words.pending if step.block is None else _where(step, words)
    yield f"{place:3}  {told[0]}  {told[1]}: {said}"
    yield f"     {where}"
    for name, value in fields.items():
        if name not in {"type", "occurred_at", "actor.role", "actor.name", "signature"}:
            yield f"     {name}: {_text(value)}"
    if step.view.hidden:
        yield f"     {words.hidden.format(names=', '.join(sorted(step.view.hidden)))}"
    for flag in step.flags:
        yield f"     ! {words.flags[flag]}"


def _where(step: Step, words: Words) -> str:
    assert step.block is not None
    return words.block.format(number=step.block.number, date=_date(step.block.timestamp))


def _hints(verdict: Verdict, policy: Policy, words: Words) -> Iterator[str]:
    """Say which blocks to look up where the verdict wants for them alone."""
    block = next(check for check in verdict.checks if check.name == "block")
    if verdict.state is not State.COULD_NOT_CHECK or block.result is not Result.UNKNOWN:
        return
    yield words.hint_blocks.format(chain=safe(policy.chain.name))
    # The newest anchor's as well, which no event may use: that nothing was left out rests on it.
    anchors = [*(step.block for step in verdict.steps), verdict.as_of]
    blocks = {block.number: block for block in anchors if block is not None}
    for number in sorted(blocks):
        yield "  " + words.hint_block.format(number=number, hash=f"0x{blocks[number].hash.hex()}")
    yield ""


def _date(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"


def _text(value: JSON) -> str:
    """Print a value in one line of bounded length."""
    if isinstance(value, dict):
        text = ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    elif isinstance(value, list):
        text = "; ".join(map(_text, value))
    else:
        text = str(value)
    return safe(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
