import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { mintApiKey } from '@weir/kit';
import { ApiKeySchema, type Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from './core.ts';
import type { StoredKey } from './store/store.ts';

/** What a new key is for. */
export interface KeySpec {
  readonly tenant: string;
  readonly principal: string;
  readonly consumer: string;
  /** The tool group that it is of. Left out: none. */
  readonly group?: string;
  readonly title: string;
  readonly scopes: Scope[];
  /** Left out: everything. */
  readonly permits?: string[];
  /** Left out: it is not. */
  readonly requiresSignature?: boolean;
  readonly expireTime?: Timestamp;
}

/** A new key: the secret to be shown once, and what is kept. */
export function mintKey(
  core: Pick<Core, 'clock'>,
  spec: KeySpec,
): { secret: string; stored: StoredKey } {
  const { text, id, secretHash } = mintApiKey();
  const createTime = timestampFromMs(core.clock.wallMs());
  return {
    secret: text,
    stored: { key: create(ApiKeySchema, { id, createTime, ...spec }), secretHash },
  };
}
