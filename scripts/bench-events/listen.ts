import { Latencies } from '../../bench/src/load/latencies.ts';
import { type Answer, dueOf, nowMs, type Question } from './spec.ts';
import { subscribeAll } from './subscribe.ts';

// A process that subscribes many times, and notes how late each event comes.

const TOLD_EVERY_MS = 20;

let latencies = new Latencies(2);
let breaks = 0;
let told = 0;
let cpu = process.cpuUsage();

/** Who has ended asks no more. */
const answer = (message: Answer) => void process.send?.(message, undefined, {}, () => {});

process.on('message', (question: Question) => {
  if (question.ask === 'take') return take();
  const { where, subscriptions } = question.spec;
  const ears = {
    hear: (data: Uint8Array) => latencies.record(nowMs() - dueOf(data)),
    broke: () => {
      breaks += 1;
    },
    ended(error: unknown) {
      breaks += 1;
      console.error('a subscription ended for good:', error);
    },
  };
  subscribeAll(where, subscriptions, ears).then(
    () => answer({ told: 'opened' }),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));

setInterval(() => {
  if (latencies.count === told) return;
  told = latencies.count;
  answer({ told: 'so far', deliveries: told });
}, TOLD_EVERY_MS);

function take(): void {
  const { user, system } = process.cpuUsage(cpu);
  cpu = process.cpuUsage();
  const taken = {
    deliveries: latencies.count,
    p50Ms: latencies.at(50),
    p99Ms: latencies.at(99),
    maxMs: latencies.maxMs,
    cpuSeconds: (user + system) / 1e6,
    breaks,
  };
  latencies = new Latencies(2);
  breaks = 0;
  told = 0;
  answer({ told: 'taken', taken });
}
