import { Code } from '@connectrpc/connect';
import type { Clients, Input } from './surfaces.ts';

// What no caller may send, and the answer that each gets, whatever the surface. The table of
// docs is the contract of it; each row stands here once.

/** One bad input and its answer. */
export interface BadInput {
  readonly name: string;
  readonly input: Input;
  readonly code: Code;
  /** Without `REASON_`. */
  readonly reason: string;
  /** What the text says: the place, why, and how to mend it. */
  readonly text: RegExp;
  /** What the command line says where it finds out by itself. */
  readonly commandText?: RegExp;
}

/** What the cases find in place: a type and a provider of it, that something else needs. */
export const fixtures = {
  type: JSON.stringify({ name: 'Held', version: '1.0.0', schema: { type: 'string' } }),
  provider: 'name: held\nversion: 1.0.0\ncontexts: [{ type: Held, version: 1.0.0 }]\n',
} as const;

const good = { type: 'DocChunk', key: 'fine' };
const fetchOf = (request: object): Input => ({ kind: 'fetch', request });
const fetchKey = (key: string) => fetchOf({ refs: [good, { type: 'DocChunk', key }] });
const fetchOne = (more: object) => fetchOf({ refs: [good], ...more });
const fetchRef = (ref: object) => fetchOf({ refs: [{ ...good, ...ref }] });
const call = (send: (clients: Clients) => Promise<unknown>): Input => ({ kind: 'call', send });
const head = 'name: bad\nversion: 1.0.0\n';
const provider = (more: string): Input => ({
  kind: 'provider',
  document: `${head}contexts: [{ type: DocChunk, version: 1.0.0 }]\n${more}`,
});
const offer = (more: string): Input => ({
  kind: 'provider',
  document: `${head}contexts: [{ type: DocChunk, version: 1.0.0, ${more} }]\n`,
});
const typeOf = (manifest: object): Input => ({ kind: 'type', document: JSON.stringify(manifest) });
const schemaOf = (schema: unknown) => typeOf({ name: 'Bad', version: '1.0.0', schema });

type Row = readonly [name: string, input: Input, text: RegExp, commandText?: RegExp];

/** Rows that share their code and reason. */
function rows(code: Code, reason: string, ...of: readonly Row[]): BadInput[] {
  return of.map(([name, input, text, commandText]) => ({
    ...{ name, input, code, reason, text },
    ...(commandText && { commandText }),
  }));
}

const { InvalidArgument } = Code;

const keys = [
  ...rows(
    InvalidArgument,
    'INVALID_KEY',
    ['an empty key', fetchKey(''), /^refs\[1\]\.key: .*empty/, /DocChunk\/.*key/],
    ['a key over 1 KiB', fetchKey('é'.repeat(513)), /^refs\[1\]\.key: .*1024 bytes/],
    ['NUL in a key', fetchKey('a\0b'), /^refs\[1\]\.key: .*control character/],
    ['an escape in a key', fetchKey('a\x1b[2J'), /^refs\[1\]\.key: .*control character/],
    ['a line separator in a key', fetchKey('a\u2028b'), /^refs\[1\]\.key: .*control character/],
    ['bidi control in a key', fetchKey('a\u202eb'), /^refs\[1\]\.key: .*direction/],
    ['a path segment ".."', fetchKey('a/../b'), /^refs\[1\]\.key: .*"\.\."/],
    ['a key that is not NFC', fetchKey('e\u0301'), /^refs\[1\]\.key: .*NFC/],
  ),
  ...rows(
    InvalidArgument,
    'INVALID_NAME',
    ['a ref without a type', fetchRef({ type: '' }), /^refs\[0\]\.type: /, /type/i],
    ['a type of 64 letters', fetchRef({ type: 'T'.repeat(64) }), /^refs\[0\]\.type: .*63/, /type/],
    ['a provider of 64', fetchRef({ provider: 'p'.repeat(64) }), /^refs\[0\]\.provider: .*63/],
  ),
  ...rows(
    InvalidArgument,
    'INVALID_VERSION',
    ['a range that is none', fetchRef({ versionRange: '>=' }), /version_range: .*semver/],
    ['a range of 10 KB', fetchRef({ versionRange: '1 || '.repeat(2000) }), /version_range: /],
  ),
];

const batches = [
  ...rows(InvalidArgument, 'BATCH_EMPTY', [
    'an empty batch',
    fetchOf({}),
    /no ref; give at least one/,
    /missing required argument/,
  ]),
  ...rows(InvalidArgument, 'BATCH_TOO_LARGE', [
    '257 refs',
    fetchOf({ refs: Array.from({ length: 257 }, () => good) }),
    /257 refs; at most 256: split it/,
  ]),
  ...rows(
    InvalidArgument,
    'MALFORMED_REQUEST',
    [
      'quality NaN',
      fetchOne({ minQuality: Number.NaN }),
      /min_quality is NaN; give 0 to 1/,
      /0 to 1/,
    ],
    ['quality 1.5', fetchOne({ minQuality: 1.5 }), /min_quality is 1.5; give 0 to 1/, /0 to 1/],
    ['quality -1', fetchOne({ minQuality: -1 }), /min_quality is -1; give 0 to 1/, /0 to 1/],
    [
      'a negative age',
      fetchOne({ maxAge: { seconds: -1n, nanos: 0 } }),
      /max_age is negative; give/,
    ],
    [
      'a negative item timeout',
      fetchOne({ itemTimeout: { seconds: 0n, nanos: -1_000_000 } }),
      /item_timeout is negative; give/,
    ],
    [
      'a search of 2 KB',
      call((c) => c.router.listContext({ query: 'x'.repeat(2048) })),
      /query is longer/,
    ],
    [
      'nine words',
      call((c) => c.registry.listTypes({ filter: { text: 'a '.repeat(9) } })),
      /8 words; use fewer/,
    ],
    [
      'an etag left out',
      call((c) => c.registry.updateProvider(held('title: x'))),
      /^etag is missing; get/,
    ],
    ['no source', call((c) => c.registry.registerProvider({})), /send a manifest or a document/],
    [
      'an address that is none',
      call((c) => c.registry.registerEndpoint({ ...heldName, endpoint: { url: 'x' } })),
      /^endpoint\.url: .*write it as/,
    ],
  ),
  ...rows(
    InvalidArgument,
    'INVALID_CONSISTENCY_TOKEN',
    ['a forged token', fetchOne({ consistencyToken: 'e30.e30' }), /altered .*; send one that/],
    [
      'a token of 1 MB',
      fetchOne({ consistencyToken: 'x'.repeat(1e6) }),
      /malformed.*; send one that/,
    ],
  ),
  ...rows(Code.ResourceExhausted, 'MESSAGE_TOO_LARGE', [
    'a message of 5 MB',
    fetchKey('x'.repeat(5_000_000)),
    /larger than/,
  ]),
];

const heldName = { provider: 'held', version: '1.0.0' };
const held = (more: string) => ({
  source: { case: 'document' as const, value: `${fixtures.provider}${more}\n` },
});

const pages = rows(
  InvalidArgument,
  'INVALID_PAGE',
  [
    'a page size of -1',
    call((c) => c.router.listContext({ pageSize: -1 })),
    /page_size is -1; give 0/,
  ],
  [
    'a page size of 501',
    call((c) => c.router.listContext({ pageSize: 501 })),
    /page_size is 501; give 0/,
  ],
  [
    'a page size of 2^31-1',
    call((c) => c.registry.listTypes({ pageSize: 2 ** 31 - 1 })),
    /page_size: .* 0 to 500/,
  ],
  [
    'a page size of -2^31',
    call((c) => c.admin.listKeys({ pageSize: -(2 ** 31) })),
    /page_size: .* 0 to 500/,
  ],
  ['a page token of nobody', call((c) => c.router.listContext({ pageToken: 'W10' })), /page_token/],
  [
    'a page token that is no list',
    call((c) => c.registry.listTypes({ pageToken: '%' })),
    /page_token .*; give next_page_token/,
  ],
  [
    'a page token of 100 KB',
    call((c) => c.registry.listProviders({ pageToken: 'W'.repeat(1e5) })),
    /page_token .*; give/,
  ],
  [
    'a page token of another list',
    call(async (c) => {
      const { nextPageToken: pageToken } = await c.registry.listTypes({ pageSize: 1 });
      await c.registry.listTypes({ pageSize: 1, pageToken, filter: { text: 'x' } });
    }),
    /page_token .*same filter/,
  ],
);

const standing = [
  ...rows(
    Code.AlreadyExists,
    'ALREADY_EXISTS',
    [
      'a type published otherwise',
      typeOf({ name: 'Held', version: '1.0.0', schema: {} }),
      /Held 1\.0\.0 .*new version/,
    ],
    [
      'a provider registered otherwise',
      { kind: 'provider', document: `${fixtures.provider}title: x\n` },
      /held 1\.0\.0 .*UpdateProvider/,
    ],
  ),
  ...rows(Code.Aborted, 'ETAG_STALE', [
    'a stale etag',
    call((c) => c.registry.updateProvider({ ...held('title: x'), etag: 'old' })),
    /changed since .*get it again/,
  ]),
  ...rows(Code.FailedPrecondition, 'IN_USE', [
    'a type that is offered',
    call((c) => c.registry.deregisterType({ name: 'Held', version: '1.0.0' })),
    /held.*deregister/,
  ]),
  ...rows(Code.FailedPrecondition, 'INCOMPATIBLE', [
    'a promise broken',
    typeOf({ name: 'Held', version: '1.1.0', schema: { type: 'null' } }),
    /schema\.type: .*keep allowing string/,
  ]),
  ...rows(Code.FailedPrecondition, 'BUILT_IN', [
    'a built-in type',
    typeOf({ name: 'DocChunk', version: '9.0.0', schema: {} }),
    /built in; choose another name/,
  ]),
  ...rows(
    Code.NotFound,
    'NOT_FOUND',
    [
      'an id of 500 KB',
      call((c) => c.admin.revokeKey({ id: 'x'.repeat(500_000) })),
      /^there is no key "x{128}…"$/,
    ],
    [
      'an unknown provider',
      call((c) => c.registry.getProvider({ name: 'nobody' })),
      /no provider "nobody"/,
    ],
  ),
  ...rows(
    InvalidArgument,
    'INVALID_NAME',
    ['NUL in a tenant', call((c) => c.admin.listKeys({ tenant: 'a\0' })), /^tenant: /],
    [
      'a tenant in capitals',
      call((c) => c.admin.createTenant({ name: 'ACME' })),
      /^name: "ACME" .*; use 1 to 63/,
    ],
  ),
];

/** Nine of nine of nine…: nine lines that stand for 387 million values. */
const aliasBomb = Array.from(
  { length: 9 },
  (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`,
);

const manifests = rows(
  InvalidArgument,
  'INVALID_MANIFEST',
  [
    'an alias bomb',
    provider(`a0: &a0 x\n${aliasBomb.join('\n')}`),
    /^\d+:\d+ .*more than 50000.*; shorten/,
  ],
  ['a cycle', provider('x: &x { y: *x }'), /^4:\d+ x\.y: .*part of/],
  ['an alias of nothing', provider('title: *x'), /^4:8/],
  ['a field twice', provider('title: a\ntitle: b'), /^5:1.*second time/],
  ['several documents', provider('---\nname: x'), /^1:1: .*several documents; send one/],
  ['an unknown tag', provider('title: !!js/x y'), /^4:8: .*tag/],
  ['a binary tag', provider('title: !!binary aGk='), /^4:8: .*tag/],
  ['2^53 + 1', provider('weight: 9007199254740993'), /^4:9 .*2\^53; quote it/],
  ['not a number', provider('weight: .nan'), /^4:9 /],
  [
    'a document of 300 KiB',
    provider(`title: ${'x'.repeat(300 * 1024)}`),
    /256 KiB; shorten it/,
    /256 KiB/,
  ],
  [
    'a document 5000 deep',
    provider(`x: ${'['.repeat(5000)}`),
    /^4:\d+: nested deeper than 64; flatten it$/,
  ],
  [
    '2000 unknown fields',
    provider(Array.from({ length: 2000 }, (_, i) => `f${i}:`).join('\n')),
    /^4:1 f0: there is no such field; there are/,
  ],
  [
    'no document',
    { kind: 'provider', document: '' },
    /^1:1: the document is empty; write a manifest/,
  ],
  ['what is no YAML', { kind: 'provider', document: '{{{' }, /^1:\d+: /],
  ['a list', { kind: 'provider', document: '- a' }, /^1:1: a manifest is a map/],
  ['another kind', provider('kind: Consumer'), /^4:7 kind: .*Provider/],
  ['a text for a number', provider('weight: "5"'), /^4:9 weight: has to be a whole number/],
  ['a negative weight', provider('weight: -1'), /^4:9 weight: has to be a whole number from 0/],
  [
    'a ttl without unit',
    offer('ttl: 60'),
    /^3:\d+ contexts\[0\]\.ttl: has to be a duration, such as/,
  ],
  ['a negative ttl', offer('ttl: -1s'), /^3:\d+ contexts\[0\]\.ttl: has to be a duration/],
  ['a ttl of 2^31 s', offer('ttl: 2147483648s'), /^3:\d+ contexts\[0\]\.ttl: .*longer than/],
  ['a ttl NaN', offer('ttl: .nan'), /^3:\d+ contexts\[0\]\.ttl: /],
  ['a scope nobody knows', offer('scope: world'), /^3:\d+ contexts\[0\]\.scope: has to be one of/],
  [
    'a type nobody published',
    { kind: 'provider', document: `${head}contexts:\n  - type: Nope\n    version: 1.0.0\n` },
    /^4:11 contexts\[0\]\.type: .*publish it first/,
  ],
  [
    'an address with a user',
    provider('endpoints: [{ url: "http://u:p@h:1" }]'),
    /^4:\d+ endpoints\[0\]\.url: .*user info/,
  ],
  [
    'a secret in plain text',
    provider('authentication: { bearer: hunter2 }'),
    /^4:\d+ authentication\.bearer: .*reference/,
  ],
  [
    'a range that is none',
    { kind: 'consumer', document: 'name: bad\npins: [{ type: A, versionRange: ">=" }]' },
    /^2:\d+ pins\[0\]\.versionRange: .*semver/,
  ],
  [
    'a type without a schema',
    typeOf({ name: 'Bad', version: '1.0.0' }),
    /schema: write the JSON Schema/,
  ],
  [
    'a schema 2000 deep',
    {
      kind: 'type',
      document: `{"name":"Bad","version":"1.0.0","schema":${'{"not":'.repeat(2000)}{}${'}'.repeat(2000)}}`,
    },
    /^1:\d+.*: nested deeper than 64; flatten it/,
  ],
  [
    '50,000 properties',
    schemaOf({
      properties: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`p${i}`, {}])),
    }),
    /256 KiB|50000 values/,
    /256 KiB/,
  ],
);

const schemas = rows(
  InvalidArgument,
  'INVALID_SCHEMA',
  [
    'a remote reference',
    schemaOf({ $ref: 'http://127.0.0.1:1/x' }),
    /schema\.\$ref: .*nothing is ever fetched; copy/,
  ],
  [
    'a reference to a file',
    schemaOf({ $ref: 'file:///etc/passwd' }),
    /schema\.\$ref: .*nothing is ever fetched; copy/,
  ],
  ['a reference to nothing', schemaOf({ $ref: '#/$defs/x' }), /schema\.\$ref: .*define #/],
  ['a loop', schemaOf({ $ref: '#' }), /back to itself.*refer to it only below/],
  [
    'a longer loop',
    schemaOf({ $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { $ref: '#/$defs/a' } } }),
    /back to itself/,
  ],
  [
    '2001 properties',
    schemaOf({
      properties: Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`p${i}`, {}])),
    }),
    /more than 2000 .*; split the type/,
  ],
  [
    'a fan-out',
    schemaOf({
      $defs: Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => [
          `d${i}`,
          i === 19
            ? {}
            : { allOf: Array.from({ length: 4 }, () => ({ $ref: `#/$defs/d${i + 1}` })) },
        ]),
      ),
    }),
    /more than 10000 schemas.*; refer/,
  ],
  [
    'an exploding pattern',
    schemaOf({ pattern: '(a+)+$' }),
    /schema\.pattern: .*exponential.*; write it so/,
  ],
  [
    'an exploding name',
    schemaOf({ patternProperties: { '(a|a)*$': {} } }),
    /patternProperties.*the pattern .*; write it so/,
  ],
  ['a pattern that is none', schemaOf({ pattern: '(' }), /schema\.pattern: .*does not compile/],
  [
    'another dialect',
    schemaOf({ $schema: 'http://json-schema.org/draft-07/schema#' }),
    /schema\.\$schema: .*dialect.*; write/,
  ],
  [
    'a type of no name',
    schemaOf({ properties: { a: { type: 'text' } } }),
    /schema\.properties\.a\.type: .*; use one of/,
  ],
  ['a dynamic reference', schemaOf({ $dynamicRef: '#x' }), /schema\.\$dynamicRef: .*; use \$ref/],
);

/** The whole table. */
export const badInputs: readonly BadInput[] = [
  ...keys,
  ...batches,
  ...pages,
  ...standing,
  ...manifests,
  ...schemas,
];
