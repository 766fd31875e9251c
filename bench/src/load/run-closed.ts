import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.ts';
import type { Pool } from './pool.ts';
import type { Sender } from './sender.ts';

/** A closed loop: each connection keeps its share of calls under way, as far as the peer takes them. */
export async function runClosed(sender: Sender, pool: Pool): Promise<void> {
  const { warmupMs, durationMs } = sender.job;
  const fromMs = performance.now() + warmupMs;
  const toMs = fromMs + durationMs;
  sender.measure({ fromMs, toMs });
  sender.onTurn = (connection) => fill(sender, connection, toMs);
  pool.turn();
  await sleepUntil(fromMs);
  sender.meter.begin(sender.intake.bytesRead);
  await sleepUntil(toMs);
  sender.meter.end(sender.intake.bytesRead);
}

function fill(sender: Sender, connection: Connection, toMs: number): void {
  if (connection.active >= connection.share) return;
  const nowMs = performance.now();
  if (nowMs >= toMs) return;
  while (connection.active < connection.share && connection.hasRoom) {
    sender.begin(connection, nowMs);
  }
}

/** Timers may come a little too early. */
async function sleepUntil(ms: number): Promise<void> {
  let leftMs = ms - performance.now();
  for (; leftMs > 0; leftMs = ms - performance.now()) await sleep(Math.ceil(leftMs));
}
