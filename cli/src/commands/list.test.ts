import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runWeir } from '../../test/run-weir.ts';
import { serveWeir, type WeirServer, weirError } from '../../test/weir-server.ts';

const keys = Array.from({ length: 1_200 }, (_, at) => `page-${String(at).padStart(4, '0')}.md`);
const gap = {
  provider: 'wiki',
  type: 'DocChunk',
  refusal: { code: 14, reason: Reason.PROVIDER_UNAVAILABLE, text: 'wiki cannot be reached' },
};

let server: WeirServer;

beforeAll(async () => {
  server = await serveWeir({
    router: {
      listContext({ type, keyPrefix, query, pageSize, pageToken }) {
        if (type === 'Nope') throw weirError(Code.NotFound, Reason.TYPE_UNKNOWN, 'no type "Nope"');
        const from = Number(pageToken || '0');
        const found = keys.filter((key) => key.startsWith(keyPrefix));
        const entries = found.slice(from, from + pageSize).map((key) => ({
          ref: { type: type || 'DocChunk', key, provider: 'docs' },
          title: `Title of ${key}`,
          score: query === '' ? 0 : 0.5,
          updateTime: timestampFromDate(new Date('2026-11-20T10:00:00Z')),
        }));
        const next = from + pageSize;
        return {
          entries,
          nextPageToken: next < found.length ? String(next) : '',
          gaps: keyPrefix === 'page-0001' ? [gap] : [],
        };
      },
    },
  });
});

afterAll(() => server[Symbol.asyncDispose]());

const weir = (...args: string[]) => runWeir(['list', ...args, '--url', server.url]);

describe('weir list', () => {
  test('shows what there is, and that there is more', async () => {
    const { code, out } = await weir('DocChunk', '--limit', '2');
    expect(code).toBe(0);
    expect(out).toBe(
      'REF                    PROVIDER  TITLE                  UPDATED\n' +
        'DocChunk/page-0000.md  docs      Title of page-0000.md  2026-11-20 10:00:00Z\n' +
        'DocChunk/page-0001.md  docs      Title of page-0001.md  2026-11-20 10:00:00Z\n' +
        '2 entries; there are more: raise --limit.\n',
    );
  });

  test('goes through as many pages as the limit asks for', async () => {
    const { out } = await weir('--limit', '1100', '--json');
    const answer = JSON.parse(out);
    expect(answer.entries).toHaveLength(1_100);
    expect(answer.nextPageToken).toBe('1100');
    expect(JSON.parse((await weir('--limit', '9999', '--json')).out).entries).toHaveLength(1_200);
  });

  test('shows scores when there are words to match', async () => {
    const { out } = await weir('-q', 'title', '--limit', '1');
    expect(out).toMatch(/^SCORE {2}REF/);
    expect(out).toContain('0.50  DocChunk/page-0000.md');
  });

  test('names the providers that are missing', async () => {
    const { code, out } = await weir('--prefix', 'page-0001');
    expect(code).toBe(1);
    expect(out).toContain(
      'The list is without 1 part:\n' +
        '  wiki (DocChunk): PROVIDER_UNAVAILABLE: wiki cannot be reached\n',
    );
  });

  test('says that there is nothing', async () => {
    expect(await weir('--prefix', 'zzz')).toMatchObject({ code: 0, out: 'Nothing to list.\n' });
  });

  test('refuses a type that is unknown', async () => {
    expect(await weir('Nope')).toMatchObject({ code: 1, err: 'weir: no type "Nope"\n' });
  });
});
