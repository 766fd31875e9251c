import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Content } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { plainText } from '../gather/bounds.ts';
import { contentTypeOf } from '../gather/entry.ts';
import { type Refused, refused } from '../outcome.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { type Findings, worthless } from './examine.ts';
import type { Examiner } from './examiner.ts';

/** The media types whose values are JSON. */
const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]*\+)?json *(?:;|$)/i;
const TEXT_MAX_CHARS = 500;
/** How long to wait before a value whose check did not end is asked for again. */
const UNCHECKED_RETRY_MS = 5_000;

/**
 * Examines a value as its offer asks; undefined: it asks for nothing. `large`: its bytes are in
 * the blob store, and are not read.
 */
export function examineContent(
  examiner: Examiner,
  { checks, provider }: Offer,
  content: Content,
  large: boolean,
): Findings | Promise<Findings> | undefined {
  if (!checks) return undefined;
  const { questions, schemaCheck } = checks;
  const isChecked = schemaCheck !== 'none';
  const type = contentTypeOf(content);
  if (large) {
    const nothing = worthless({ isChecked, hasFields: false });
    return { ...nothing, notes: ['the value is too large to be read'] };
  }
  if (!JSON_TYPE.test(type)) {
    const nothing = worthless({ isChecked, hasFields: questions.completeFields.length > 0 });
    return { ...nothing, notes: [`the value is ${type}, not JSON`] };
  }
  const findings = examiner.examine(questions, content.payload, provider.tenant);
  if (!isChecked || questions.schema !== undefined) return findings;
  const unchecked = 'this router holds no schema of the type';
  return findings instanceof Promise
    ? findings.then((found) => ({ ...found, unchecked }))
    : { ...findings, unchecked };
}

/** The refusal of a value that does not keep to its schema, where that is required. */
export function invalidItem(findings: Findings, offer: Offer): Refused | undefined {
  const { validity = 0, unchecked, notes } = findings;
  if (offer.checks?.schemaCheck !== 'require' || (validity === 1 && !unchecked)) return undefined;
  const value = `provider ${offer.provider.name} sent a value that`;
  const schema = `the schema of ${offer.type} ${offer.typeVersion}`;
  if (unchecked === undefined) {
    const text = `${value} breaks ${schema}: ${notes.join('; ')}`;
    return refused(Reason.INVALID_ITEM, plainText(text, TEXT_MAX_CHARS));
  }
  const text = `${value} could not be checked against ${schema}, as its manifest requires: ${unchecked}`;
  const retryDelayMs = UNCHECKED_RETRY_MS;
  return refused(Reason.INVALID_ITEM, plainText(text, TEXT_MAX_CHARS), { retryDelayMs });
}
