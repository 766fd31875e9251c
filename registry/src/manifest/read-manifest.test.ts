import { create } from '@bufbuild/protobuf';
import { WeirError } from '@weir/kit';
import {
  CacheScope,
  ProviderManifestSchema,
  Visibility,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { consumerKind, providerKind, typeKind } from './kinds.ts';
import { type ManifestKind, readManifest } from './read-manifest.ts';

const read = (value: string) => readManifest(providerKind, { case: 'document', value });

const least = 'name: docs\nversion: 1.0.0\ncontexts: [{ type: DocChunk, version: 1.0.0 }]\n';

/** The faults of a document, as "line:column path: text". */
function faultsOf(value: string, kind: ManifestKind<never> | typeof providerKind = providerKind) {
  try {
    readManifest(kind as typeof providerKind, { case: 'document', value });
  } catch (error) {
    if (error instanceof WeirError) {
      return error.violations.map((one) => `${one.field}: ${one.description}`);
    }
    throw error;
  }
  return [];
}

test('topics have the form of topics, once each, with a type or without', () => {
  const topics = (value: string) => `${least}topics:\n${value}`;
  expect(faultsOf(topics('  - { topic: page.updated }\n'))).toEqual([]);
  expect(
    faultsOf(
      topics(
        '  - { topic: Page, version: 1.0.0 }\n  - { topic: a.b }\n  - { topic: a.b, type: DocChunk, version: x }\n',
      ),
    ),
  ).toEqual([
    expect.stringMatching(/^5:5 topics\[0\]\.type: /),
    expect.stringMatching(/^5:14 topics\[0\]\.topic: is no topic/),
    '7:14 topics[2].topic: stands above; keep one',
    expect.stringMatching(/^7:44 topics\[2\]\.version: /),
  ]);
  const many = Array.from({ length: 65 }, (_, index) => `  - { topic: t.n${index} }\n`).join('');
  expect(faultsOf(topics(many))).toEqual([expect.stringContaining('more than 64')]);
});

describe('what a manifest means', () => {
  test('YAML and JSON, short and long forms say the same', () => {
    const yaml = read(`
kind: Provider
name: docs
version: "1.0.0"
visibility: tenant
contexts:
  - &chunk
    type: DocChunk
    version: 1.0.0
    key_prefix: "a/"
    ttl: 1500ms
    staleWhileRevalidate: 1h
    scope: principal
`);
    const json = read(
      JSON.stringify({
        contexts: [
          {
            scope: 'CACHE_SCOPE_PRINCIPAL',
            staleWhileRevalidate: '3600s',
            ttl: '1.5s',
            keyPrefix: 'a/',
            version: '1.0.0',
            type: 'DocChunk',
          },
        ],
        visibility: 'VISIBILITY_TENANT',
        version: '1.0.0',
        name: 'docs',
      }),
    );
    expect(yaml.hash).toBe(json.hash);
    const message = create(ProviderManifestSchema, {
      name: 'docs',
      version: '1.0.0',
      visibility: Visibility.TENANT,
      contexts: [
        {
          type: 'DocChunk',
          version: '1.0.0',
          keyPrefix: 'a/',
          scope: CacheScope.PRINCIPAL,
          ttl: { seconds: 1n, nanos: 500_000_000 },
          staleWhileRevalidate: { seconds: 3600n },
        },
      ],
    });
    expect(readManifest(providerKind, { case: 'manifest', value: message }).hash).toBe(yaml.hash);
    expect(yaml.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('JSON indented with tabs, with escapes and surrogate pairs', () => {
    const value =
      '{\n\t"name": "docs",\n\t"version": "1.0.0",\n\t"title": "\\ud83d\\ude00 a\\/b",\n\t"contexts": [\n\t\t{"type": "DocChunk", "version": "1.0.0"}\n\t]\n}';
    expect(read(value).manifest.title).toBe('😀 a/b');
  });

  test('an absent weight is not a weight of 0', () => {
    expect(read(`${least}weight: 0`).manifest.weight).toBe(0);
    expect(read(least).manifest.weight).toBeUndefined();
    expect(read(`${least}weight: null`).hash).toBe(read(least).hash);
  });

  test('a limit in bytes is a number, or text as proto JSON writes it', () => {
    const { manifest, hash } = read(`${least}limits: { responseBytes: 1048576 }`);
    expect(manifest.limits?.responseBytes).toBe(1_048_576n);
    expect(read(`${least}limits: { response_bytes: "1048576" }`).hash).toBe(hash);
    expect(read(`${least}limits: {}`).manifest.limits?.concurrentCalls).toBeUndefined();
  });

  test('aliases stand for what they name', () => {
    const aliased = read(
      'name: docs\nversion: &v 1.0.0\ncontexts: [{ type: DocChunk, version: *v }]',
    );
    expect(aliased.hash).toBe(read(least).hash);
  });

  test('a schema keeps even the strangest names', () => {
    const value =
      '{"name":"Odd","version":"1.0.0","schema":{"properties":{"__proto__":{"type":"string"}}}}';
    const { manifest } = readManifest(typeKind, { case: 'document', value });
    expect(JSON.stringify(manifest.schema)).toContain('"__proto__"');
    expect(({} as Record<string, unknown>).type).toBeUndefined();
  });
});

describe('what is refused, and where', () => {
  test.each([
    ['', ['1:1: the document is empty; write a manifest']],
    ['- a', ['1:1: a manifest is a map of fields, such as "kind: Provider"']],
    [`${least}---\n${least}`, ['1:1: the text holds several documents; send one at a time']],
    [`${least}kind: Consumer`, ['4:7 kind: this call takes manifests of kind Provider']],
    [`${least}name: other`, ['4:1: the field stands here for a second time']],
    [`${least}title: !secret x`, ['4:8: unresolved tag: !secret']],
    [`${least}title: !!omap [a: 1]`, ['4:8: unresolved tag: tag:yaml.org,2002:omap']],
    [`${least}title: *nobody`, [expect.stringMatching(/^4:8.*nobody/i)]],
    [`${least}priority: 9007199254740993`, [expect.stringMatching(/^4:11 priority: .*2\^53/)]],
    [`${least}priority: .inf`, [expect.stringMatching(/^4:11 priority: .*2\^53/)]],
    [`${least}priority: 1.5`, [expect.stringMatching(/^4:11 priority: has to be a whole number/)]],
    [
      '{"name": "\\ud800", "version": "1.0.0"}',
      ['1:10 name: holds half a surrogate pair, which no text may'],
    ],
    ['{"a\\ud800": 1}', ['1:2: a field name holds half a surrogate pair, which no text may']],
    [`${least}Weight: 3`, ['4:1 Weight: there is no such field; "weight" is meant, perhaps']],
    [`${least}weight: 1001`, ['4:9 weight: has to be 0 to 1000']],
    [
      `${least}limits: { concurrentCalls: 0 }`,
      ['4:28 limits.concurrentCalls: has to be 1 to 1000'],
    ],
    [`${least}limits: { concurrentCalls: 1001 }`, [expect.stringContaining('1 to 1000')]],
    [`${least}limits: { callsPerSecond: 100001 }`, [expect.stringContaining('1 to 100000')]],
    [`${least}limits: { responseBytes: 4095 }`, [expect.stringContaining('4096 to 1073741824')]],
    [`${least}limits: { responseBytes: 1073741825 }`, [expect.stringContaining('4096 to')]],
    [
      `${least}limits: { responseBytes: 1MiB }`,
      [expect.stringMatching(/^4:26 limits.responseBytes: has to be a whole number/)],
    ],
    [`${least}hedgeAfter: 9ms`, ['4:13 hedgeAfter: has to be 10 ms or more; absent: never']],
    [`${least}hedgeAfter: 61s`, ['4:13 hedgeAfter: is longer than 60 s']],
    [`${least}limits: {}\nhedgeAfter: 10ms`, []],
    [`${least}timeout: 61s`, ['4:10 timeout: is longer than 60 s']],
    [`${least}timeout: 5`, ['4:10 timeout: has to be a duration, such as 60s, 500ms or 5m']],
    [`${least}tags: [a, a]`, ['4:11 tags[1]: the tag "a" stands twice']],
    [`${least}tags: a`, ['4:7 tags: has to be a list']],
    [`${least}tags: [a, 5]`, ['4:11 tags[1]: has to be text; quote it']],
    [`${least}1: a`, ['4:1: a field name that is not text; quote it']],
    [`${least}title: "a\\0b"`, [expect.stringMatching(/^4:8 title: holds a control character/)]],
    [
      `${least}authentication: { bearer: hunter2 }`,
      [expect.stringMatching(/^4:27 authentication.bearer: has to be a reference/)],
    ],
    ['name: docs\nversion: 1.0.0', ['1:1 contexts: offer at least one type, or an operation']],
    [
      `${least}wantsPrincipal: true\n`.replace('1.0.0 }', '1.0.0, scope: tenant }'),
      [expect.stringMatching(/^3:53 contexts\[0\].scope: .*use principal or none/)],
    ],
  ])('%j', (value, faults) => {
    expect(faultsOf(value)).toEqual(faults);
  });

  test.each([
    'docs.internal:80',
    'ftp://h:1',
    'http://h',
    'http://u:p@h:1',
    'http://h:1/path',
    'http://h:1?q',
    'http://h:0',
    'http://h:99999',
    'http://:80',
    'unix:///x',
  ])('the address %s', (url) => {
    expect(faultsOf(`${least}endpoints: [{ url: "${url}" }]`)).toEqual([
      expect.stringMatching(/^4:20 endpoints\[0\].url: /),
    ]);
  });

  test.each(['http://h:80', 'https://h.example:443', 'http://[::1]:7070', 'http://h:1/'])(
    'but not the address %s',
    (url) => {
      expect(faultsOf(`${least}endpoints: [{ url: "${url}" }]`)).toEqual([]);
    },
  );

  test('documents that would grow when their aliases are followed', () => {
    const levels = Array.from({ length: 12 }, (_, i) => {
      const inner = i === 0 ? '"x"' : `*l${i - 1}`;
      return `l${i}: &l${i} [${Array(9).fill(inner).join(', ')}]`;
    });
    expect(faultsOf(levels.join('\n')).join()).toContain('more than 50000 values');
  });

  test('manifests made to take minutes are refused in seconds', () => {
    const aliases = `title: &a x\ntags: [${'*a,'.repeat(20_000)}]`;
    expect(faultsOf(aliases).join()).toContain('stands twice');
    const fields = Array.from({ length: 15_000 }, (_, i) => `k${i}:\n`).join('');
    expect(faultsOf(fields).join()).toContain('there is no such field');
    const tags = Array.from({ length: 100_000 }, (_, i) => `t${i}`);
    const value = create(providerKind.desc, { name: 'docs', version: '1.0.0', tags });
    const source = { case: 'manifest' as const, value };
    expect(() => readManifest(providerKind, source)).toThrow('more than 32 tags');
  }, 15_000);

  test('documents that hold themselves, or nest too deep, or are too large', () => {
    expect(faultsOf('tags: &a [*a]').join()).toContain('something it is part of');
    expect(faultsOf(`a: ${'['.repeat(100)}${']'.repeat(100)}`).join()).toContain('nested deeper');
    for (const deep of ['[', '{a: ', '- ', '? ']) {
      expect(faultsOf(`- ${deep.repeat(60_000)}`)).toEqual([
        expect.stringMatching(/^1:\d+: nested deeper than 64; flatten it$/),
      ]);
    }
    expect(faultsOf(`title: ${'x'.repeat(300_000)}`).join()).toContain('larger than 256 KiB');
    expect(faultsOf('title: "\ud800"').join()).toContain('half a surrogate pair');
  });

  test('faults of consumers', () => {
    const value =
      'name: c\npins:\n  - { type: A, provider: b, versionRange: ^1 }\n  - { versionRange: any }';
    const faults = faultsOf(value, consumerKind as unknown as typeof providerKind);
    expect(faults.map((one) => one.split(': ')[0])).toEqual([
      '3:26 pins[0].provider',
      '4:5 pins[1]',
      '4:21 pins[1].versionRange',
    ]);
  });
});
