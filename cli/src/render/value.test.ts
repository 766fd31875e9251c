import { create } from '@bufbuild/protobuf';
import { ItemSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { describe, expect, test } from 'vitest';
import { cutToRows, readValue, renderValue } from './value.ts';

function rendered(contentType: string, payload: string | Uint8Array): string {
  const value = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const item = create(ItemSchema, { contentType, body: { case: 'payload', value } });
  return renderValue(readValue(item));
}

describe('a value', () => {
  test('of text stands as it is', () => {
    expect(rendered('text/markdown', '# Install\n\n- one\n')).toBe('# Install\n\n- one');
  });

  test('of JSON stands over several lines', () => {
    expect(rendered('', '{"a":{"b":1}}')).toBe('{\n  "a": {\n    "b": 1\n  }\n}');
    expect(rendered('application/x+json', '[1]')).toBe('[\n  1\n]');
  });

  test('of JSON has its prose below', () => {
    const text = rendered('application/json', '{"title":"Install","text":"# A\\n\\nrun it\\n"}');
    expect(text).toBe('{\n  "title": "Install"\n}\ntext:\n  # A\n\n  run it');
  });

  test('that is not what it says stands as text', () => {
    expect(rendered('application/json', '{oops')).toBe('{oops');
  });

  test('of other bytes is described', () => {
    expect(rendered('image/png', Uint8Array.of(1, 2, 3))).toBe(
      '3 bytes of image/png; --raw writes them out.',
    );
    expect(rendered('text/plain', Uint8Array.of(0xff))).toContain('1 bytes of text/plain');
  });

  test('cannot drive the screen', () => {
    expect(rendered('text/plain', 'a\u001b]0;x\u0007b')).toBe('a\\x1b]0;x\\x07b');
  });
});

describe('cutting to rows', () => {
  const screen = { rows: 3, columns: 10 };

  test('keeps what fits', () => {
    expect(cutToRows('a\nb\nc', screen)).toBe('a\nb\nc');
  });

  test('says how much is missing', () => {
    expect(cutToRows('a\nb\nc\nd\ne', screen)).toBe(
      'a\nb\nc\n… 2 more lines; --raw shows all of the value.',
    );
  });

  test('counts lines that wrap as the rows they take', () => {
    const long = 'x'.repeat(25);
    expect(cutToRows(`${long}\nb\nc`, screen)).toBe(
      `${long}\n… 2 more lines; --raw shows all of the value.`,
    );
  });
});
