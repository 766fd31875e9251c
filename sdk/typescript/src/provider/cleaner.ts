import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type CleanerSchema,
  SchemaCheck as WireSchemaCheck,
} from '../gen/weir/registry/v1/resources_pb.ts';

/** Which fields a cleaner mends. */
export interface CleanerFields {
  /**
   * JSON Pointers (RFC 6901), at most 64, in which a segment `*` stands for every member or
   * element. Default: every string of the value.
   */
  readonly fields?: readonly string[] | undefined;
}

/** Trims texts, and makes one space of several, keeping line breaks. */
export interface WhitespaceCleaner extends CleanerFields {
  readonly kind: 'whitespace';
}

/**
 * Undoes UTF-8 that was read as Windows-1252, removes byte order marks and control characters,
 * and brings letters into NFC.
 */
export interface EncodingCleaner extends CleanerFields {
  readonly kind: 'encoding';
}

/** Brings dates into RFC 3339. */
export interface DateCleaner extends CleanerFields {
  readonly kind: 'dates';
  /**
   * The forms that the source uses, tried in order; 1 to 8. Made of `yyyy`, `yy`, `MM`, `M`,
   * `MMM`, `dd`, `d`, `HH`, `H`, `hh`, `h`, `mm`, `ss`, `SSS`, `a`, `XXX`; `unix` and `unixms`
   * for numbers.
   */
  readonly formats: readonly string[];
  /** The zone of dates that name none, such as `Asia/Taipei` or `+08:00`. Default: UTC. */
  readonly timeZone?: string | undefined;
}

/** Makes null of words that stand for nothing. */
export interface NullCleaner extends CleanerFields {
  readonly kind: 'nulls';
  /** The words, at most 32. Default: the usual ones, such as `N/A` and `-`. */
  readonly words?: readonly string[] | undefined;
}

/** Brings quantities such as `"1.5 km"` to a number in one unit. */
export interface UnitCleaner extends CleanerFields {
  readonly kind: 'units';
  /** The unit wanted, such as `m`, `kg`, `s`, `MiB`, `C` or `%`. */
  readonly unit: string;
  /** Whether `,` is the decimal mark. Default: no, it is `.`. */
  readonly decimalComma?: boolean | undefined;
}

/** What routers mend in every JSON value before it is checked and kept. */
export type Cleaner = WhitespaceCleaner | EncodingCleaner | DateCleaner | NullCleaner | UnitCleaner;

/**
 * What becomes of values that break the schema of their type: they are not checked, they lose
 * quality, or they are refused.
 */
export type SchemaCheck = 'none' | 'score' | 'require';

/** The checks, as messages have them. */
export const schemaChecks: Readonly<Record<SchemaCheck, WireSchemaCheck>> = {
  none: WireSchemaCheck.NONE,
  score: WireSchemaCheck.SCORE,
  require: WireSchemaCheck.REQUIRE,
};

/** A cleaner as a message. */
export function cleanerToWire(cleaner: Cleaner): MessageInitShape<typeof CleanerSchema> {
  return { fields: [...(cleaner.fields ?? [])], kind: kindOf(cleaner) };
}

type Kind = NonNullable<MessageInitShape<typeof CleanerSchema>['kind']>;

function kindOf(cleaner: Cleaner): Kind {
  switch (cleaner.kind) {
    case 'whitespace':
      return { case: 'whitespace', value: {} };
    case 'encoding':
      return { case: 'encoding', value: {} };
    case 'dates': {
      const { formats, timeZone = '' } = cleaner;
      return { case: 'dates', value: { formats: [...formats], timeZone } };
    }
    case 'nulls':
      return { case: 'nulls', value: { words: [...(cleaner.words ?? [])] } };
    case 'units': {
      const { unit, decimalComma = false } = cleaner;
      return { case: 'units', value: { unit, decimalComma } };
    }
    default:
      return cleaner satisfies never;
  }
}
