import { WeirError } from '@weir/kit';
import { SchemaCheck } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { providerKind } from './kinds.ts';
import { readManifest } from './read-manifest.ts';

const manifest = (offer: string) => `name: docs
version: 1.0.0
contexts:
  - type: DocChunk
    version: 1.0.0
${offer.replaceAll(/^/gm, '    ')}
`;
const read = (offer: string) =>
  readManifest(providerKind, { case: 'document', value: manifest(offer) });

function faultsOf(offer: string): string[] {
  try {
    read(offer);
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    return error.violations.map((one) => `${one.field}: ${one.description}`);
  }
  return [];
}

test('cleaners, the check and the fields of a complete value are read from a document', () => {
  const { manifest: held } = read(`schemaCheck: require
completeFields: [/title, /a~1b]
cleaners:
  - whitespace: {}
  - fields: [/updatedAt, "/lines/*/at"]
    dates: { formats: [dd.MM.yyyy HH:mm, unix], timeZone: Asia/Taipei }
  - nulls: { words: [n/a, ""] }
  - units: { unit: m, decimalComma: true }`);
  const offer = held.contexts[0];
  expect(offer?.schemaCheck).toBe(SchemaCheck.REQUIRE);
  expect(offer?.cleaners.map(({ kind }) => kind.case)).toEqual([
    'whitespace',
    'dates',
    'nulls',
    'units',
  ]);
  expect(offer?.cleaners[1]).toMatchObject({
    fields: ['/updatedAt', '/lines/*/at'],
    kind: { value: { formats: ['dd.MM.yyyy HH:mm', 'unix'], timeZone: 'Asia/Taipei' } },
  });
});

test.each([
  ['schemaCheck: maybe', ['6:18 contexts[0].schemaCheck: has to be one of none, score, require']],
  [
    'completeFields: [title]',
    [
      expect.stringMatching(
        /^6:22 contexts\[0\]\.completeFields\[0\]: "title" is not a JSON Pointer; begin it with "\/"/,
      ),
    ],
  ],
  ['completeFields: [/a~b]', [expect.stringMatching(/holds a lone "~"/)]],
  [
    'completeFields: [/a, /a]',
    [expect.stringMatching(/completeFields\[1\]: stands above; keep one/)],
  ],
  [
    `completeFields: [${Array.from({ length: 65 }, (_, i) => `/f${i}`).join(', ')}]`,
    [expect.stringMatching(/completeFields: more than 64/)],
  ],
  [
    'cleaners: [{ fields: [/a] }]',
    [
      expect.stringMatching(
        /^6:16 contexts\[0\]\.cleaners\[0\]: says nothing to mend; name one of whitespace/,
      ),
    ],
  ],
  [
    'cleaners: [{ whitespace: {}, nulls: {} }]',
    [expect.stringMatching(/only one of whitespace and nulls can be given/)],
  ],
  ['cleaners: [{ spaces: {} }]', [expect.stringMatching(/there is no such field/)]],
  [
    `cleaners: [${'{ whitespace: {} }, '.repeat(17)}]`,
    [expect.stringMatching(/cleaners: more than 16/)],
  ],
  ['cleaners: [{ dates: {} }]', [expect.stringMatching(/dates\.formats: name at least one form/)]],
  [
    'cleaners: [{ dates: { formats: [dd.MM] } }]',
    [expect.stringMatching(/formats\[0\]: does not name the year/)],
  ],
  [
    'cleaners: [{ dates: { formats: [unix], timeZone: Mars/Olympus } }]',
    [expect.stringMatching(/timeZone: "Mars\/Olympus" is not a time zone; write it like/)],
  ],
  [
    'cleaners: [{ dates: { formats: [unix], timeZone: "+25:00" } }]',
    [expect.stringMatching(/timeZone: "\+25:00" is not a time zone/)],
  ],
  [
    'cleaners: [{ units: { unit: km/h } }]',
    [expect.stringMatching(/units\.unit: "km\/h" is not a unit; there are .*mm, cm/)],
  ],
  [
    'cleaners: [{ units: { unit: toString } }]',
    [expect.stringMatching(/"toString" is not a unit/)],
  ],
  [
    `cleaners: [{ nulls: { words: [${'x'.repeat(65)}] } }]`,
    [expect.stringMatching(/words\[0\]: longer than 64 characters/)],
  ],
])('%s', (offer, wanted) => expect(faultsOf(offer)).toEqual(wanted));
