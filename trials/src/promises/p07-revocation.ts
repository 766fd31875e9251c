import { Reason } from '@weir/sdk';
import type { Promised } from './promise.ts';
import {
  ANSWERED_TYPE,
  openRevoking,
  percentile,
  type RouterClient,
  untilTrue,
} from './revoking.ts';

const ROUNDS = 100;
const MAX_MS = 1_000;
const P99_MS = 250;

/** A rule that is put into force denies on every router, soon; at once with the token of the write. */
export const p07: Promised = {
  id: 'P7',
  says: 'a revocation is in force on every connected router within 1 s (p99 250 ms), and at once for a call that carries the consistency token',
  async measure(signal) {
    await using revoking = await openRevoking();
    const { admin } = revoking;
    const { routers } = await revoking.newKey('reader');
    const put = async (rules: string) => {
      const value = `kind: Policy\nname: trial\nrules:\n${rules}`;
      const policy = { source: { case: 'document' as const, value } };
      return (await admin.policy.putPolicy({ policy })).consistencyToken;
    };
    const took: number[] = [];
    let leaks = 0;
    let answered = 0;
    for (let round = 0; round < ROUNDS; round++) {
      signal.throwIfAborted();
      const key = `key-${round}`;
      const before = await Promise.all(routers.map((router) => isDenied(router, key)));
      answered += before.filter((denied) => !denied).length;
      const token = await put(denying(key));
      const [withToken, ...times] = await Promise.all([
        Promise.all(routers.map((router) => isDenied(router, key, token))),
        ...routers.map((router) => untilTrue(() => isDenied(router, key))),
      ]);
      leaks += withToken.filter((denied) => !denied).length;
      took.push(...times);
    }
    const count = { unit: 'count', limit: 0 } as const;
    return [
      {
        figure: 'calls before it that were answered',
        value: answered,
        unit: 'count',
        limit: ROUNDS * routers.length,
        atLeast: true,
      },
      { figure: 'calls with the token that were answered', value: leaks, ...count },
      { figure: 'p50 from the write to the last answer', value: percentile(took, 0.5), unit: 'ms' },
      { figure: 'p99', value: percentile(took, 0.99), unit: 'ms', limit: P99_MS },
      { figure: 'longest', value: percentile(took, 1), unit: 'ms', limit: MAX_MS },
    ];
  },
};

function denying(key: string): string {
  return `  - { name: gone, effect: deny, actions: [fetch], subjects: { principals: [reader] }, resources: { keys: ["${key}"] } }\n`;
}

async function isDenied(
  router: RouterClient,
  key: string,
  consistencyToken = '',
): Promise<boolean> {
  const answer = await router.fetchContext({
    refs: [{ type: ANSWERED_TYPE, key }],
    consistencyToken,
  });
  const outcome = answer.results[0]?.outcome;
  return outcome?.case === 'refusal' && outcome.value.reason === Reason.NOT_FOUND;
}
