import { describe, expect, test } from 'vitest';
import { keyOf, partsOf } from './keys.ts';
import { buildRequest, type ParameterSpec, type RequestSpec } from './request.ts';

const spec = (parameters: readonly ParameterSpec[], path = '/things'): RequestSpec => {
  return { method: 'GET', path, parameters, accept: 'application/json', security: [] };
};
const list = ['blue', 'b,k'];
const object = { R: 100, G: 'a b' };

describe('a parameter of the query', () => {
  test.each([
    [{}, 'a b&c', 'p=a%20b%26c'],
    [{}, list, 'p=blue&p=b%2Ck'],
    [{ explode: false }, list, 'p=blue,b%2Ck'],
    [{ style: 'spaceDelimited' }, list, 'p=blue%20b%2Ck'],
    [{ style: 'pipeDelimited', explode: false }, list, 'p=blue%7Cb%2Ck'],
    [{}, object, 'R=100&G=a%20b'],
    [{ explode: false }, object, 'p=R,100,G,a%20b'],
    [{ style: 'deepObject' }, { a: { b: 1 } }, 'p%5Ba%5D%5Bb%5D=1'],
    [{ style: 'json' }, object, 'p=%7B%22R%22%3A100%2C%22G%22%3A%22a%20b%22%7D'],
    [{ allowReserved: true }, 'a/b?c&d', 'p=a/b?c%26d'],
  ])('%j of %j', (style, value, query) => {
    const { target } = buildRequest(spec([{ name: 'p', in: 'query', ...style }]), { p: value });
    expect(target).toBe(`/things?${query}`);
  });

  test('that is absent is left out, or has the value that is always sent', () => {
    expect(buildRequest(spec([{ name: 'p', in: 'query' }]), {}).target).toBe('/things');
    const fixed = spec([{ name: 'p', in: 'query', value: 'x' }]);
    expect(buildRequest(fixed, {}).target).toBe('/things?p=x');
  });
});

describe('a part of the path', () => {
  test.each([
    [{}, 'a/b?c', 'a%2Fb%3Fc'],
    [{}, '...', '%2E%2E%2E'],
    [{}, list, 'blue,b%2Ck'],
    [{ explode: true }, object, 'R=100,G=a%20b'],
    [{ style: 'label' }, 'x', '.x'],
    [{ style: 'label', explode: true }, list, '.blue.b%2Ck'],
    [{ style: 'matrix' }, 'x', ';p=x'],
    [{ style: 'matrix', explode: true }, list, ';p=blue;p=b%2Ck'],
  ])('%j of %j', (style, value, part) => {
    const request = spec([{ name: 'p', in: 'path', ...style }], '/things/{p}/more');
    expect(buildRequest(request, { p: value }).target).toBe(`/things/${part}/more`);
  });

  test.each([[{}], [{ p: '' }]])('cannot be missing: %j', (values) => {
    const request = spec([{ name: 'p', in: 'path' }], '/things/{p}');
    expect(() => buildRequest(request, values)).toThrow(
      /the argument for \{p\} is (?:missing|empty)/,
    );
  });
});

test.each([
  ['/things/{p}', {}, '..'],
  ['/things/{p}/more', {}, '.'],
  ['/things/{p}', { style: 'label' }, '.'],
  ['/things/.{p}', {}, '.'],
  ['/things/{p}', {}, '../../admin'],
  ['/things/{p}', {}, '..\\..\\admin'],
  ['/things/{p}', {}, 'a/../admin'],
  ['/things/{p}/more', {}, 'a/.'],
  ['/things/{p}', {}, 'a\\..'],
  ['/things/{p}', { style: 'label' }, './admin'],
  ['/things/a%2f{p}', {}, '..'],
  ['/things/%2E{p}', {}, './a'],
])('%s is not led up by %j of %j', (path, style, value) => {
  const request = spec([{ name: 'p', in: 'path', ...style }], path);
  expect(() => buildRequest(request, { p: value })).toThrow(/cannot be "\." or "\.\."/);
});

test.each([
  ['a/b', 'a%2Fb'],
  ['a\\b', 'a%5Cb'],
  ['.a/b../..c', '.a%2Fb..%2F..c'],
  ['a/.../b', 'a%2F...%2Fb'],
])('%s is no way up', (value, part) => {
  const request = spec([{ name: 'p', in: 'path' }], '/things/{p}');
  expect(buildRequest(request, { p: value }).target).toBe(`/things/${part}`);
});

test('headers and cookies are written, and cannot end themselves', () => {
  const request = spec([
    { name: 'X-Tags', in: 'header' },
    { name: 'session', in: 'cookie' },
  ]);
  const { headers } = buildRequest(request, { 'X-Tags': ['a', 'b'], session: 'x;y' });
  expect(headers).toMatchObject({ 'x-tags': 'a,b', cookie: 'session=x%3By' });
  expect(() => buildRequest(request, { 'X-Tags': 'a\r\nb: c' })).toThrow(/control characters/);
});

test.each([
  [{}, 'a;session=evil', 'p=a%3Bsession%3Devil'],
  [{ explode: false }, ['a;b=c', 'd'], 'p=a%3Bb%3Dc,d'],
  [{}, { R: 'a;b=c' }, 'R=a%3Bb%3Dc'],
])(
  'a cookie keeps no reserved characters, whatever is allowed: %j of %j',
  (style, value, cookie) => {
    const request = spec([{ name: 'p', in: 'cookie', allowReserved: true, ...style }]);
    expect(buildRequest(request, { p: value }).headers).toMatchObject({ cookie });
  },
);

test.each([
  ['application/json', { a: 1 }, '{"a":1}'],
  ['application/merge-patch+json', 'text', '"text"'],
  ['application/x-www-form-urlencoded', { a: 'b c', d: ['e', 'f'] }, 'a=b%20c&d=e&d=f'],
  ['text/plain', 'as it is', 'as it is'],
])('a body of %s', (bodyType, body, written) => {
  const built = buildRequest({ ...spec([]), method: 'POST', bodyType }, { body });
  expect(built).toMatchObject({ body: written, headers: { 'content-type': bodyType } });
});

test('a body of several parts has a boundary of its own', () => {
  const request = { ...spec([]), method: 'POST', bodyType: 'multipart/form-data' };
  const { body, headers } = buildRequest(request, { body: { name: 'x', tags: ['a'] } });
  const [, boundary] = /boundary=(.*)$/.exec(headers['content-type'] ?? '') ?? [];
  expect(String(body).split(`--${boundary}`)).toHaveLength(4);
  expect(body).toContain('content-disposition: form-data; name="name"\r\n\r\nx\r\n');
});

test('a key of one part is the value itself, one of several has them encoded', () => {
  expect(keyOf(['a/b'])).toBe('a/b');
  expect(partsOf('a/b', 1)).toEqual(['a/b']);
  const values = ['a/b', '..', 'ü'];
  expect(keyOf(values)).toBe('a%2Fb/%2E%2E/%C3%BC');
  expect(partsOf(keyOf(values), 3)).toEqual(values);
  expect(partsOf('a/b', 3)).toBeUndefined();
  expect(partsOf('a/%ZZ', 2)).toBeUndefined();
});
