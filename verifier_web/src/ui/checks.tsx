/** What was checked, what that does not prove, as of when, and the proof to keep. */

import type { VNode } from "preact";

import type { Check, Result, Verdict } from "../protocol/verdict.ts";
import { blockTime, blockTimeWithOffset } from "./dates.ts";
import { Copyable, Fill, fill, Icon, type IconName, Reported, Row, useBlob, useTexts } from "./parts.tsx";
import type { CheckedRecord } from "./session.ts";
import { completeness, holds, onAbsence } from "./story.ts";
import { codeText } from "./verdict.tsx";

const SYMBOLS: Record<Result, IconName> = { VALID: "check", INVALID: "cross", UNKNOWN: "question", SKIPPED: "dash" };

export function Checks({ verdict }: { verdict: Verdict }): VNode {
  const texts = useTexts();
  const words = texts.checks;
  const count = (result: Result): number => verdict.checks.filter((check) => check.result === result).length;
  return (
    <section class="card checks" aria-labelledby="checks">
      <h2 id="checks">{words.heading}</h2>
      <p class="quiet">{words.intro}</p>
      <p>
        {fill(words.summary, {
          total: verdict.checks.length,
          valid: count("VALID"),
          invalid: count("INVALID"),
          unknown: count("UNKNOWN"),
          skipped: count("SKIPPED"),
        })}
      </p>
      <ol class="check-list">
        {verdict.checks.map((check) => (
          <One key={check.check} check={check} whole={check.check === "complete" ? completeness(verdict) : null} />
        ))}
      </ol>
    </section>
  );
}

function One({ check, whole }: { check: Check; whole: ReturnType<typeof completeness> }): VNode {
  const texts = useTexts();
  const words = texts.checks;
  const open = check.result === "INVALID" || check.result === "UNKNOWN";
  return (
    <li class={`check ${check.result.toLowerCase()}`} data-check={check.check} data-result={check.result}>
      <details open={open}>
        <summary>
          <span class="symbol">
            <Icon name={SYMBOLS[check.result]} />
          </span>
          <span class="name">{words.names[check.check]}</span>
          <span class="result">{words.results[check.result]}</span>
        </summary>
        <div class="means">
          {check.result !== "VALID" && <p class="code">{codeText(check, texts)}</p>}
          {whole !== null && (
            <p>
              {fill(whole.count === 1 ? words.complete.one : words.complete.other, {
                count: whole.count,
                number: whole.block.number,
                date: blockTime(whole.block.timestamp, texts.locale),
              })}
            </p>
          )}
          <p>{words.means[check.check]}</p>
          {open && check.detail !== "" && (
            <p lang="en" class="technical">
              <Fill
                text={words.technical}
                values={{ detail: <Reported text={[check.code, check.detail].filter(Boolean).join(": ")} /> }}
              />
            </p>
          )}
        </div>
      </details>
    </li>
  );
}

export function Limits({ verdict }: { verdict: Verdict }): VNode {
  const { limits } = useTexts();
  // Where there is no order, nothing was reported, and no thing is said to be another.
  const names = onAbsence(verdict) ? (["history"] as const) : verdict.not_proven;
  return (
    <section class="card limits" aria-labelledby="limits">
      <h2 id="limits">{limits.heading}</h2>
      <ul>
        {names.map((name) => (
          <li key={name}>{limits[name]}</li>
        ))}
      </ul>
    </section>
  );
}

export interface ChainNamed {
  readonly name: string;
  readonly test: boolean;
  /** The registry's address, with 0x. */
  readonly registry: string;
}

export function AsOf({ verdict, chain }: { verdict: Verdict; chain: ChainNamed }): VNode {
  const texts = useTexts();
  const words = texts.asOf;
  const block = verdict.as_of;
  return (
    <section class="card as-of" aria-labelledby="as-of">
      <h2 id="as-of">{words.heading}</h2>
      {block === null ? (
        <p>{words.none}</p>
      ) : (
        <>
          <p class="quiet">{holds(verdict.state) || verdict.state === "unknown_code" ? words.text : words.unchecked}</p>
          <dl>
            <Row name={words.chain}>
              <Reported text={chain.name} />
            </Row>
            <Row name={words.block}>
              <Copyable value={String(block.number)} />
            </Row>
            <Row name={words.hash}>
              <Copyable value={block.hash} />
            </Row>
            <Row name={words.time}>{blockTimeWithOffset(block.timestamp, texts.locale)}</Row>
            <Row name={words.registry}>
              <Copyable value={chain.registry} />
            </Row>
          </dl>
          <p class="quiet">{chain.test ? words.explorerTest : words.explorer}</p>
        </>
      )}
    </section>
  );
}

export function Keep({ record, stream }: { record: CheckedRecord; stream: string }): VNode {
  const { proof: words } = useTexts();
  const url = useBlob(record.proof, "application/json");
  return (
    <section class="card keep" aria-labelledby="keep">
      <h2 id="keep">{words.heading}</h2>
      <p class="quiet">{words.text}</p>
      {url !== null && (
        <a class="button" href={url} download={`sealtrail-${stream.slice(0, 16)}.${onAbsence(record.verdict) ? "absence" : "proof"}.json`}>
          {words.save}
        </a>
      )}
    </section>
  );
}
