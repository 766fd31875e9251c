import { expect, test } from 'vitest';
import { runClientSide } from './client.ts';
import { revisions } from './server.ts';

// The official suite's client side, with Weir between its servers and callers.

test.each(revisions)(
  'the conformance suite passes with Weir as a client of %s',
  async (revision) => {
    const { text, unexpected } = await runClientSide(revision);
    expect([text, ...unexpected]).toEqual([text]);
  },
  300_000,
);
