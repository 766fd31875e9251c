import { createHash } from 'node:crypto';
import { clone, toJson } from '@bufbuild/protobuf';
import {
  type Fields,
  type Obligation,
  ObligationSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type BoundedMap, createBoundedMap } from '../bounded-map.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Obligations } from '../model.ts';

/** An obligation with the text that is equal for equal ones. */
export interface CanonicalObligation {
  readonly text: string;
  readonly obligation: Obligation;
}

/** Makes sets of obligations; equal sets are identical for as long as they are kept. */
export interface ObligationSets {
  /** Undefined: they are more than may meet. */
  of(obligations: Iterable<CanonicalObligation>): Obligations | undefined;
}

/** How many obligations may meet on what is allowed, each counted once. */
export const setMax = 1_000;

/** How many sets are kept to be found again. */
const setsKept = 10_000;

/** No obligations. */
export const noObligations: Obligations = {
  id: '',
  list: [],
  maxAgeMs: undefined,
  purposes: [],
  changesValues: false,
};

/** Makes an obligation canonical: what is a set is sorted, each entry once. */
export function canonicalObligation(source: Obligation): CanonicalObligation {
  const obligation = clone(ObligationSchema, source);
  const { kind } = obligation;
  if (kind.case === 'requirePurpose') kind.value.purposes = asSet(kind.value.purposes);
  else if (kind.case !== 'capAge' && kind.value?.fields) sortFields(kind.value.fields);
  if (kind.case === 'redact') {
    kind.value.detectors = asSet(kind.value.detectors);
    const nameOf = ({ name, expression }: { name: string; expression: string }) =>
      JSON.stringify([name, expression]);
    kind.value.patterns.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  }
  return { text: canonicalJson(toJson(ObligationSchema, obligation)), obligation };
}

/** Makes sets, and keeps them. */
export function createObligationSets(): ObligationSets {
  const kept: BoundedMap<string, Obligations> = createBoundedMap(setsKept);
  return {
    of(obligations) {
      const byText = new Map([...obligations].map((one) => [one.text, one.obligation]));
      if (byText.size === 0) return noObligations;
      if (byText.size > setMax) return undefined;
      const texts = [...byText.keys()].sort();
      const id = createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 32);
      const held = kept.get(id);
      if (held) return held;
      const made = setOf(
        id,
        texts.flatMap((text) => byText.get(text) ?? []),
      );
      kept.set(id, made);
      return made;
    },
  };
}

function setOf(id: string, list: readonly Obligation[]): Obligations {
  const ages = list.flatMap(({ kind }) => (kind.case === 'capAge' ? [kind.value.age] : []));
  const agesMs = ages.map((age) => Number(age?.seconds ?? 0) * 1000 + (age?.nanos ?? 0) / 1e6);
  return {
    id,
    list,
    maxAgeMs: agesMs.length > 0 ? Math.min(...agesMs) : undefined,
    purposes: list.flatMap(({ kind }) =>
      kind.case === 'requirePurpose' ? [kind.value.purposes] : [],
    ),
    changesValues: list.some(
      ({ kind }) => kind.case !== 'capAge' && kind.case !== 'requirePurpose',
    ),
  };
}

function sortFields(fields: Fields): void {
  fields.pointers = asSet(fields.pointers);
  fields.tags = asSet(fields.tags);
}

function asSet(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
