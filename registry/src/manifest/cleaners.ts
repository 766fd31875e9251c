import { dateFormFault, pointerFault, units } from '@weir/kit';
import {
  type Cleaner,
  type ContextOffer,
  type DateCleaner,
  SchemaCheckSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type Checker, repeatsIn } from './check.ts';
import type { Path } from './fault.ts';

const CLEANERS_MAX = 16;
const FIELDS_MAX = 64;
const FORMATS_MAX = 8;
const WORDS_MAX = 32;
const WORD_CHARS_MAX = 64;
const ZONE_CHARS_MAX = 64;
const kinds = 'whitespace, encoding, dates, nulls or units';

/** Checks what an offer asks to be done with its values. */
export function checkQuality(check: Checker, offer: ContextOffer, path: Path): void {
  check.known([...path, 'schemaCheck'], SchemaCheckSchema, offer.schemaCheck);
  check.count([...path, 'cleaners'], offer.cleaners.length, CLEANERS_MAX);
  offer.cleaners.forEach((cleaner, i) => {
    checkCleaner(check, cleaner, [...path, 'cleaners', i]);
  });
  checkPointers(check, offer.completeFields, [...path, 'completeFields']);
}

function checkCleaner(check: Checker, { fields, kind }: Cleaner, path: Path): void {
  checkPointers(check, fields, [...path, 'fields']);
  switch (kind.case) {
    case 'whitespace':
    case 'encoding':
      return;
    case 'dates':
      checkDates(check, kind.value, [...path, 'dates']);
      return;
    case 'nulls':
      checkWords(check, kind.value.words, [...path, 'nulls', 'words']);
      return;
    case 'units':
      if (Object.hasOwn(units, kind.value.unit)) return;
      check.fault(
        [...path, 'units', 'unit'],
        `${JSON.stringify(kind.value.unit.slice(0, 20))} is not a unit; there are ${Object.keys(units).join(', ')}`,
      );
      return;
    case undefined:
      check.fault(path, `says nothing to mend; name one of ${kinds}`);
  }
}

function checkDates(check: Checker, { formats, timeZone }: DateCleaner, path: Path): void {
  if (formats.length === 0) {
    check.fault([...path, 'formats'], 'name at least one form, such as "dd.MM.yyyy HH:mm"');
  }
  check.count([...path, 'formats'], formats.length, FORMATS_MAX);
  formats.forEach((format, i) => {
    const text = dateFormFault(format);
    if (text) check.fault([...path, 'formats', i], text);
  });
  if (timeZone === '' || isTimeZone(timeZone)) return;
  check.fault(
    [...path, 'timeZone'],
    `${JSON.stringify(timeZone.slice(0, ZONE_CHARS_MAX))} is not a time zone; write it like Asia/Taipei or +08:00`,
  );
}

function checkWords(check: Checker, words: readonly string[], path: Path): void {
  check.count(path, words.length, WORDS_MAX);
  words.forEach((word, i) => {
    check.prose([...path, i], word, WORD_CHARS_MAX);
  });
}

function checkPointers(check: Checker, pointers: readonly string[], path: Path): void {
  check.count(path, pointers.length, FIELDS_MAX);
  pointers.forEach((pointer, i) => {
    const text = pointerFault(pointer);
    if (text) check.fault([...path, i], text);
  });
  for (const i of repeatsIn(pointers)) check.fault([...path, i], 'stands above; keep one');
}

/** Whether this machine knows a zone; offsets have hours and minutes. */
function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return /^[+-](?:[01]\d|2[0-3]):[0-5]\d$/.test(name);
  if (name.length > ZONE_CHARS_MAX) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
