import { pointerSegments } from '@weir/kit/cleaning/json-pointer';
import type { Cleaner } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { compileCleaners } from '../cleaners/clean.ts';
import type { ScanFault, ScanLimits } from '../cleaners/scan.ts';
import { completenessOf } from './completeness.ts';

/** What is asked of the JSON values of an offer; plain data, that a worker can be given. */
export interface Questions {
  /** The same for the same questions. */
  readonly id: string;
  readonly cleaners: readonly Cleaner[];
  readonly completeFields: readonly string[];
  /** The JSON Schema that values are checked against, as JSON; absent: they are not. */
  readonly schema?: string;
}

/** What was found out about a value. */
export interface Findings {
  /** The value with its faults mended; absent: it stays as it came. */
  readonly payload?: Uint8Array;
  /** The cleaners that mended something. */
  readonly cleaned: readonly string[];
  /** From 0 to 1; absent: not asked, or not known. */
  readonly validity?: number;
  /** Why the validity that was asked for is not known. */
  readonly unchecked?: string;
  /** Whether its cleaning did not end, so that the next may. */
  readonly isUncleaned?: boolean;
  /** From 0 to 1; absent: no fields are expected, or not known. */
  readonly completeness?: number;
  /** What lowered them, for people. */
  readonly notes: readonly string[];
}

/** The verdict of a schema on a value. */
export interface Verdict {
  readonly validity: number;
  readonly notes: readonly string[];
  /** The fields that the schema names at its top. */
  readonly fields: readonly string[];
}

/** Checks values against one schema. */
export type Check = (value: unknown) => Verdict;

/** Examines a payload. */
export type Examine = (payload: Uint8Array) => Findings;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Compiles questions. `check`: what their schema was compiled to, where it could be. */
export function compileQuestions(
  { cleaners, completeFields }: Questions,
  { check, limits }: { check?: Check; limits?: ScanLimits } = {},
): Examine {
  const clean = cleaners.length > 0 ? compileCleaners(cleaners, limits) : undefined;
  const pointers = completeFields.map(pointerSegments);
  const needsValue = check !== undefined || pointers.length > 0;
  const notJson = (note: string): Findings => ({
    ...worthless({ isChecked: check !== undefined, hasFields: pointers.length > 0 }),
    notes: [note],
  });

  return (payload) => {
    const text = decoded(payload);
    if (text === undefined) return notJson('the value is not UTF-8');
    const { text: mended, cleaned, fault } = clean?.(text) ?? { text, cleaned: [] };
    const findings = {
      cleaned,
      ...(cleaned.length > 0 && { payload: Buffer.from(mended) }),
      notes: fault && fault !== 'malformed' ? [uncleanedTexts[fault]] : [],
    };
    if (!needsValue) return findings;
    const value = parsed(mended);
    if (value === undefined) return notJson('the value is not JSON');
    const verdict = check?.(value);
    const fields = pointers.length > 0 ? pointers : (verdict?.fields ?? []).map((name) => [name]);
    const { completeness, notes } = completenessOf(value, fields);
    return {
      ...findings,
      ...(verdict && { validity: verdict.validity }),
      ...(completeness !== undefined && { completeness }),
      notes: [...findings.notes, ...(verdict?.notes ?? []), ...notes],
    };
  };
}

const uncleanedTexts: Readonly<Record<Exclude<ScanFault, 'malformed'>, string>> = {
  deep: 'not cleaned: the value is nested too deep',
  large: 'not cleaned: the value has too many parts',
};

/** What is found out about a value that is no JSON: it keeps to no schema, and has no field. */
export function worthless(asked: { isChecked: boolean; hasFields: boolean }): Findings {
  return {
    cleaned: [],
    ...(asked.isChecked && { validity: 0 }),
    ...(asked.hasFields && { completeness: 0 }),
    notes: [],
  };
}

function decoded(payload: Uint8Array): string | undefined {
  try {
    return utf8.decode(payload);
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
