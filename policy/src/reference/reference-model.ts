import type { JsonObject } from '@bufbuild/protobuf';
import type { ActionName, CallFacts, ItemFacts } from '../model.ts';
import type { SubjectSource } from '../subject.ts';

/** One thing to decide. */
export interface ReferenceRequest {
  readonly subject: SubjectSource;
  readonly action: ActionName;
  readonly type: string;
  readonly resource: { readonly key: string; readonly provider: string };
  readonly facts: CallFacts;
  readonly item: ItemFacts;
}

/** What conditions see in the reference: plain values, all of them known. */
export interface ReferenceFacts {
  readonly nowMs: number;
  readonly variables: {
    readonly subject: {
      readonly roles: readonly string[];
      readonly groups: readonly string[];
      readonly principal: string;
      readonly attributes: JsonObject;
      readonly [field: string]: unknown;
    };
    readonly resource: { readonly [field: string]: unknown };
    readonly environment: { readonly [field: string]: unknown };
    readonly action: string;
  };
}

/** What the reference comes to. */
export interface ReferenceVerdict {
  readonly effect: 'allow' | 'deny';
  /** Sorted. */
  readonly rules: readonly string[];
  /** What must be done, as texts that are equal for equal obligations; sorted. */
  readonly obligations: readonly string[];
  readonly maxAgeMs: number | undefined;
  /** As JSON; sorted. */
  readonly purposes: readonly string[];
  readonly changesValues: boolean;
  /** Whether the condition of a rule that may apply could not be evaluated. */
  readonly failed: boolean;
  /** Whether the condition of a rule that may apply speaks of the item. */
  readonly readsItem: boolean;
}
