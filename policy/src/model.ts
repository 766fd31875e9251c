import type { JsonObject } from '@bufbuild/protobuf';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Obligation } from '@weir/sdk/gen/weir/policy/v1/policy_pb';

/** Who asks, as rules see them. Made once for each principal and credential, and kept. */
export interface Subject {
  readonly tenant: string;
  readonly principal: string;
  /** "user", "agent", "service", or "" when it is not stated. */
  readonly kind: string;
  /** Empty: none. */
  readonly consumer: string;
  /** The principal's own roles; those that they include are the index's to add. Sorted. */
  readonly roles: readonly string[];
  /** Sorted. */
  readonly groups: readonly string[];
  /** 0 to 4; undefined: not stated, 0 unless a role brings one. */
  readonly clearance: number | undefined;
  /** Undefined: not stated, "" unless a role brings one. */
  readonly project: string | undefined;
  readonly tier: string | undefined;
  /** All attributes, as the registry or the token has them. */
  readonly attributes: JsonObject;
  /** Equal for equal subjects: the first 16 bytes of SHA-256 of their canonical form, in hexadecimal. */
  readonly fingerprint: string;
}

/** What rules can read of a call beside its subject. */
export interface CallFacts {
  /** Empty: not stated. */
  readonly purpose: string;
  /** The address that the call came from, without a port. */
  readonly network: string;
  readonly authentication: 'key' | 'token' | 'certificate' | 'registration';
  /** Wall time in ms since 1970. */
  readonly nowMs: number;
}

/** What rules can read of an item, once it is there. */
export interface ItemFacts {
  readonly sensitivity: Sensitivity;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: string;
}

/** What was decided. Verdicts are shared: never changed, and equal ones are often identical. */
export interface Verdict {
  /** Conditional: a candidate rule reads what only the item tells; decide again with it. */
  readonly effect: 'allow' | 'deny' | 'conditional';
  /**
   * The rules that applied, as "<policy>/<rule>", sorted: with allow those that allow or oblige, with
   * deny those that deny; empty when none allowed it.
   */
  readonly rules: readonly string[];
  /** Of what is allowed. */
  readonly obligations: Obligations;
  /** Why it could not be decided, and so is denied: rule and cause, for administrators. */
  readonly failed: string | undefined;
}

/** A set of obligations; equal sets are identical. */
export interface Obligations {
  /** Equal for equal sets, whatever the order of rules; empty for the empty set. */
  readonly id: string;
  /** Each once, in canonical order. */
  readonly list: readonly Obligation[];
  /** The greatest age; undefined: any. */
  readonly maxAgeMs: number | undefined;
  /** Of each of these sets one purpose must be stated. */
  readonly purposes: readonly (readonly string[])[];
  /** Whether something is done to values: anything but an age and purposes. */
  readonly changesValues: boolean;
}

/** The rules that may apply to what a subject does with a type: decides its items. */
export interface Cell {
  /** Whether a rule allows it for some key, provider or item: who may know that the type is there. */
  readonly visible: boolean;
  /** What the candidate rules read, such as "resource.key" or "environment.time"; sorted. */
  readonly reads: readonly string[];
  /**
   * Decides. Memoised by exactly the attributes that the candidates read, up to the next
   * boundary of a rule on the clock. Never throws: what cannot be evaluated is denied.
   */
  decide(
    facts: CallFacts,
    resource: { readonly key: string; readonly provider: string },
    item: ItemFacts | undefined,
  ): Verdict;
}

/** The actions that are decided; `any` is for rules only. */
export type ActionName = 'fetch' | 'list' | 'subscribe' | 'publish' | 'call' | 'administer';

/** The policies of one tenant, made ready to decide. Never changed: a change makes another. */
export interface PolicyIndex {
  /** Finds or makes the cell; kept for as long as the index. */
  cell(subject: Subject, action: ActionName, type: string): Cell;
  /** How many rules there are. */
  readonly rules: number;
}
