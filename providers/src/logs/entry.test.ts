import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import { openConformance } from '../testing/conforms.ts';
import { toEntry } from './entry.ts';

const seen = new Date('2026-11-20T10:00:00.000Z');

let conforms: (value: unknown) => void;
beforeAll(async () => {
  conforms = await openConformance('LogEntry');
});

function read(text: string | object, isCut = false) {
  const line = typeof text === 'string' ? text : JSON.stringify(text);
  const entry = toEntry({ key: 'a.log@1-0', log: 'a.log', offset: 0, text: line, isCut, seen });
  conforms(entry);
  return entry;
}

test('what pino writes is read', () => {
  const lines: string[] = [];
  const log = pino({ name: 'router' }, { write: (line) => lines.push(line) });
  log.warn({ provider: 'docs', err: new TypeError('no answer') }, 'provider docs failed');
  expect(read(lines[0] ?? '')).toMatchObject({
    id: 'a.log@1-0',
    severityNumber: 13,
    severityText: 'warn',
    body: 'provider docs failed',
    attributes: { provider: 'docs' },
    resource: { 'service.name': 'router', 'process.pid': process.pid },
    exception: {
      type: 'TypeError',
      message: 'no answer',
      stacktrace: expect.stringContaining('entry.test'),
    },
    source: { log: 'a.log', offset: 0 },
  });
});

test.each([
  [10, 1, 'trace'],
  [20, 5, 'debug'],
  [30, 9, 'info'],
  [35, 10, 'info'],
  [40, 13, 'warn'],
  [50, 17, 'error'],
  [60, 21, 'fatal'],
  [70, 24, 'fatal'],
  ['WARN', 13, 'WARN'],
  ['critical', 18, 'critical'],
  ['Information', 9, 'Information'],
])('level %s is severity %i', (level, severityNumber, severityText) => {
  expect(read({ level, msg: 'x' })).toMatchObject({ severityNumber, severityText });
});

test('a level that is none stays among the attributes', () => {
  expect(read({ level: 'purple', msg: 'x' })).toMatchObject({ attributes: { level: 'purple' } });
  expect(read({ level: -1, msg: 'x' })).not.toHaveProperty('severityNumber');
});

test.each([
  [1_795_168_200_123],
  [1_795_168_200.123],
  ['1795168200123'],
  [1_795_168_200_123_000],
  [1_795_168_200_123_000_000],
  ['2026-11-20T09:50:00.123Z'],
  ['2026-11-20 11:50:00.123+02:00'],
])('the time %s is read', (time) => {
  const entry = read({ time, msg: 'x' });
  expect(entry.timestamp).toBe('2026-11-20T09:50:00.123Z');
  expect(entry).not.toHaveProperty('observedTimestamp');
});

test.each([['soon'], [1e300], [null], ['+099999-01-01T00:00:00Z'], [{}]])(
  'the time %j is none',
  (time) => {
    expect(read({ time, msg: 'x' })).toMatchObject({
      timestamp: seen.toISOString(),
      observedTimestamp: seen.toISOString(),
    });
  },
);

test('traces are read where they are whole', () => {
  const trace = {
    trace_id: '5B8EFFF798038103D269B633813FC60C',
    span_id: 'eee19b7ec3c1b174',
    trace_flags: '01',
  };
  expect(read({ msg: 'x', ...trace })).toMatchObject({
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    traceFlags: 1,
  });
  expect(read({ msg: 'x', ...trace, trace_id: 'short' })).toMatchObject({
    attributes: { trace_id: 'short', span_id: 'eee19b7ec3c1b174' },
  });
});

test('an entry without a message says what it has', () => {
  expect(read({ level: 30, user: 'ada', count: 3 })).toMatchObject({
    body: { user: 'ada', count: 3 },
  });
  expect(read({})).toMatchObject({ body: {} });
  expect(read({ err: { message: 'boom' } })).toMatchObject({
    body: 'boom',
    exception: { message: 'boom' },
  });
});

test.each([
  ['2026-11-20T09:30:00.5Z ERROR disk is full', '2026-11-20T09:30:00.500Z', 17, 'disk is full'],
  ['[2026-11-20 09:30:00,250+0000] [WARN] slow', '2026-11-20T09:30:00.250Z', 13, 'slow'],
  ['2026-11-20 09:30:00.000 UTC LOG:  ready', '2026-11-20T09:30:00.000Z', 9, 'ready'],
  ['INFO: hello', seen.toISOString(), 9, 'hello'],
])('the plain line %j is read', (text, timestamp, severityNumber, body) => {
  expect(read(text)).toMatchObject({ timestamp, severityNumber, body });
});

test.each([
  'just words',
  'Information is power',
  '{"broken": ',
  '[1,2]',
  '2026-99-99T99:99:99Z x',
  'ERROR',
  '\u0000',
])('the line %j is kept as it is', (text) => {
  const { body } = read(text);
  expect(text).toContain(body);
  expect(body).not.toBe('');
});

test('a line that was cut says so', () => {
  expect(read('{"msg":"long', true)).toMatchObject({
    body: '{"msg":"long',
    attributes: { 'log.truncated': true },
  });
});

test('fields named like parts of an object are only fields', () => {
  const entry = read('{"msg":"x","__proto__":{"polluted":true},"constructor":1}');
  expect(entry.attributes).toMatchObject({ constructor: 1 });
  expect({}).not.toHaveProperty('polluted');
});
