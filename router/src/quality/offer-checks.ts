import { createHash } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { type ContextOffer, SchemaCheck } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Questions } from './examine.ts';

/** What is done with the values of an offer before they are kept. */
export interface OfferChecks {
  readonly questions: Questions;
  /** Whether values are checked, and refused when they break the schema. */
  readonly schemaCheck: 'none' | 'score' | 'require';
}

interface Made {
  readonly schema: JsonObject | undefined;
  readonly checks: OfferChecks | undefined;
}

/** Snapshots share the offers that did not change: what was made of one is made once. */
const made = new WeakMap<ContextOffer, Made>();

/** What an offer asks to be done; undefined: nothing, and its values stay bytes. */
export function offerChecks(
  offer: ContextOffer,
  schemaOf: (type: string, version: string) => JsonObject | undefined,
): OfferChecks | undefined {
  const schemaCheck = schemaCheckOf(offer.schemaCheck);
  const schema = schemaCheck === 'none' ? undefined : schemaOf(offer.type, offer.version);
  const known = made.get(offer);
  if (known && known.schema === schema) return known.checks;
  const { cleaners, completeFields } = offer;
  const isAsked = schemaCheck !== 'none' || cleaners.length > 0 || completeFields.length > 0;
  const checks = isAsked
    ? { schemaCheck, questions: createQuestions({ cleaners, completeFields }, schema) }
    : undefined;
  made.set(offer, { schema, checks });
  return checks;
}

function createQuestions(
  asked: Pick<Questions, 'cleaners' | 'completeFields'>,
  schema: JsonObject | undefined,
): Questions {
  const whole = { ...asked, ...(schema && { schema: JSON.stringify(schema) }) };
  const id = createHash('sha256').update(JSON.stringify(whole)).digest('hex');
  return { id, ...whole };
}

function schemaCheckOf(check: SchemaCheck): OfferChecks['schemaCheck'] {
  switch (check) {
    case SchemaCheck.SCORE:
      return 'score';
    case SchemaCheck.REQUIRE:
      return 'require';
    default:
      return 'none';
  }
}
