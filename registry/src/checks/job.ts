import type { ContextTypeManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Position } from '../manifest/fault.ts';

/** The source of a manifest on its way to a thread: to copy a message would take far longer. */
export type SentSource =
  | { readonly case: 'document'; readonly value: string }
  | { readonly case: 'message'; readonly value: Uint8Array };

/** What a thread that checks documents is asked. */
export type CheckJob =
  | {
      /** Reads a manifest, and judges the schema of a type. */
      readonly kind: 'read';
      /** The kind of manifest, such as `Provider`. */
      readonly of: string;
      readonly source: SentSource;
    }
  | {
      /** Proves that a type keeps what it promises of an older version. */
      readonly kind: 'keep';
      readonly source: SentSource;
      readonly older: ContextTypeManifest;
    };

/** A manifest that was read in a thread. */
export interface ManifestFound {
  readonly manifest: unknown;
  readonly hash: string;
  readonly places: ReadonlyMap<string, Position>;
}
