import type { Logger } from '@weir/kit';
import { LRUCache } from 'lru-cache';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/** Says in the log which events of a provider are refused, without flooding it. */
export interface Refusals {
  tell(topic: string, why: { readonly reason: string; readonly text: string }): void;
}

/** Of one topic and reason it is said again after so long. */
const SILENT_MS = 600_000;
/** Of so many topics and reasons it is known that it was said. */
const TOLD_MAX = 100;
/** A topic that is none may be long. */
const TOPIC_SHOWN_CHARS = 100;

/** Makes what tells of a provider's refused events. */
export function createRefusals(
  log: Logger,
  { tenant, name, version }: Pick<ProviderVersion, 'tenant' | 'name' | 'version'>,
): Refusals {
  const told = new LRUCache<string, true>({ max: TOLD_MAX, ttl: SILENT_MS });
  const provider = `${tenant}/${name} ${version}`;
  return {
    tell(topic, { reason, text }) {
      const shown = topic.slice(0, TOPIC_SHOWN_CHARS);
      const key = `${reason} ${shown}`;
      if (told.has(key)) return;
      told.set(key, true);
      const line = { provider, topic: shown, reason, text };
      log.warn(line, 'an event that a watched provider told is left out');
    },
  };
}
