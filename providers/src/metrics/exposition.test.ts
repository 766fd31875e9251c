import { expect, test } from 'vitest';
import { parseExposition } from './exposition.ts';

test('reads the example of the text format', () => {
  // From https://prometheus.io/docs/instrumenting/exposition_formats/
  const text = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# Finally a summary, which has a complex representation, too:
# HELP rpc_duration_seconds A summary of the RPC duration in seconds.
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
`;
  const { families, badLines } = parseExposition(text, 'prometheus');
  expect(badLines).toBe(0);
  expect([...families.keys()]).toEqual([
    'http_requests_total',
    'msdos_file_access_time_seconds',
    'metric_without_timestamp_and_labels',
    'something_weird',
    'http_request_duration_seconds',
    'rpc_duration_seconds',
  ]);
  expect(families.get('http_requests_total')).toMatchObject({
    type: 'counter',
    help: 'The total number of HTTP requests.',
    samples: [
      { labels: { method: 'post', code: '200' }, value: 1027, timestampMs: 1395066363000 },
      { labels: { method: 'post', code: '400' }, value: 3 },
    ],
  });
  expect(families.get('msdos_file_access_time_seconds')?.samples[0]?.labels).toEqual({
    path: 'C:\\DIR\\FILE.TXT',
    error: 'Cannot find file:\n"FILE.TXT"',
  });
  expect(families.get('something_weird')?.samples[0]).toMatchObject({
    value: Infinity,
    timestampMs: -3982045,
  });
  expect(
    families.get('http_request_duration_seconds')?.samples.map((sample) => sample.name),
  ).toEqual([
    'http_request_duration_seconds_bucket',
    'http_request_duration_seconds_bucket',
    'http_request_duration_seconds_sum',
    'http_request_duration_seconds_count',
  ]);
  expect(families.get('rpc_duration_seconds')?.samples).toHaveLength(3);
});

test('reads OpenMetrics: suffixes, units, exemplars, seconds, and the end', () => {
  const text = `# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency \\"though\\" all.
acme_http_router_request_seconds_sum{path="/api/v1",method="GET"} 9036.32
acme_http_router_request_seconds_created{path="/api/v1",method="GET"} 1605281325.0
# TYPE go_goroutines gauge
go_goroutines 69 1520879607.789
# TYPE process_cpu_seconds counter
process_cpu_seconds_total 4.20072246e+06
# TYPE foo histogram
foo_bucket{le="0.1"} 8 # {trace_id="x # y"} 0.054
foo_bucket{le="+Inf"} 17 123 # {} 9.8 1520879607.789
# TYPE build info
build_info{version="8.2.7"} 1
# EOF
after_the_end 1
`;
  const { families, badLines } = parseExposition(text, 'openmetrics');
  expect(badLines).toBe(0);
  expect([...families.keys()]).toEqual([
    'acme_http_router_request_seconds',
    'go_goroutines',
    'process_cpu_seconds',
    'foo',
    'build',
  ]);
  expect(families.get('acme_http_router_request_seconds')).toMatchObject({
    unit: 'seconds',
    help: 'Latency "though" all.',
  });
  expect(families.get('go_goroutines')?.samples[0]?.timestampMs).toBe(1520879607789);
  expect(families.get('foo')?.samples.map(({ value }) => value)).toEqual([8, 17]);
});

test('reads quoted names', () => {
  const text = `# TYPE "my.dotted.metric" gauge
# HELP "my.dotted.metric" Dots.
{"my.dotted.metric", "error.code"="a,b}", region="eu",} 3
{"no.labels"} 4
`;
  const { families, badLines } = parseExposition(text, 'prometheus');
  expect(badLines).toBe(0);
  expect(families.get('my.dotted.metric')).toMatchObject({
    type: 'gauge',
    help: 'Dots.',
    samples: [{ labels: { 'error.code': 'a,b}', region: 'eu' }, value: 3 }],
  });
  expect(families.get('no.labels')?.samples[0]?.value).toBe(4);
});

test.each([
  'no_value',
  'no_value{a="b"}',
  'not_a_number twelve',
  'hex 0x10',
  'open{a="b" 1',
  'open_quote{a="b} 1',
  'unquoted{a=b} 1',
  'name_without_value{a} 1',
  '{a="b"} 1',
  '9starts_with_digit 1',
  'bad_time 1 noon',
  'too many words here',
  '<html><body>Not found</body></html>',
])('leaves out the bad line %s and reads on', (line) => {
  const { families, badLines } = parseExposition(`${line}\r\ngood 1\r\n`, 'prometheus');
  expect(badLines).toBe(1);
  expect([...families.keys()]).toEqual(['good']);
});

test('reads special values', () => {
  const { families } = parseExposition(
    'a NaN\na -Inf\na +Inf\na Inf\na -1.5e-3\na .5\n',
    'prometheus',
  );
  expect(families.get('a')?.samples.map(({ value }) => value)).toEqual([
    NaN,
    -Infinity,
    Infinity,
    Infinity,
    -0.0015,
    0.5,
  ]);
});

test('labels named like parts of an object are only labels', () => {
  const { families } = parseExposition('a{__proto__="x",constructor="y"} 1\n', 'prometheus');
  expect(JSON.stringify(families.get('a')?.samples[0]?.labels)).toBe(
    '{"__proto__":"x","constructor":"y"}',
  );
});

test('a long line of blanks or backslashes takes no time', () => {
  const startMs = performance.now();
  parseExposition(`a{b="${'\\'.repeat(500_001)}\n a${' '.repeat(500_000)}x\n`, 'prometheus');
  expect(performance.now() - startMs).toBeLessThan(2_000);
});
