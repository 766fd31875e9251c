import { openSubject, openWireProvider } from './bad-subject.ts';
import type { Promised } from './promise.ts';

const DEFAULT_MS = 10_000;
/** What is kept back of the time, so that what is there can still be answered. */
const EARLY_MAX_MS = 100;
const LATE_MAX_MS = 500;

/** A caller that names no deadline waits for a provider that never answers. */
export const p03: Promised = {
  id: 'P3',
  says: "a caller without a deadline gets the server's: 10 s, of a stream too",
  async measure(signal) {
    await using subject = await openSubject();
    await using silent = await openWireProvider(() => {});
    const type = await subject.introduce(silent.url, 'timeout: 60s');
    const { router } = subject;
    const took = async (refusals: () => Promise<boolean>) => {
      const startMs = performance.now();
      const refused = await refusals();
      return refused ? performance.now() - startMs : Number.NaN;
    };
    const unary = took(async () => {
      const answer = await router.fetchContext({ refs: [{ type, key: 'unary' }] }, { signal });
      return answer.results[0]?.outcome.case === 'refusal';
    });
    const streamed = took(async () => {
      const fetch = { refs: [{ type, key: 'stream' }] };
      for await (const { result } of router.streamContext({ fetch }, { signal })) {
        return result?.outcome.case === 'refusal';
      }
      return false;
    });
    const figures = [
      { what: 'a call', tookMs: await unary },
      { what: 'a stream', tookMs: await streamed },
    ];
    return figures.flatMap(({ what, tookMs }) => [
      {
        figure: `${what} without a deadline`,
        value: tookMs,
        unit: 'ms',
        limit: DEFAULT_MS + LATE_MAX_MS,
      },
      {
        figure: `${what} without a deadline`,
        value: tookMs,
        unit: 'ms',
        limit: DEFAULT_MS - EARLY_MAX_MS,
        atLeast: true,
      },
    ]);
  },
};
