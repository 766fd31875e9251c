import { pointerFault } from '@weir/kit/cleaning/json-pointer';
import type {
  CapAge,
  Fields,
  Obligation,
  Pattern,
  Redact,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { detectorNames, detectorOf } from '../detect/detectors.ts';
import { patternFault } from '../detect/patterns.ts';
import { type Bounds, checkCount, type FaultPath, quoted, type Report } from './fault.ts';
import { nameFault, tagFault } from './names.ts';

/** How many pointers one obligation may have. */
export const pointersMax = 64;
/** How many tags one obligation may have. */
export const tagsMax = 16;
/** How many characters a mask may leave readable. */
export const keepLastMax = 8;
/** How many characters a cut may leave. */
export const truncateMax = 65536;
/** How many purposes one obligation may name. */
export const purposesMax = 32;
/** How many patterns one obligation may have. */
export const patternsMax = 16;
/** The least and the greatest age that may be asked for, in seconds. */
const ageS = { min: 1, max: 315_576_000 };

/** Reports the faults of an obligation. */
export function checkObligation({ kind }: Obligation, path: FaultPath, report: Report): void {
  const at = [...path, kind.case ?? ''];
  switch (kind.case) {
    case undefined:
      report(
        path,
        'says nothing; use mask, hash, drop, truncate, capAge, requirePurpose or redact',
      );
      break;
    case 'mask':
      if (kind.value.keepLast > keepLastMax) report([...at, 'keepLast'], `at most ${keepLastMax}`);
      checkFields(kind.value.fields, at, report);
      break;
    case 'hash':
    case 'drop':
      checkFields(kind.value.fields, at, report);
      break;
    case 'truncate':
      if (kind.value.characters > truncateMax) {
        report([...at, 'characters'], `at most ${truncateMax}`);
      }
      checkFields(kind.value.fields, at, report);
      break;
    case 'capAge':
      checkAge(kind.value, at, report);
      break;
    case 'requirePurpose':
      checkList(kind.value.purposes, nameFault, {
        path: [...at, 'purposes'],
        bounds: { min: 1, max: purposesMax },
        report,
      });
      break;
    case 'redact':
      checkRedact(kind.value, at, report);
      break;
    default:
      kind satisfies never;
  }
}

/** Reports the faults of a list of texts. */
export function checkList(
  list: readonly string[],
  faultOf: (text: string) => string | undefined,
  { path, bounds, report }: { path: FaultPath; bounds: Bounds; report: Report },
): void {
  checkCount(list, bounds, (text) => report(path, text));
  for (const [index, one] of list.entries()) {
    const text = faultOf(one);
    if (text !== undefined) report([...path, index], text);
  }
}

function checkFields(fields: Fields | undefined, at: FaultPath, report: Report): void {
  const path = [...at, 'fields'];
  if (!fields || fields.pointers.length + fields.tags.length === 0) {
    report(path, 'names no field; give pointers, such as "/salary", or tags');
    return;
  }
  const pointers = { path: [...path, 'pointers'], bounds: { min: 0, max: pointersMax }, report };
  checkList(fields.pointers, pointerFault, pointers);
  const tags = { path: [...path, 'tags'], bounds: { min: 0, max: tagsMax }, report };
  checkList(fields.tags, tagFault, tags);
}

function checkAge({ age }: CapAge, at: FaultPath, report: Report): void {
  const seconds = age ? Number(age.seconds) + age.nanos / 1e9 : Number.NaN;
  if (seconds >= ageS.min && seconds <= ageS.max) return;
  report([...at, 'age'], 'is not an age; write it as "60s", from 1 s to 10 years');
}

function checkRedact(redact: Redact, at: FaultPath, report: Report): void {
  if (redact.fields) checkFields(redact.fields, at, report);
  if (redact.detectors.length + redact.patterns.length === 0) {
    report(at, 'names no detector and no pattern; give at least one');
  }
  for (const [index, name] of redact.detectors.entries()) {
    if (detectorOf(name)) continue;
    const known = detectorNames.join(', ');
    report([...at, 'detectors', index], `there is no detector ${quoted(name)}; there are ${known}`);
  }
  const path = [...at, 'patterns'];
  checkCount(redact.patterns, { min: 0, max: patternsMax }, (text) => report(path, text));
  for (const [index, pattern] of redact.patterns.entries()) {
    checkPattern(pattern, [...path, index], report);
  }
}

function checkPattern({ name, expression }: Pattern, path: FaultPath, report: Report): void {
  const text = nameFault(name);
  if (text !== undefined) report([...path, 'name'], text);
  const fault = patternFault(expression);
  if (fault !== undefined) report([...path, 'expression'], fault);
}
