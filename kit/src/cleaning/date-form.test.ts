import { expect, test } from 'vitest';
import { compileDateForm, dateFormFault } from './date-form.ts';

test.each([
  'dd.MM.yyyy',
  'dd.MM.yyyy HH:mm',
  'M/d/yy h:mm a',
  'd MMM yyyy',
  "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
  'yyyyMMdd',
  'unix',
  'unixms',
])('%s is a form of dates', (form) => {
  expect(dateFormFault(form)).toBeUndefined();
  expect(() => compileDateForm(form)).not.toThrow();
});

test.each([
  ['', 'does not name the year'],
  ['MM/dd', 'does not name the year'],
  ['dd.MM.yyyy HH', 'names the hour without the minute'],
  ['dd.MM.yyyy mm', 'names the minute without the hour'],
  ['dd.MM.yyyy hh:mm', 'counts hours to 12 without "a"'],
  ['dd.MM.yyyy HH:mm a', 'has "a" for AM or PM'],
  ['dd.MM.yyyy dd', 'names the day twice'],
  ['dd.MMMM.yyyy', 'names the month twice'],
  ['dd.MM.yyy', '"y" is no part of a date'],
  ['dMyyyy', '"d" stands beside other digits'],
  ['d0.MM.yyyy', '"d" stands beside other digits'],
  ['yyyy-dd-MM', 'could not be told from the yyyy-MM-dd'],
  ['dd.MM.yyyy XXX', 'names the offset without the hour'],
  ['x'.repeat(65), 'longer than 64 characters'],
  ['dd.MM.yyyy\u0000', 'holds a control character'],
])('%j is refused: %s', (form, text) => {
  expect(dateFormFault(form)).toContain(text);
});

test('marks of patterns stand for themselves', () => {
  const form = compileDateForm('yyyy.MM.dd (HH:mm)');
  if (form.kind !== 'parts') throw new Error('it has parts');
  expect(form.pattern.test('2024.03.05 (14:30)')).toBe(true);
  expect(form.pattern.test('2024x03x05 (14:30)')).toBe(false);
});
