import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { CleanerSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { compileCleaners } from './clean.ts';
import { mendEncoding, mendWhitespace } from './texts.ts';

type Init = MessageInitShape<typeof CleanerSchema>;
type Kind = NonNullable<Init['kind']>;

const whitespace: Kind = { case: 'whitespace', value: {} };
const encoding: Kind = { case: 'encoding', value: {} };
const nulls = (...words: string[]): Kind => ({ case: 'nulls', value: { words } });
const dates = (formats: string[], timeZone = ''): Kind => ({
  case: 'dates',
  value: { formats, timeZone },
});
const units = (unit: string, decimalComma = false): Kind => ({
  case: 'units',
  value: { unit, decimalComma },
});

function cleanerOf(...kinds: (Kind | Init)[]) {
  const inits = kinds.map((kind): Init => ('case' in kind ? { kind } : kind));
  return compileCleaners(inits.map((init) => create(CleanerSchema, init)));
}

/** What one text becomes. */
function cleaned(kind: Kind, value: unknown): unknown {
  return JSON.parse(cleanerOf({ kind, fields: ['/v'] })(JSON.stringify({ v: value })).text).v;
}

describe('whitespace', () => {
  test.each([
    ['  a  b\t\tc ', 'a b c'],
    ['a \n  b\r\n\r\nc', 'a \n b\r\n\r\nc'],
    ['\u00a0a\u2003b\u00a0', 'a b'],
    ['a b', 'a b'],
    ['   ', ''],
  ])('%j becomes %j', (given, wanted) => expect(cleaned(whitespace, given)).toBe(wanted));
});

describe('encoding', () => {
  test.each([
    ['cafÃ©', 'café'],
    ['cafÃƒÂ©', 'café'],
    ['â€œquotesâ€\u009d and â‚¬', '“quotes” and €'],
    ['Ã\u008dndice', 'Índice'],
    ['å°\u008få\u0090\u008d', '小名'],
    ['\ufeffa\u0000b\u0085c\td\n', 'abc\td\n'],
    ['ï»¿a', 'a'],
    ['e\u0301', 'é'],
    // Right as they are, though they look suspicious.
    ['AÇÃO', 'AÇÃO'],
    ['naïve café', 'naïve café'],
    ['Ã', 'Ã'],
    ['小名 cafÃ©', '小名 cafÃ©'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
  ])('%j becomes %j', (given, wanted) => expect(cleaned(encoding, given)).toBe(wanted));

  test('a byte order mark before the whole is removed', () => {
    const { text, cleaned: names } = cleanerOf({ kind: encoding, fields: ['/a'] })('\ufeff{"a":1}');
    expect([text, names]).toEqual(['{"a":1}', ['encoding']]);
  });
});

describe('nulls', () => {
  test.each([
    ['N/A', null],
    [' - ', null],
    ['', null],
    ['NaN', null],
    ['nada', 'nada'],
    [0, 0],
  ])('%j becomes %j', (given, wanted) => expect(cleaned(nulls(), given)).toBe(wanted));

  test('words of the manifest stand in place of the usual ones', () => {
    expect(cleaned(nulls('unbekannt'), 'Unbekannt')).toBeNull();
    expect(cleaned(nulls('unbekannt'), 'n/a')).toBe('n/a');
  });
});

describe('dates', () => {
  test.each([
    ['dd.MM.yyyy', '', '05.03.2024', '2024-03-05'],
    ['d.M.yyyy', '', '5.3.2024', '2024-03-05'],
    ['d MMM yyyy', '', '5 mar 2024', '2024-03-05'],
    ['dd/MM/yy', '', '05/03/68', '2068-03-05'],
    ['dd/MM/yy', '', '05/03/69', '1969-03-05'],
    ['dd.MM.yyyy HH:mm', '', '05.03.2024 14:30', '2024-03-05T14:30:00Z'],
    ['dd.MM.yyyy HH:mm', 'Asia/Taipei', '05.03.2024 14:30', '2024-03-05T14:30:00+08:00'],
    ['dd.MM.yyyy HH:mm', '+05:45', '05.03.2024 14:30', '2024-03-05T14:30:00+05:45'],
    ['M/d/yyyy h:mm a', 'America/New_York', '7/4/2024 12:05 AM', '2024-07-04T00:05:00-04:00'],
    ['M/d/yyyy h:mm a', 'America/New_York', '1/4/2024 12:05 pm', '2024-01-04T12:05:00-05:00'],
    ['yyyyMMdd HHmm', '', '20240305 1430', '2024-03-05T14:30:00Z'],
    ['yyyy-MM-dd HH:mm:ss.SSS', '', '2024-03-05 14:30:01.250', '2024-03-05T14:30:01.250Z'],
    [
      'yyyy-MM-ddTHH:mm:ssXXX',
      'Asia/Taipei',
      '2024-03-05T01:02:03-03:30',
      '2024-03-05T01:02:03-03:30',
    ],
    ['unix', '', '1700000000', '2023-11-14T22:13:20Z'],
    ['unix', '', 1700000000, '2023-11-14T22:13:20Z'],
    ['unixms', '', 1700000000250, '2023-11-14T22:13:20.250Z'],
    ['unix', '', -1, '1969-12-31T23:59:59Z'],
    // Not in the calendar, or not in this form.
    ['dd.MM.yyyy', '', '30.02.2024', '30.02.2024'],
    ['dd.MM.yyyy', '', '29.02.2023', '29.02.2023'],
    ['dd.MM.yyyy', '', '05.13.2024', '05.13.2024'],
    ['dd.MM.yyyy', '', '00.03.2024', '00.03.2024'],
    ['dd.MM.yyyy', '', '01.01.0000', '01.01.0000'],
    ['d MMM yyyy', '', '5 foo 2024', '5 foo 2024'],
    ['d MMM yyyy', '', '5 ebm 2024', '5 ebm 2024'],
    ['dd.MM.yyyy HH:mm', '', '05.03.2024 24:00', '05.03.2024 24:00'],
    ['M/d/yyyy h:mm a', '', '7/4/2024 13:05 PM', '7/4/2024 13:05 PM'],
    ['dd.MM.yyyy', '', 5032024, 5032024],
    ['unix', '', 1.5, 1.5],
    ['unix', '', '999999999999999', '999999999999999'],
    // The clocks of Berlin never showed the first of these, and showed the second twice.
    ['dd.MM.yyyy HH:mm', 'Europe/Berlin', '31.03.2024 02:30', '31.03.2024 02:30'],
    ['dd.MM.yyyy HH:mm', 'Europe/Berlin', '27.10.2024 02:30', '27.10.2024 02:30'],
    ['dd.MM.yyyy HH:mm', 'Europe/Berlin', '31.03.2024 01:59', '2024-03-31T01:59:00+01:00'],
    ['dd.MM.yyyy HH:mm', 'Europe/Berlin', '31.03.2024 03:00', '2024-03-31T03:00:00+02:00'],
    // Samoa left this day out; Lord Howe moves by half an hour.
    ['dd.MM.yyyy HH:mm', 'Pacific/Apia', '30.12.2011 12:00', '30.12.2011 12:00'],
    ['dd.MM.yyyy HH:mm', 'Australia/Lord_Howe', '06.10.2024 02:15', '06.10.2024 02:15'],
    ['dd.MM.yyyy HH:mm', 'Mars/Olympus', '05.03.2024 14:30', '05.03.2024 14:30'],
    // Before zones were made, offsets had seconds, which RFC 3339 cannot say.
    ['dd.MM.yyyy HH:mm', 'Europe/Berlin', '01.01.1800 12:00', '01.01.1800 12:00'],
  ])('%s in %j: %j becomes %j', (form, zone, given, wanted) => {
    expect(cleaned(dates([form], zone), given)).toBe(wanted);
  });

  test('forms are tried in their order', () => {
    expect(cleaned(dates(['dd/MM/yyyy', 'MM/dd/yyyy']), '02/03/2024')).toBe('2024-03-02');
    expect(cleaned(dates(['dd/MM/yyyy', 'MM/dd/yyyy']), '02/13/2024')).toBe('2024-02-13');
  });
});

describe('units', () => {
  /** The source of the number that a quantity becomes. */
  const source = (kind: Kind, quantity: string) =>
    /^\{"v":(.*)\}$/.exec(cleanerOf(kind)(JSON.stringify({ v: quantity })).text)?.[1];

  test.each([
    ['m', false, '0.1 km', '100'],
    ['m', false, '1,234.5 km', '1234500'],
    ['m', true, '1,5 km', '1500'],
    ['m', true, '1.234,5 m', '1234.5'],
    ['m', false, '1in', '0.0254'],
    ['cm', false, '6 ft', '182.88'],
    ['kg', false, '1 lb', '0.45359237'],
    ['g', false, '1 oz', '28.349523125'],
    ['s', false, '1.5 h', '5400'],
    ['d', false, '36 h', '1.5'],
    ['h', false, '1 min', '0.0166666666666667'],
    ['B', false, '1.5 KiB', '1536'],
    ['MiB', false, '1 TB', '953674.31640625'],
    ['C', false, '-40 °F', '-40'],
    ['C', false, '98.6 F', '37'],
    ['K', false, '−273.15 C', '0'],
    ['F', false, '0 K', '-459.67'],
    ['1', false, '12.5 %', '0.125'],
    ['mm', false, '9007199254740993 km', '9007199254740993000000'],
    ['m', false, '0.30000000000000004 m', '0.30000000000000004'],
  ])('in %s (comma: %s): %s is %s', (unit, comma, quantity, wanted) => {
    expect(source(units(unit, comma), quantity)).toBe(wanted);
  });

  test.each([
    ['m', false, '1,5 km'],
    ['m', true, '1.5 km'],
    ['m', false, '1500'],
    ['m', false, '5 kg'],
    ['m', false, '5 KM'],
    ['m', false, '5 constructor'],
    ['m', false, 'about 5 km'],
    ['m', false, '5 km 300 m'],
    ['m', false, '1e3 km'],
    ['m', false, `${'9'.repeat(64)} km`],
  ])('in %s (comma: %s): %s stays', (unit, comma, quantity) => {
    expect(source(units(unit, comma), quantity)).toBe(JSON.stringify(quantity));
  });
});

describe('what is cleaned', () => {
  test('all texts, or the fields named, with * for every member and element', () => {
    const text = '{"a":" x ","b":[{"c":" y "},{"c":" z ","d":" w "}],"e~/":{"f":" v "}}';
    expect(cleanerOf(whitespace)(text).text).toBe(text.replaceAll(/ (\w) /g, '$1'));
    const fields = (...pointers: string[]) =>
      cleanerOf({ kind: whitespace, fields: pointers })(text).text;
    expect(fields('/b/*/c')).toBe(text.replace(' y ', 'y').replace(' z ', 'z'));
    expect(fields('/b/1/d', '/e~0~1/*')).toBe(text.replace(' w ', 'w').replace(' v ', 'v'));
    expect(fields('/*')).toBe(text.replace(' x ', 'x'));
    expect(fields('/b', '/none', '/a/0')).toBe(text);
    expect(cleanerOf({ kind: whitespace, fields: [''] })('" x "').text).toBe('"x"');
  });

  test('every cleaner in the order of the manifest, each named once when it changed something', () => {
    const clean = cleanerOf(
      encoding,
      whitespace,
      { kind: nulls(), fields: ['/left'] },
      { kind: units('m'), fields: ['/far'] },
      whitespace,
    );
    const { text, cleaned: names } = clean(
      '{"left": " N/A\u00a0", "far": "  1\\u00a0 km ", "n": 1}',
    );
    expect(text).toBe('{"left": null, "far": 1000, "n": 1}');
    expect(names).toEqual(['whitespace', 'nulls', 'units']);
  });

  test('all else stays byte for byte: order, duplicates, escapes, digits, blanks', () => {
    const text =
      '{ "10": 1.0, "2":9007199254740993 ,"x":1e400,"x" : "\\u0041\\/",\n"s":" a ", "__proto__": [ ] , "d": 0.1000 }';
    expect(cleanerOf(whitespace)(text).text).toBe(text.replace('" a "', '"a"'));
  });

  test.each([
    ['{"a": " x "', 'malformed'],
    ['{"a": " x " "b": 1}', 'malformed'],
    ['{"a": " x ", "b": 01}', 'malformed'],
    ['{"a": " x\u0000 ", "b": " y "}', 'malformed'],
    ['{"a": " x ", b: 1}', 'malformed'],
    ['" x " " y "', 'malformed'],
    ['" x ', 'malformed'],
    [']', 'malformed'],
    [`${'['.repeat(201)}" x "${']'.repeat(201)}`, 'deep'],
  ])('%s is left alone, being %s', (text, fault) => {
    const outcome = cleanerOf(whitespace)(text);
    expect(outcome.text).toBe(text);
    expect(outcome.fault).toBe(fault);
    expect(outcome.cleaned).toEqual([]);
  });

  test('more than the limits allow is left alone', () => {
    const cleaner = create(CleanerSchema, { kind: whitespace });
    const clean = compileCleaners([cleaner], { depth: 3, steps: 10 });
    const five = JSON.stringify([' a ', 1, 2, 3]);
    expect(clean(five).cleaned).toEqual(['whitespace']);
    const twenty = JSON.stringify(Array.from({ length: 20 }, () => ' a '));
    expect(clean(twenty)).toEqual({ text: twenty, cleaned: [], fault: 'large' });
    expect(clean('[[[" a "]]]').fault).toBeUndefined();
    expect(clean('[[[[" a "]]]]').fault).toBe('deep');
  });
});

// Documents of others, for reading only; not part of this repository.
const documents = new URL('../../../../shared/data/openapi/', import.meta.url);

describe.skipIf(!existsSync(documents))('real documents (skipped where there are none)', () => {
  test.each(['box.json', 'adyen-checkout.json', 'twilio-api-v2010.json'])(
    'of %s every text is mended, and nothing else is touched',
    async (name) => {
      const text = await readFile(new URL(name, documents), 'utf8');
      const clean = cleanerOf(whitespace, encoding);
      const { text: mended, cleaned: names } = clean(text);
      const expected: unknown = JSON.parse(text, (_, value: unknown) => {
        if (typeof value !== 'string') return value;
        const leaf = mendEncoding(mendWhitespace({ kind: 'text', text: value }));
        return leaf.kind === 'text' ? leaf.text : value;
      });
      expect(JSON.parse(mended)).toEqual(expected);
      expect(names).toContain('whitespace');
      expect(clean(mended)).toEqual({ text: mended, cleaned: [] });
    },
  );
});
