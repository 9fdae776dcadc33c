import type { GetPolicyResponse, Policy as PolicyMessage } from '../generated/hauberk/v1/policy.js';
import type { Policy } from '../policy/model.js';
import { bytesOf, fitting, IDS_MAX, PAGE_BYTES, placesIn, tokenOfPlaces } from './pages.js';
import { toPolicyHead, toRuleOf } from './policy-output.js';

/** Characters of a manifest in one answer; each may take three bytes. */
const MANIFEST_CHARACTERS = PAGE_BYTES / 2;

export interface ReadPolicy {
  readonly policy: Policy;
  readonly version: number;
  readonly manifest: string;
  readonly containerIds: readonly string[];
}

/**
 * A policy or, if it does not fit into an answer, the part that a token asks for.
 *
 * @throws Failure invalid-argument for a token of no page, aborted when the policy has changed since
 */
export function policyPage(
  { policy, version, manifest, containerIds }: ReadPolicy,
  pageToken: string,
): GetPolicyResponse {
  const [firstRule = 0, firstCharacter = 0, firstId = 0] = placesIn(pageToken, `${version}`, 3);
  const head = toPolicyHead(policy, version);
  const rules = fitting(policy.rules, firstRule, 0, toRuleOf(head));
  const text = manifest.slice(firstCharacter, endOfPart(manifest, firstCharacter));
  const ids = containerIds.slice(firstId, firstId + IDS_MAX);
  const next = [firstRule + rules.length, firstCharacter + text.length, firstId + ids.length];
  const isLast = next[0]! >= policy.rules.length && next[1]! >= manifest.length && next[2]! >= containerIds.length;
  return {
    policy: { ...head, rules },
    manifest: text,
    containerIds: ids,
    containerCount: BigInt(containerIds.length),
    nextPageToken: isLast ? '' : tokenOfPlaces(next, `${version}`),
  };
}

/** A policy for a list: without its rules if they alone would fill an answer. */
export function toListedPolicy(policy: Policy, version: number): PolicyMessage {
  const head = toPolicyHead(policy, version);
  const rules = fitting(policy.rules, 0, 0, toRuleOf(head));
  const message = { ...head, rules };
  const isWhole = rules.length === policy.rules.length && bytesOf(message) <= PAGE_BYTES;
  return isWhole ? message : { ...message, rules: [], rulesLeftOut: true };
}

/** Does not split a surrogate pair. */
function endOfPart(text: string, start: number): number {
  const end = Math.min(text.length, start + MANIFEST_CHARACTERS);
  const isWithinPair = end < text.length && text.charCodeAt(end) >= 0xdc00 && text.charCodeAt(end) <= 0xdfff;
  return isWithinPair ? end + 1 : end;
}
