/** Puts the page together: the policy baked into it, the verifier, the nodes that the policy names. */

import { render } from "preact";

import { isAbsence, parseAbsence } from "./protocol/absence.ts";
import { hex, parseHash, sha, utf8 } from "./protocol/hashes.ts";
import { type Policy, parsePolicy } from "./protocol/policy.ts";
import { parseProof } from "./protocol/proof.ts";
import { type NodeAnswer, verify, verifyAbsence } from "./protocol/verify.ts";
import { askNodes } from "./rpc.ts";
import { App, type Setup } from "./ui/app.tsx";
import { Guard } from "./ui/parts.tsx";
import "./ui/style/base.css";
import "./ui/style/frame.css";
import "./ui/style/verdict.css";
import "./ui/style/story.css";
import "./ui/style/checks.css";
import "./ui/style/layout.css";

function setup(policy: Policy): Setup<readonly NodeAnswer[]> {
  return {
    verifier: {
      askNodes: (proof) =>
        askNodes(policy, isAbsence(proof) ? parseAbsence(proof) : parseProof(proof), { base: location.href }),
      verify: (proof, stream, nodes, attachments) =>
        verify(proof, policy, {
          stream: parseHash(stream, "label"),
          nodes: nodes ?? undefined,
          attachments: attachments ?? undefined,
          now: Date.now(),
        }),
      verifyAbsence: (proof, stream, nodes) =>
        verifyAbsence(proof, policy, parseHash(stream, "label"), { nodes: nodes ?? undefined, now: Date.now() }),
      sha256: (bytes) => hex(sha(bytes)),
    },
    chain: { name: policy.chain.name, test: policy.chain.test, registry: `0x${hex(policy.chain.registry)}` },
    actors: policy.actors,
  };
}

function start(): Setup<readonly NodeAnswer[]> | "no_policy" | "bad_policy" {
  const text = document.getElementById("policy")?.textContent.trim() ?? "";
  if (text === "") return "no_policy";
  try {
    return setup(parsePolicy(utf8(text)));
  } catch (error) {
    console.error(error);
    return "bad_policy";
  }
}

const page = document.getElementById("page");
if (page === null) throw new Error("index.html has no place for the page");
page.replaceChildren();
render(
  <Guard instead={<App setup="browser" />}>
    <App setup={start()} />
  </Guard>,
  page,
);
