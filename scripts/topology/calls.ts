import { setTimeout } from 'node:timers/promises';
import { createWeir, type Weir } from '@weir/sdk';

/** Fetches one ref over each protocol that callers use; says what each one brought. */
export async function fetchOverAll(
  url: string,
  key: string,
  ref: { type: string; key: string },
): Promise<Record<string, string>> {
  const brought: Record<string, string> = {};
  for (const protocol of ['grpc', 'grpc-web', 'connect'] as const) {
    const weir = createWeir({ url, key, protocol, retries: 0 });
    const [outcome] = await weir.fetch([ref]);
    brought[protocol] = outcome?.ok ? 'item' : (outcome?.refusal.text ?? 'nothing');
    weir.close();
  }
  // What anybody can do with curl: HTTP/1.1 and JSON.
  const response = await fetch(`${url}/weir.router.v1.RouterService/FetchContext`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ refs: [ref] }),
  });
  const { results } = (await response.json()) as { results?: readonly { item?: object }[] };
  brought['HTTP/1.1'] = results?.[0]?.item ? 'item' : `status ${response.status}`;
  return brought;
}

/** Calls that go on while something is done to what answers them. */
export interface Load {
  /** Ends the calls; resolves with how many there were, and what each one that failed said. */
  end(): Promise<{ readonly calls: number; readonly failures: readonly string[] }>;
}

/** How many calls are under way at once. */
export const callers = 4;
/** What starts beside the calls needs the processor too. */
const PAUSE_MS = 5;

/** Fetches refs over and over, from a few callers at once, each waiting for its answer. */
export function startLoad(weir: Weir, refs: readonly string[]): Load {
  let ending = false;
  let calls = 0;
  const failures: string[] = [];
  const call = async () => {
    while (!ending) {
      calls++;
      try {
        for (const outcome of await weir.fetch(refs)) {
          if (!outcome.ok) failures.push(`${outcome.ref.key}: ${outcome.refusal.text}`);
        }
      } catch (error) {
        failures.push(String(error));
      }
      await setTimeout(PAUSE_MS);
    }
  };
  const running = Array.from({ length: callers }, call);
  return {
    async end() {
      ending = true;
      await Promise.all(running);
      return { calls, failures };
    },
  };
}
