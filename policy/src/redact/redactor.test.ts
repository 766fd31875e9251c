import { createHmac } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { describe, expect, test } from 'vitest';
import { REDACTED_DEPTH, REDACTED_MAX_BYTES, REDACTED_STEPS, STEPS_PER_HASH } from './limits.ts';
import type { Redactor } from './model.ts';
import { createRedactor } from './redactor.ts';
import {
  type Duty,
  drop,
  hash,
  mask,
  maskBut,
  obligationsOf,
  redact,
  redactAt,
  redactorOf,
  testHashKey,
  truncate,
} from './test-obligations.ts';

/** What a redactor makes of a text; undefined when it refuses it. */
function made(redactor: Redactor, text: string, contentType = 'application/json') {
  const redacted = redactor.value(Buffer.from(text), contentType);
  return redacted && Buffer.from(redacted.payload).toString();
}

const person =
  '{"name":"Lin","salary": 5000.50 ,"home":{"city":"Taipei","zip":10617},"ok":true,"x":null}';
const by = (duties: Duty[], text = person) => made(redactorOf(...duties), text);

describe('fields of JSON', () => {
  test.each<[string, Duty[], string]>([
    ['a text', [mask('/name')], person.replace('"Lin"', '"***"')],
    ['a number', [mask('/salary')], person.replace('5000.50', '0')],
    ['a boolean', [mask('/ok')], person.replace('true', 'false')],
    ['null stays', [mask('/x')], person],
    [
      'an object keeps its form',
      [mask('/home')],
      person.replace('"Taipei"', '"***"').replace('10617', '0'),
    ],
    ['what is not there is no fault', [mask('/none', '/name/first', '/home/0')], person],
    ['a member is dropped', [drop('/salary')], person.replace(',"salary": 5000.50', '')],
    ['the first', [drop('/name')], person.replace('"name":"Lin",', '')],
    ['the last', [drop('/x')], person.replace(',"x":null', '')],
    [
      'several',
      [drop('/name', '/salary', '/x', '/home/city', '/home/zip')],
      '{"home":{},"ok":true}',
    ],
    ['all', [drop('/*')], '{}'],
    ['a text is cut', [truncate(2, '/name')], person.replace('"Lin"', '"Li…"')],
    ['but not a short one', [truncate(3, '/name')], person],
    ['all texts below', [truncate(1, '')], person.replace('Lin', 'L…').replace('Taipei', 'T…')],
    ['drop before hash', [hash('/name'), drop('/name')], person.replace('"name":"Lin",', '')],
    ['mask before truncate', [truncate(1, '/name'), mask('/name')], person.replace('Lin', '***')],
    [
      'a parent that is dropped covers its members',
      [mask('/home/city'), drop('/home')],
      person.replace(/"home":\{.*?\},/, ''),
    ],
    [
      'a member may be dropped of a parent that is masked',
      [mask('/home'), drop('/home/zip')],
      person.replace('"Taipei","zip":10617', '"***"'),
    ],
    ['the whole is dropped', [drop('')], 'null'],
    [
      'the whole is masked',
      [mask('')],
      '{"name":"***","salary": 0 ,"home":{"city":"***","zip":0},"ok":false,"x":null}',
    ],
  ])('%s', (_, duties, wanted) => expect(by(duties)).toBe(wanted));

  test('elements of lists, by their place and all of them', () => {
    const list = '{"a":[ {"b":1,"c":2}, {"b":3} , 4 ]}';
    expect(by([mask('/a/*/b')], list)).toBe('{"a":[ {"b":0,"c":2}, {"b":0} , 4 ]}');
    expect(by([mask('/a/1/b')], list)).toBe('{"a":[ {"b":1,"c":2}, {"b":0} , 4 ]}');
    expect(by([drop('/a/0')], list)).toBe('{"a":[ {"b":3} , 4 ]}');
    expect(by([drop('/a/1')], list)).toBe('{"a":[ {"b":1,"c":2} , 4 ]}');
    expect(by([drop('/a/2')], list)).toBe('{"a":[ {"b":1,"c":2}, {"b":3}  ]}');
    expect(by([drop('/a/0', '/a/2')], list)).toBe('{"a":[ {"b":3}  ]}');
    expect(by([drop('/a/*')], list)).toBe('{"a":[  ]}');
    expect(by([drop('/a/0/b')], list)).toBe('{"a":[ {"c":2}, {"b":3} , 4 ]}');
  });

  test('the end of a text may stay readable, when it is long enough', () => {
    const kept = (keepLast: number, text: string) =>
      JSON.parse(by([maskBut(keepLast, '/t')], JSON.stringify({ t: text })) ?? '').t;
    expect(kept(4, '4111111111111111')).toBe('***1111');
    expect(kept(4, '12345678')).toBe('***5678');
    expect(kept(4, '1234567')).toBe('***');
    expect(kept(2, '👍👎👍👎')).toBe('***👍👎');
    expect(kept(2, '👍👎👍')).toBe('***');
    expect(kept(8, 'x'.repeat(1000))).toBe(`***${'x'.repeat(8)}`);
    expect(kept(0, 'x'.repeat(1000))).toBe('***');
  });

  test('of several masks and cuts the one that shows the least counts', () => {
    const text = '{"t":"12345678"}';
    expect(by([maskBut(4, '/t'), maskBut(2, '/t')], text)).toBe('{"t":"***78"}');
    expect(by([maskBut(2, '/t'), maskBut(4, '/*')], text)).toBe('{"t":"***78"}');
    expect(by([mask(''), maskBut(4, '/t')], text)).toBe('{"t":"***"}');
    expect(by([truncate(3, '/t'), truncate(2, '')], text)).toBe('{"t":"12…"}');
  });

  test('cuts count characters, not what they are made of', () => {
    expect(by([truncate(2, '/t')], '{"t":"👍👎👍"}')).toBe('{"t":"👍👎…"}');
    expect(by([truncate(3, '/t')], '{"t":"👍👎👍"}')).toBe('{"t":"👍👎👍"}');
    expect(by([truncate(0, '/t')], '{"t":"abc"}')).toBe('{"t":"…"}');
    expect(by([truncate(0, '/t')], '{"t":""}')).toBe('{"t":""}');
  });

  test('a hash is of the canonical form, under the tenant’s key', () => {
    const hashOf = (canonical: string) =>
      `"hash:${createHmac('sha256', testHashKey).update(canonical).digest('hex').slice(0, 32)}"`;
    const text =
      '{"a":"Lin", "b":{ "z":1.0, "\\u0061":[1e2,true,null] }, "c":5e-1 ,"d":"\\u004cin"}';
    expect(by([hash('/a', '/b', '/c', '/d')], text)).toBe(
      `{"a":${hashOf('"Lin"')}, "b":${hashOf('{"a":[100,true,null],"z":1}')}, "c":${hashOf('0.5')} ,"d":${hashOf('"Lin"')}}`,
    );
    const other = createRedactor(obligationsOf(hash('/a')), {
      tagged: () => [],
      hashKey: new Uint8Array(32).fill(8),
    });
    expect(made(other, text)).not.toContain(hashOf('"Lin"').slice(1, -1));
  });

  test('a hash covers what lies below it; what has no canonical form is refused', () => {
    const text = '{"a":{"b":1,"c":"lin@example.com"}}';
    const whole = by([hash('/a')], text);
    expect(by([hash('/a'), mask('/a/b'), drop('/a/c'), redact('email')], text)).toBe(whole);
    expect(by([hash('/a')], '{"a":"\\ud800"}')).toBeUndefined();
    expect(by([hash('/a')], '{"a":1e400}')).toBeUndefined();
  });

  test('fields that the schema tags', () => {
    const text = '{"email":"a@b.cn","people":[{"email":"c@d.cn","x":1}]}';
    const tagged: Duty = { case: 'mask', value: { fields: { tags: ['pii', 'none'] } } };
    expect(by([tagged], text)).toBe('{"email":"***","people":[{"email":"***","x":1}]}');
  });

  test('however a name is spelled, and how often it stands there', () => {
    expect(by([mask('/salary')], '{"\\u0073alary":1,"salary":2,"s\\u0061lary":3}')).toBe(
      '{"\\u0073alary":0,"salary":0,"s\\u0061lary":0}',
    );
    expect(by([drop('/a')], '{"a":1,"b":2,"a":3,"\\u0061":4}')).toBe('{"b":2}');
    expect(by([mask('/a~1b/c~0d')], '{"a/b":{"c~d":1}}')).toBe('{"a/b":{"c~d":0}}');
    expect(by([mask('/__proto__/x')], '{"__proto__":{"x":1}}')).toBe('{"__proto__":{"x":0}}');
    expect(by([mask('/')], '{"":1}')).toBe('{"":0}');
  });

  test('all else stays byte for byte', () => {
    const text =
      '{ "a" : 1.0e+2,\t"b":9007199254740993 , "c":"\\u0041\\/\\ud83d", "d" : [ ],"t":"x" }\n';
    expect(by([mask('/t'), redact('email', 'phone')], text)).toBe(text.replace('"x"', '"***"'));
    const bytes = Buffer.from(text);
    expect(redactorOf(mask('/none')).value(bytes, 'application/json')?.payload).toBe(bytes);
  });
});

describe('detectors in JSON', () => {
  test('texts, numbers and names of members, wherever they stand', () => {
    const text =
      '{"to":["lin@example.com","x"],"note":"call 138-1234-5678","card":4111111111111111,"lin@example.com":{"n":1},"wei@example.com":2}';
    expect(by([redact('email', 'phone', 'payment-card')], text)).toBe(
      '{"to":["[email]","x"],"note":"call [phone]","card":"[payment-card]","[email]":{"n":1},"[email] 2":2}',
    );
  });

  test('numbers however they are written', () => {
    for (const number of [
      '4111111111111111',
      '-4111111111111111',
      '4.111111111111111e15',
      '41111111111111110e-1',
      '4111111111111111.0',
    ]) {
      expect(by([redact('payment-card')], `[${number}]`)).toBe('["[payment-card]"]');
    }
    for (const number of [
      '4111111111111112',
      '4.111111111111112e15',
      '1e400',
      '0.4111111111111111',
      '1e-400',
    ]) {
      expect(by([redact('payment-card')], `[${number}]`)).toBe(`[${number}]`);
    }
  });

  test('texts with escapes, and JSON within JSON', () => {
    expect(by([redact('email')], '{"a":"lin\\u0040example.com"}')).toBe('{"a":"[email]"}');
    expect(by([redact('email')], '{"a":"\\u006ci\\u006e@example\\u002ecom \\"q\\""}')).toBe(
      '{"a":"[email] \\"q\\""}',
    );
    const inner = JSON.stringify({ email: 'lin@example.com', n: 1 });
    const twice = JSON.stringify({ inner: JSON.stringify({ inner }) });
    expect(by([redact('email')], JSON.stringify({ inner }))).toContain('[email]');
    expect(by([redact('email')], twice)).not.toContain('example');
  });

  test('the name of a member tells what its texts are', () => {
    const text =
      '{"db":{"password":"hunter2"},"phones":["2125550147"],"ids":["2125550147"],"pwd":12345}';
    expect(by([redact('secret', 'phone')], text)).toBe(
      '{"db":{"password":"[secret]"},"phones":["[phone]"],"ids":["2125550147"],"pwd":"[secret]"}',
    );
  });

  test('only in the fields that are named', () => {
    const text = '{"a":"lin@example.com","b":{"c":["lin@example.com"],"lin@example.com":1}}';
    expect(by([redactAt('/b', 'email')], text)).toBe(
      '{"a":"lin@example.com","b":{"c":["[email]"],"[email]":1}}',
    );
    expect(by([redactAt('/b', 'email'), redactAt('/a', 'phone')], text)).toContain('"a":"lin@');
  });

  test('beside masks and cuts no part of what is found is shown', () => {
    const text = '{"a":"write to lin@example.com"}';
    expect(by([maskBut(4, '/a'), redact('email')], text)).toBe('{"a":"***"}');
    expect(by([truncate(14, '/a'), redact('email')], text)).toBe('{"a":"write to [emai…"}');
  });

  test('patterns of one’s own', () => {
    const own: Duty = {
      case: 'redact',
      value: { patterns: [{ name: 'project', expression: 'PRJ-\\d+' }] },
    };
    expect(by([own], '{"a":"see PRJ-1 and PRJ-2"}')).toBe('{"a":"see [project] and [project]"}');
  });
});

describe('what is told of it', () => {
  const changes = (text: string, ...duties: Duty[]) =>
    redactorOf(...duties).value(Buffer.from(text), 'application/json')?.changes;

  test('what was done, and how much was found', () => {
    const text = '{"a":"lin@example.com wei@example.com","b":1,"c":2,"d":3,"e":"xyz"}';
    expect(
      changes(
        text,
        redact('email', 'phone'),
        mask('/b', '/none'),
        drop('/c'),
        hash('/d'),
        truncate(1, '/e'),
      ),
    ).toEqual(['drop /c', 'hash /d', 'mask /b', 'redact [email] 2', 'truncate /e']);
    expect(changes('{}', mask('/b'))).toEqual([]);
    expect(changes('{"a":1}', mask(''))).toEqual(['mask the whole']);
  });

  test('never more than 32 entries', () => {
    const names = Array.from({ length: 40 }, (_, at) => `/f${at + 10}`);
    const text = JSON.stringify(Object.fromEntries(names.map((name) => [name.slice(1), 1])));
    const told = changes(text, mask(...names)) ?? [];
    expect(told).toHaveLength(32);
    expect(told.at(-1)).toBe('~ and 9 more');
    expect(told).toEqual([...told].sort());
  });
});

describe('what is no JSON', () => {
  const text = 'Lin, lin@example.com';

  test.each([
    ['text/plain', 'Lin, [email]'],
    ['text/markdown; charset=utf-8', 'Lin, [email]'],
    ['application/yaml', 'Lin, [email]'],
    ['application/xml', 'Lin, [email]'],
    ['text/html; charset="UTF-8"', 'Lin, [email]'],
    ['', 'Lin, [email]'],
    ['application/octet-stream', 'Lin, [email]'],
    ['application/json', undefined],
    ['application/problem+json', undefined],
    ['text/plain; charset=utf-16', undefined],
    ['text/plain; charset=gbk', undefined],
    ['text/plain; charset=utf-8; charset=utf-16', undefined],
    ['image/png', undefined],
    ['application/pdf', undefined],
    ['text/rtf', undefined],
    ['multipart/mixed; boundary=x', undefined],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', undefined],
  ])('detectors on %s', (type, wanted) => {
    expect(made(redactorOf(redact('email')), text, type)).toBe(wanted);
  });

  test('the whole is its only field', () => {
    const plain = (...duties: Duty[]) => made(redactorOf(...duties), text, 'text/plain');
    expect(plain(mask(''))).toBe('***');
    expect(plain(maskBut(3, ''))).toBe('***com');
    expect(plain(drop(''))).toBe('');
    expect(plain(hash(''))).toMatch(/^hash:[\da-f]{32}$/);
    expect(plain(truncate(3, ''))).toBe('Lin…');
    expect(plain(mask('/a'))).toBeUndefined();
    expect(plain(redactAt('/a', 'email'))).toBeUndefined();
    expect(plain({ case: 'mask', value: { fields: { tags: ['pii'] } } })).toBeUndefined();
    expect(plain({ case: 'mask', value: { fields: { tags: ['unused'] } } })).toBe(text);
    expect(plain(drop('', '/a'))).toBe('');
  });

  test('only an empty value is left of what cannot be read', () => {
    const bytes = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);
    expect(redactorOf(drop('')).value(bytes, 'image/png')?.payload).toHaveLength(0);
    for (const duty of [mask(''), hash(''), truncate(1, ''), redact('email')]) {
      expect(redactorOf(duty).value(bytes, 'image/png')).toBeUndefined();
    }
  });

  test('JSON that is called a text is JSON', () => {
    for (const type of ['text/plain', 'application/javascript', '', 'application/x-unknown']) {
      expect(made(redactorOf(mask('/salary')), ` \n${person}`, type)).toBe(
        ` \n${person.replace('5000.50', '0')}`,
      );
    }
    expect(made(redactorOf(mask('/a')), '{"a":1', 'text/plain')).toBeUndefined();
    expect(made(redactorOf(mask('/a')), '{"a":1}{"a":2}', 'text/plain')).toBeUndefined();
    expect(made(redactorOf(redact('email')), '{not: "lin@example.com"}', 'text/plain')).toBe(
      '{not: "[email]"}',
    );
  });

  test('each line is a value of its own', () => {
    const lines = '{"a":1,"b":2}\n\r\n{"a":3}\r\n';
    for (const type of ['application/x-ndjson', 'application/jsonl']) {
      expect(made(redactorOf(mask('/a')), lines, type)).toBe('{"a":0,"b":2}\n\r\n{"a":0}\r\n');
    }
    expect(made(redactorOf(mask('/a')), `${lines}{"a":`, 'application/x-ndjson')).toBeUndefined();
    expect(made(redactorOf(drop('')), lines, 'application/x-ndjson')).toBe('null\n\r\nnull\r\n');
    const found = redactorOf(redact('email')).value(
      Buffer.from('"a@b.cn"\n"c@d.cn"'),
      'application/x-ndjson',
    );
    expect(found?.changes).toEqual(['redact [email] 2']);
  });

  test('bytes that are no UTF-8, or no text, are refused', () => {
    const search = redactorOf(redact('email'));
    const utf16 = Buffer.from('lin@example.com', 'utf16le');
    expect(search.value(utf16, 'text/plain')).toBeUndefined();
    expect(search.value(Buffer.from([0xff, 0xfe, ...utf16]), 'text/plain')).toBeUndefined();
    expect(search.value(Buffer.from([0x61, 0xc0, 0x80]), 'text/plain')).toBeUndefined();
    expect(
      search.value(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'application/json'),
    ).toBeUndefined();
  });

  test('a byte order mark is no way around', () => {
    expect(made(redactorOf(mask('/a')), '\ufeff{"a":1}')).toBe('\ufeff{"a":0}');
    expect(made(redactorOf(mask('/a')), '\ufeff{"a":1}', 'text/plain')).toBe('\ufeff{"a":0}');
    expect(made(redactorOf(mask('/a')), '\ufeff\ufeff{"a":1}')).toBeUndefined();
  });

  test('nothing is done to an empty value, and none is needed', () => {
    expect(made(redactorOf(mask('/a')), '')).toBe('');
  });
});

describe('what is refused', () => {
  test.each(
    [
      '{"a":1',
      '{"a":1}}',
      '{"a":1,}',
      '[1,]',
      '[,1]',
      '{"a" 1}',
      '{a:1}',
      "{'a':1}",
      '{"a":01}',
      '{"a":+1}',
      '{"a":.5}',
      '{"a":1.}',
      '{"a":NaN}',
      '{"a":1}//x',
      '{"a":1}x',
      '{"a":"\u0001"}',
      '{"a":"\\x41"}',
      '{"a":"\\u12"}',
      '"',
      '"\\',
      '{"a":truex}',
      '',
      ' ',
      '\u00a0{"a":1}',
      '{"a":1}\u0000',
      '{"b":1 "a":2}',
      '{"a":1;"b":2}',
      '[1 2]',
      '{"a"::1}',
      '{,"a":1}',
    ].filter((text) => text.trim() !== '' || text === ' '),
  )('malformed: %j', (text) => {
    expect(by([mask('/a')], text)).toBeUndefined();
    expect(by([redact('email')], text)).toBeUndefined();
    expect(by([drop('')], text)).toBeUndefined();
    expect(by([hash('')], text)).toBeUndefined();
  });

  test('what is nested too deep, also in what goes', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    for (const duty of [mask('/x'), mask('/a'), drop('/a'), hash('/a'), redact('email')]) {
      expect(by([duty], nested(REDACTED_DEPTH))).toBeDefined();
      expect(by([duty], nested(REDACTED_DEPTH + 1))).toBeUndefined();
      expect(by([duty], nested(100_000))).toBeUndefined();
    }
  });

  test('what has too many parts, of which hashes are the dearest', () => {
    const list = (length: number) => `[${'1,'.repeat(length - 1)}1]`;
    expect(by([mask('/x')], list(REDACTED_STEPS - 10))).toBeDefined();
    expect(by([mask('/x')], list(REDACTED_STEPS + 10))).toBeUndefined();
    const hashes = Math.floor(REDACTED_STEPS / (STEPS_PER_HASH + 3));
    expect(by([hash('/*')], list(hashes + 2000))).toBeUndefined();
  });

  test('what is too large', () => {
    const text = JSON.stringify('x'.repeat(REDACTED_MAX_BYTES - 2));
    expect(by([redact('email')], text)).toBeDefined();
    expect(by([redact('email')], `${text} `)).toBeUndefined();
  });

  test('everything, when an obligation is not known here', () => {
    const unknown = [
      { ...obligationsOf(mask('/a')), list: [create(ObligationSchema, {})] },
      obligationsOf(redact('email', 'dna')),
      obligationsOf(mask('a')),
      obligationsOf({ case: 'mask', value: {} }),
      obligationsOf({ case: 'redact', value: { patterns: [{ name: 'x', expression: '(' }] } }),
    ];
    const redactors = unknown.map((obligations) =>
      createRedactor(obligations, { tagged: () => [], hashKey: testHashKey }),
    );
    const short = { tagged: () => [], hashKey: testHashKey.slice(1) };
    redactors.push(createRedactor(obligationsOf(hash('/a')), short));
    for (const redactor of redactors) {
      expect(redactor.value(Buffer.from('{}'), 'application/json')).toBeUndefined();
      expect(redactor.text('a title')).toBe('[withheld]');
      expect(redactor.hidesFields).toBe(true);
    }
  });
});

describe('texts that tell of a value', () => {
  test('are searched, whatever field the search is for', () => {
    const redactor = redactorOf(redactAt('/note', 'email'), redact('phone'), mask('/name'));
    expect(redactor.text('Lin, lin@example.com, 138-1234-5678')).toBe('Lin, [email], [phone]');
    expect(redactorOf(mask('/name')).text('Lin')).toBe('Lin');
    expect(redactorOf(redact('secret')).text('hunter2')).toBe('hunter2');
    expect(redactorOf(redact('secret')).text('hunter2', 'password')).toBe('[secret]');
  });

  test('may quote fields that are hidden, and that is told', () => {
    expect(redactorOf(redact('email')).hidesFields).toBe(false);
    for (const duty of [mask('/a'), hash('/a'), drop('/a'), truncate(1, '/a')]) {
      expect(redactorOf(duty).hidesFields).toBe(true);
    }
  });
});
