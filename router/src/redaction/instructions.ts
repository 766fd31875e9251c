import { toBinary } from '@bufbuild/protobuf';
import { createRedactor, type Obligations, type Redactor, taggedPointers } from '@weir/policy';
import { type Obligation, ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Offer } from '../snapshot/catalogue.ts';
import type { RedactedBy } from './redact-item.ts';
import type { Instructions } from './redact-job.ts';

/** Obligations, ready to be fulfilled here or in a thread. */
export interface Prepared extends RedactedBy {
  readonly redactor: Redactor;
  readonly instructions: Instructions;
  /** How much more a byte can cost than with a few masks. */
  readonly weight: number;
}

/** A hash takes some microseconds, and a value may be full of what is to be hashed. */
const HASH_WEIGHT = 8;
/** A pattern may take a time that grows with the square of the text. */
const PATTERN_WEIGHT = 32;

/** Prepares what obligations ask of the items of an offer. */
export function prepare(
  { id, list }: Obligations,
  { schema }: Pick<Offer, 'schema'>,
  { name, hashKey }: { readonly name: string; readonly hashKey: Uint8Array },
): Prepared {
  const all = schema ? taggedPointers(schema) : new Map<string, readonly string[]>();
  const tagged = (tag: string) => all.get(tag) ?? [];
  const tags = new Map(list.flatMap(tagsOf).map((tag) => [tag, tagged(tag)]));
  const obligations = list.map((each) => toBinary(ObligationSchema, each));
  return {
    redactor: createRedactor({ list }, { tagged, hashKey }),
    ...{ id, hashKey },
    instructions: { name, id, obligations, tags, hashKey },
    weight: Math.max(1, ...list.map(weightOf)),
  };
}

function tagsOf({ kind }: Obligation): readonly string[] {
  const { value } = kind;
  return value && 'fields' in value ? (value.fields?.tags ?? []) : [];
}

function weightOf({ kind }: Obligation): number {
  if (kind.case === 'hash') return HASH_WEIGHT;
  return kind.case === 'redact' ? kind.value.patterns.length * PATTERN_WEIGHT : 1;
}
