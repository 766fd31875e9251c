import { create } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import type { ItemFacts, Verdict } from '@weir/policy';
import type { ListEntry } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { type ContextEntry, ContextEntrySchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Authority } from '../authorise.ts';
import { plainText, sensitivityOf, shareOf, timeOf } from '../gather/bounds.ts';
import type { Redactions } from '../redactions.ts';
import type { Offer } from '../snapshot/catalogue.ts';

/** What showing entries needs. */
export interface ShowDeps {
  readonly redactions: Redactions;
}

/** What was decided on one entry of a list. */
export interface Listed {
  readonly offer: Offer;
  readonly key: string;
  readonly facts: ItemFacts;
  readonly verdict: Verdict;
  readonly redactions: readonly string[];
  /** Undefined: the caller may not know of it. */
  readonly entry: ContextEntry | undefined;
}

/** A full page of the longest entries stays below what clients take. */
const MAX_TITLE_CHARS = 200;
const MAX_SUMMARY_CHARS = 1_000;

/** Makes the function that decides on entries, and shows what of them may be known. */
export function showTo(
  { redactions }: ShowDeps,
  authority: Authority,
  { caller, purpose }: { caller: Caller; purpose: string },
): (offer: Offer, entry: ListEntry) => Listed {
  return (offer, entry) => {
    const facts = factsOf(offer, entry);
    const access = authority.access('list', offer.type);
    const verdict = access.decide(offer.provider, entry.key, facts);
    const { obligations } = verdict;
    const listed = { offer, key: entry.key, facts, verdict };
    const mayKnow =
      verdict.effect === 'allow' && obligations.purposes.every((some) => some.includes(purpose));
    if (!mayKnow) return { ...listed, redactions: [], entry: undefined };
    const whole = present(offer, entry);
    if (!obligations.changesValues) return { ...listed, redactions: [], entry: whole };
    const redactor = redactions.redactor({ obligations, offer, tenant: caller.tenant });
    const title = redactor.text(whole.title);
    // A summary may quote any field of the value.
    const summary = redactor.hidesFields ? '' : redactor.text(whole.summary);
    const changed = title !== whole.title || summary !== whole.summary;
    return {
      ...listed,
      redactions: changed ? ['redact summary'] : [],
      entry: changed ? { ...whole, title, summary } : whole,
    };
  };
}

/** What is told of the item; else what the manifest says. */
function factsOf(offer: Offer, { sensitivity, labels, owner }: ListEntry): ItemFacts {
  return { sensitivity: sensitivityOf(sensitivity) || offer.sensitivity, labels, owner };
}

function present(offer: Offer, entry: ListEntry): ContextEntry {
  const updateTime = timeOf(entry.updateTime);
  return create(ContextEntrySchema, {
    ref: { type: offer.type, key: entry.key, provider: offer.provider.name },
    title: plainText(entry.title, MAX_TITLE_CHARS),
    summary: plainText(entry.summary, MAX_SUMMARY_CHARS),
    score: shareOf(entry.score) ?? 0,
    ...(updateTime ? { updateTime } : {}),
  });
}
