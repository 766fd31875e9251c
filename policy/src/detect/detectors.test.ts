import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { PatternSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { describe, expect, test } from 'vitest';
import { detectorNames, detectorOf } from './detectors.ts';
import { createFindings, DETECTORS_MAX_STEPS } from './model.ts';
import { compilePattern, patternFault } from './patterns.ts';
import { createSearch, merged, replaced, type Search } from './search.ts';

// All numbers are made up; those that must look right have right check digits.

const searchFor = (...names: string[]): Search =>
  createSearch({
    detectors: names.flatMap((name) => detectorOf(name) ?? []),
    patterns: [],
  });

/** A text with what was found in its place. */
function cleaned(search: Search, text: string, field = ''): string {
  const findings = createFindings();
  search(text, { findings, field });
  return replaced(text, merged(findings.finds));
}

describe('email', () => {
  const search = searchFor('email');
  test.each([
    ['write to lin@example.com, please', 'write to [email], please'],
    ['<Lin.Wei+orders@mail.example.co.uk>', '<[email]>'],
    ['mailto:lin@example.com?x=1', 'mailto:[email]?x=1'],
    ['a@b.cn;c_d@e-f.org', '[email];[email]'],
    ['lin@163.com', '[email]'],
    ["o'brien@example.ie", '[email]'],
    ["'lin@example.com'", "'[email]'"],
    ['"lin wei"@example.com', '[email]'],
    ['联系lin@example.com。谢谢', '联系[email]。谢谢'],
    ['josé@exämple.de', '[email]'],
    ['小名@例子.公司', '[email]'],
    ['lin@xn--fsqu00a.xn--55qx5d', '[email]'],
    ['lin＠example．com', '[email]'],
    ['lin\u200b@exa\u00admple.com', '[email]'],
    ['𝐥𝐢𝐧@𝐞𝐱𝐚𝐦𝐩𝐥𝐞.com', '[email]'],
    ['lin\u{e0041}@example.com 👍', '[email] 👍'],
    ['lin%40example.com', '[email]'],
    ['lin%2540example%252ecom', '[email]'],
    ['lin&#64;example&period;com', '[email]'],
    ['lin&#x40;example.com', '[email]'],
    ['lin&amp;#64;example.com', '[email]'],
    ['{"a":"lin\\u0040example.com"}', '{"a":"[email]"}'],
    ['to="lin\\x40example.com"', 'to="[email]"'],
    ['lin\u0000@example.com', '[email]'],
    ['@lin lin@example.com@example.org', '@lin [email]@example.org'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test.each([
    'a @ b.com',
    '@types/node',
    'weir@1.2.3-beta.rc',
    'root@localhost',
    'logo@2x.png',
    'lin@example',
    '5 @ 3.50',
    'lin@.com',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('phone', () => {
  const search = searchFor('phone');
  test.each([
    ['call 13812345678 now', 'call [phone] now'],
    ['138-1234-5678', '[phone]'],
    ['138 1234 5678', '[phone]'],
    ['+86 138 1234 5678', '[phone]'],
    ['+8613812345678', '[phone]'],
    ['(+86)13812345678', '[phone]'],
    ['0086 13812345678', '[phone]'],
    ['8613812345678', '[phone]'],
    ['010-12345678', '[phone]'],
    ['(0755) 1234567', '[phone]'],
    ['手机:13912345678,电话:021-87654321', '手机:[phone],电话:[phone]'],
    ['0912-345-678', '[phone]'],
    ['0912345678', '[phone]'],
    ['+886 912 345 678', '[phone]'],
    ['(02) 2345-6789', '[phone]'],
    ['02-2345-6789', '[phone]'],
    ['+886-2-2345-6789', '[phone]'],
    ['(212) 555-0147', '[phone]'],
    ['212-555-0147', '[phone]'],
    ['212.555.0147', '[phone]'],
    ['1-212-555-0147', '[phone]'],
    ['+1 (212) 555-0147', '[phone]'],
    ['+12125550147', '[phone]'],
    ['phone: 2125550147', 'phone: [phone]'],
    ['+44 20 7946 0958', '[phone]'],
    ['+33 1 23 45 67 89', '[phone]'],
    ['１３８１２３４５６７８', '[phone]'],
    ['138\u200b1234\u200b5678', '[phone]'],
    ['138–1234–5678', '[phone]'],
    ['٠٩١٢٣٤٥٦٧٨', '[phone]'],
    ['tel13812345678', 'tel[phone]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test('ten digits where the field says what they are', () => {
    expect(cleaned(search, '2125550147', 'homePhone')).toBe('[phone]');
    expect(cleaned(search, '2125550147', 'orderId')).toBe('2125550147');
  });

  test.each([
    '2026-11-02T10:00:00.000Z',
    '2026-11-02 10:00:00',
    '02-11-2026',
    '02.11.2026 12345',
    '1700000000',
    '1700000000250',
    '12812345678',
    '550e8400-e29b-41d4-a716-446655440000',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'v1.2.3-2024.10.11',
    'order 2023-02-12345678',
    '192.168.100.200:8080',
    '1,234,567.89',
    '112-555-0147',
    '212-555-0147-99',
    '+1 212 555',
    'a13812345678f',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('cn-id', () => {
  const search = searchFor('cn-id');
  test.each([
    ['11010519491231002X', '[cn-id]'],
    ['id 11010519491231002x.', 'id [cn-id].'],
    ['440308199901010012', '[cn-id]'],
    ['110105 19491231 002X', '[cn-id]'],
    ['身份证11010519491231002X号', '身份证[cn-id]号'],
    ['１１０１０５１９４９１２３１００２Ｘ', '[cn-id]'],
    ['110105\u200b19491231\u200b002X', '[cn-id]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test.each([
    '110105194912310020',
    '11010519491331002X',
    '99010519491231002X',
    '11010519491231002',
    '11010519491231002XY',
    '1911010519491231002X',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('tw-id', () => {
  const search = searchFor('tw-id');
  test.each([
    ['A123456789', '[tw-id]'],
    ['a123456789', '[tw-id]'],
    ['id:F131104093;', 'id:[tw-id];'],
    ['A-123-456-789', '[tw-id]'],
    ['A800000014', '[tw-id]'],
    ['AB12345677', '[tw-id]'],
    ['Ａ１２３４５６７８９', '[tw-id]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test.each([
    'A123456788',
    'A323456789',
    'BA123456789',
    'A1234567890',
    'A123456789B',
    'AE12345677',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('us-ssn', () => {
  const search = searchFor('us-ssn');
  test.each([
    ['123-45-6789', '[us-ssn]'],
    ['SSN 123 45 6789', 'SSN [us-ssn]'],
    ['ssn=123456789', 'ssn=[us-ssn]'],
    ['１２３－４５－６７８９', '[us-ssn]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test('nine digits where the field says what they are', () => {
    expect(cleaned(search, '123456789', 'ssn')).toBe('[us-ssn]');
    expect(cleaned(search, '123456789', 'id')).toBe('123456789');
  });

  test.each([
    '000-45-6789',
    '666-45-6789',
    '912-45-6789',
    '123-00-6789',
    '123-45-0000',
    '1-123-45-6789',
    '123-45-6789-1',
    '123-456-789',
    '123456789',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('payment-card', () => {
  const search = searchFor('payment-card');
  test.each([
    ['4111111111111111', '[payment-card]'],
    ['4111 1111 1111 1111', '[payment-card]'],
    ['4111-1111-1111-1111', '[payment-card]'],
    ['card 5500 0000 0000 0004, thanks', 'card [payment-card], thanks'],
    ['3782 822463 10005', '[payment-card]'],
    ['378282246310005', '[payment-card]'],
    ['30569309025904', '[payment-card]'],
    ['6011111111111117', '[payment-card]'],
    ['3530111333300000', '[payment-card]'],
    ['6212345678901232', '[payment-card]'],
    ['2223003122003222', '[payment-card]'],
    ['paid 2026 4111 1111 1111 1111 123', 'paid 2026 [payment-card] 123'],
    ['4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1', '[payment-card]'],
    ['VISA4111111111111111', 'VISA[payment-card]'],
    ['４１１１　１１１１　１１１１　１１１１', '[payment-card]'],
    ['4111\u200b1111\u200b1111\u200b1111', '[payment-card]'],
    ['4111\u00a01111\u00a01111\u00a01111', '[payment-card]'],
    ['4111–1111–1111–1111', '[payment-card]'],
    ['4111111111111111\u200b5', '[payment-card]\u200b5'],
    ['4111%201111%201111%201111', '[payment-card]'],
    ['①４１１１１１１１１１１１１１１１', '①４１１１１１１１１１１１１１１１'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test.each([
    '4111111111111112',
    '1234567812345670',
    '41111111111111110000',
    '0.4111111111111111',
    '41 11 11 11 11 11 11 11',
    '1700000000250',
    '9007199254740993',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('iban', () => {
  const search = searchFor('iban');
  test.each([
    ['DE89370400440532013000', '[iban]'],
    ['pay to GB29 NWBK 6016 1331 9268 19!', 'pay to [iban]!'],
    ['gb29nwbk60161331926819', '[iban]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test.each(['DE89370400440532013001', 'DE8937040044053201300', 'ZZ89370400440532013000'])(
    'not %s',
    (text) => expect(cleaned(search, text)).toBe(text),
  );
});

describe('secret', () => {
  const search = searchFor('secret');
  const random = 'q7Zk2mPx9Lw4Tn8Rb3Vd6Hs1Jf5Gc0Ya';
  test.each([
    [`use ghp_${random}${random} here`, 'use [secret] here'],
    ['password=hunter2', 'password=[secret]'],
    ['password: "correct horse"', 'password: "[secret]"'],
    ['DB_PASSWORD=hunter2\nDB=x', 'DB_PASSWORD=[secret]\nDB=x'],
    ['Server=db;User Id=lin;Password=hunter2;', 'Server=db;User Id=lin;Password=[secret];'],
    ['?user=lin&api_key=abcd1234&x=1', '?user=lin&api_key=[secret]&x=1'],
    ["client_secret: 'abcdef'", "client_secret: '[secret]'"],
    [':password => "hunter2"', ':password => "[secret]"'],
    ['{\\"password\\":\\"hunter2\\"}', '{\\"password\\":\\"[secret]\\"}'],
    ['密码：hunter2', '密码：[secret]'],
    ['<db><password>correct horse</password></db>', '<db><password>[secret]</password></db>'],
    ['postgres://lin:hunter2@db/x', 'postgres://[secret]@db/x'],
    ['Authorization: Bearer abcd', 'Authorization: Bearer [secret]'],
    [`token = ${random}`, 'token = [secret]'],
    ['sessionToken: 0123456789abcdef0123456789abcdef', 'sessionToken: [secret]'],
    [`password=${random.repeat(20)} x`, 'password=[secret] x'],
    ['password: hunter2', 'password: [secret]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test.each([
    ['password', 'hunter2', '[secret]'],
    ['user_password', 'correct horse battery', '[secret]'],
    ['apiKey', 'abcd', '[secret]'],
    ['token', random, '[secret]'],
    ['token', 'comma', 'comma'],
    ['key', 'orders/2026/05/17', 'orders/2026/05/17'],
    ['publicKey', random, random],
    ['password', '********', '********'],
    ['password', '{{ db_password }}', '{{ db_password }}'],
    ['password', 'secret://db', 'secret://db'],
    ['password', '', ''],
    ['passwordPolicy', 'long and mixed', 'long and mixed'],
    ['author', random, random],
  ])('the field %s with %s', (field, given, wanted) =>
    expect(cleaned(search, given, field)).toBe(wanted),
  );

  test.each([
    'Password: please choose a new one',
    'if (password == null) return',
    'the password is long',
    'key: value',
    'token: comma',
    'monkey=1234567890123456',
    'a password > 8 characters',
    'secret://billing',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '550e8400-e29b-41d4-a716-446655440000',
  ])('not %s', (text) => expect(cleaned(search, text)).toBe(text));
});

describe('patterns of one’s own', () => {
  const pattern = (expression: string, name = 'mine') =>
    compilePattern(create(PatternSchema, { name, expression }));
  const search = createSearch({
    detectors: [],
    patterns: [pattern('PRJ-\\d{4}', 'project'), pattern('员工\\d+', 'staff')],
  });

  test.each([
    ['on PRJ-1234 and PRJ-5678', 'on [project] and [project]'],
    ['ＰＲＪ－１２３４', '[project]'],
    ['PRJ%2D1234', '[project]'],
    ['员工42', '[staff]'],
    ['员工４２', '[staff]'],
  ])('%s', (given, wanted) => expect(cleaned(search, given)).toBe(wanted));

  test('are found wherever in a long text', () => {
    for (const length of [15_000, 16_380, 16_384, 30_000, 61_437]) {
      const text = `${'x'.repeat(length)}PRJ-1234${'x'.repeat(9)}`;
      expect(cleaned(search, text)).toBe(text.replace('PRJ-1234', '[project]'));
    }
  });

  test('the edges of the pieces of a long text are no edges of it', () => {
    const anchored = createSearch({ detectors: [], patterns: [pattern('^x+|x+$')] });
    const text = `${`a${'x'.repeat(900)}`.repeat(40)}a`;
    expect(cleaned(anchored, text)).toBe(text);
  });

  test('a pattern that explodes elsewhere does not here', () => {
    const hostile = createSearch({ detectors: [], patterns: [pattern('(a+)+c')] });
    expect(cleaned(hostile, `${'a'.repeat(100_000)}b`)).toHaveLength(100_001);
  });

  test('patterns that take too long altogether are given up, and it is told', () => {
    const slow = createSearch({ detectors: [], patterns: [pattern('a[^z]*z|a')] });
    const findings = createFindings();
    slow('a'.repeat(4_000_000), { findings, field: '' });
    expect(findings.isExhausted).toBe(true);
  });

  test.each([
    ['', 'is empty'],
    ['(', 'is no expression of RE2'],
    ['(?=a)', 'is no expression of RE2'],
    ['(a)\\1', 'is no expression of RE2'],
    ['a'.repeat(513), 'is longer than 512 characters'],
  ])('faults are named: %s', (expression, fault) => {
    expect(patternFault(expression)).toContain(fault);
    expect(patternFault('PRJ-\\d{4}')).toBeUndefined();
  });
});

test('the guide names them all', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/redaction.md'), 'utf8');
  const rows = [...guide.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows.filter((name) => detectorNames.includes(name ?? ''))).toEqual(detectorNames);
});

test('what overlaps is one, named by the longest', () => {
  const search = searchFor('phone', 'payment-card', 'email');
  expect(cleaned(search, 'pay 4111 1111 1111 1111')).toBe('pay [payment-card]');
  expect(cleaned(search, '13812345678@163.com')).toBe('[email]');
});

describe('no text makes a detector slow', () => {
  // Each detector counts the characters that it looks at. That four times the text takes about four
  // times as many steps, and never more than so many for each character, is what linear means.
  const STEPS_PER_CHARACTER = 500;
  const seeds = [
    ...['a@', 'a@a.', '"@', 'a.', '@', 'lin@example.com '],
    ...[
      '1',
      '1 ',
      '1-',
      '12 ',
      '123 ',
      '1234 ',
      '4111 ',
      '138 ',
      '+1',
      '+',
      '(',
      '0',
      '00',
      '(02)',
    ],
    ...['A1', 'A12345678 ', 'DE89', 'GB29 NWBK ', '123-45-'],
    ...['-----BEGIN ', '-----BEGIN PRIVATE KEY-----', 'eyJ-', 'sk-', '://', 'bearer '],
    ...[
      'password=',
      'password: ',
      'token=',
      'key:',
      'token=a1',
      '=',
      ':',
      '"',
      'password="',
      'a=b',
    ],
    ...[
      '%40',
      '%25',
      '&#64;',
      '&amp;',
      '&',
      '\\u0040',
      '\\',
      '\\\\u',
      '＠',
      '１',
      '\u200b',
      '\u0301a',
      '👍',
    ],
  ];
  const names = detectorNames.map((name) => [name, searchFor(name)] as const);

  test.each(seeds)('%s', (seed) => {
    for (const [name, search] of names) {
      const stepsOf = (length: number) => {
        const findings = createFindings();
        search(seed.repeat(Math.ceil(length / seed.length)).slice(0, length), {
          findings,
          field: '',
        });
        return findings.scanned + findings.steps;
      };
      const [small, large] = [stepsOf(2 ** 14), stepsOf(2 ** 16)];
      expect(large / 2 ** 16, name).toBeLessThan(STEPS_PER_CHARACTER);
      expect(large / small, name).toBeLessThan(4.2);
    }
  });

  test('and all of them together stop, and tell it, where it takes too much', () => {
    const all = searchFor(...detectorNames);
    for (const seed of ['a@', '123 ', '1', 'token=', '-----BEGIN ', '%2540']) {
      const findings = createFindings();
      all(seed.repeat(2 ** 22 / seed.length), { findings, field: '' });
      expect(findings.steps).toBeLessThan(1.3 * DETECTORS_MAX_STEPS);
      expect(findings.isExhausted).toBe(findings.steps > DETECTORS_MAX_STEPS);
    }
  });
});
