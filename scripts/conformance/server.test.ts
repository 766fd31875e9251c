import { expect, test } from 'vitest';
import { behinds, runServerSide } from './server.ts';

// The official suite's server side, through Weir; `npm run conformance` prints its counts.

test.each(behinds)(
  'the conformance suite passes through Weir over %s',
  async (behind) => {
    const reports = await runServerSide(behind);
    expect(
      reports.flatMap(({ text, unexpected }) => unexpected.map((each) => [text, each])),
    ).toEqual([]);
    expect(reports).toHaveLength(2);
  },
  120_000,
);
