import type { Clock } from '@weir/kit';
import type { SharedLogs } from './logs.ts';
import { openPost, type Post } from './post.ts';
import { createRouterIds, type RouterIds } from './router-ids.ts';
import { openSettings, type SharedSettings } from './settings.ts';
import { openSpills, type Spills } from './spills.ts';

/** What the routers of an installation share of their sessions with MCP clients. */
export interface Shared extends AsyncDisposable {
  readonly logs: SharedLogs;
  readonly ids: RouterIds;
  readonly post: Post;
  readonly settings: SharedSettings;
  readonly spills: Spills;
}

/** What sharing needs. */
export interface SharedOptions {
  readonly logs: SharedLogs;
  readonly clock: Clock;
  /** The secret that registry and routers share. */
  readonly serviceSecret: Uint8Array;
  /** How long a session lasts. */
  readonly lifetimeMs: number;
}

/** Opens what routers share, over the logs that they share. */
export function openShared({ logs, clock, serviceSecret, lifetimeMs }: SharedOptions): Shared {
  const ids = createRouterIds(serviceSecret);
  const post = openPost(logs, ids, clock);
  const settings = openSettings(logs, clock, lifetimeMs);
  const spills = openSpills(logs, post);
  return {
    ...{ logs, ids, post, settings, spills },
    async [Symbol.asyncDispose]() {
      // What is to be written last is written while this router is heard of.
      await spills[Symbol.asyncDispose]();
      await Promise.all([post[Symbol.asyncDispose](), settings[Symbol.asyncDispose]()]);
    },
  };
}
