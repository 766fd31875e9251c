import { fork } from 'node:child_process';
import { oneCoreFlags } from '@weir/kit/node-flags';
import type { Answer, ListenSpec, Question, Taken } from './spec.ts';

/** A process with many subscriptions. */
export interface Listener extends AsyncDisposable {
  /** How many events it has been told of since the last take. */
  readonly deliveries: number;
  /** What came since the last take. */
  take(): Promise<Taken>;
}

const OPEN_MAX_MS = 120_000;
const TAKE_MAX_MS = 30_000;
const file = new URL('./listen.ts', import.meta.url);

/** Starts a process and has it subscribe; resolves when all subscriptions are open. */
export async function openListener(spec: ListenSpec): Promise<Listener> {
  const child = fork(file, {
    execArgv: [...oneCoreFlags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let deliveries = 0;
  let onAnswer: (answer: Answer) => void = () => {};
  let onEnd: (error: Error) => void = () => {};
  child.on('message', (answer: Answer) => {
    if (answer.told === 'so far') deliveries = answer.deliveries;
    else onAnswer(answer);
  });
  child.on('exit', (code) => onEnd(new Error(`a listener of ${spec.where.kind} ended: ${code}`)));
  const ask = async (question: Question, maxMs: number): Promise<Answer> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    onAnswer = resolve;
    onEnd = reject;
    const text = `a listener of ${spec.where.kind} did not answer "${question.ask}" in ${maxMs} ms`;
    const late = setTimeout(() => reject(new Error(text)), maxMs);
    child.send(question);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
    }
  };
  const end = async () => void (child.connected && child.disconnect());
  await ask({ ask: 'open', spec }, OPEN_MAX_MS).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  return {
    get deliveries() {
      return deliveries;
    },
    async take() {
      const answer = await ask({ ask: 'take' }, TAKE_MAX_MS);
      if (answer.told !== 'taken') throw new Error('a listener answered something else');
      deliveries = 0;
      return answer.taken;
    },
    [Symbol.asyncDispose]: end,
  };
}
