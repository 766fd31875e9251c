import type { JsonObject } from '@bufbuild/protobuf';
import type { CallFacts, ItemFacts } from '../model.ts';

// What a condition sees while it is evaluated. Of the hot path: classes, since the CEL library
// finds the type of a value by its constructor, and getters, so that nothing is copied.

/** What a subject has when its roles are added to it. */
export interface SubjectFacts {
  readonly tenant: string;
  readonly principal: string;
  readonly kind: string;
  readonly consumer: string;
  readonly project: string;
  readonly tier: string;
  /** With those that they include; sorted. */
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly clearance: bigint;
  readonly attributes: JsonObject;
  readonly size: SubjectSize;
  /** Whether there is so much of it that looking through it would take too long. */
  readonly tooLarge: boolean;
}

/** How much there is of a subject; rounded up to powers of two, so that most are of few sizes. */
export interface SubjectSize {
  /** Roles, groups and the values in its attributes. */
  readonly values: number;
  /** The characters of the longest text in them. */
  readonly longest: number;
}

/** Thrown by a read of what is not known yet; an Error, so that CEL treats it as a failing operand. */
class UnknownRead extends Error {}
const unknownRead = new UnknownRead('not known yet');

/** The ranks of sensitivities by their number in the contract; what is not stated is internal. */
const ranks = [2n, 1n, 2n, 3n, 4n] as const;

/** Ranks of the proofs of who calls. */
const strengths = { registration: 0n, key: 1n, token: 2n, certificate: 3n } as const;

const noLabels: Readonly<Record<string, string>> = {};

/** The variables of a condition. One is used again and again: set what is known, then evaluate. */
export class Scene {
  readonly action: string;
  readonly type: string;
  readonly size: SubjectSize;
  readonly subject: SubjectView;
  readonly resource: ResourceView;
  readonly environment: EnvironmentView;
  /** Undefined: not known yet, as the next three. */
  call: CallFacts | undefined;
  key: string | undefined;
  provider: string | undefined;
  item: ItemFacts | undefined;
  /** Whether something was read that is not known yet. */
  touched = false;

  constructor(subject: SubjectFacts, action: string, type: string) {
    this.action = action;
    this.type = type;
    this.size = subject.size;
    this.subject = new SubjectView(this, subject);
    this.resource = new ResourceView(this);
    this.environment = new EnvironmentView(this);
  }

  /** The wall time, in ms since 1970. */
  get nowMs(): number {
    return this.call === undefined ? this.unknown() : this.call.nowMs;
  }

  unknown(): never {
    this.touched = true;
    throw unknownRead;
  }
}

/** `subject` in conditions. */
export class SubjectView {
  readonly #scene: Scene;
  readonly tenant: string;
  readonly principal: string;
  readonly kind: string;
  readonly consumer: string;
  readonly project: string;
  readonly tier: string;
  readonly clearance: bigint;
  readonly #facts: SubjectFacts;

  constructor(scene: Scene, facts: SubjectFacts) {
    this.#scene = scene;
    this.tenant = facts.tenant;
    this.principal = facts.principal;
    this.kind = facts.kind;
    this.consumer = facts.consumer;
    this.project = facts.project;
    this.tier = facts.tier;
    this.clearance = facts.clearance;
    this.#facts = facts;
  }

  get roles(): readonly string[] {
    return this.#within().roles;
  }

  get groups(): readonly string[] {
    return this.#within().groups;
  }

  get attributes(): JsonObject {
    return this.#within().attributes;
  }

  #within(): SubjectFacts {
    if (this.#facts.tooLarge) throw new Error('the attributes of the subject are too many');
    return this.#facts;
  }

  get purpose(): string {
    const { call } = this.#scene;
    return call === undefined ? this.#scene.unknown() : call.purpose;
  }
}

/** `resource` in conditions. */
export class ResourceView {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  get type(): string {
    return this.#scene.type;
  }

  get key(): string {
    return this.#scene.key ?? this.#scene.unknown();
  }

  get provider(): string {
    return this.#scene.provider ?? this.#scene.unknown();
  }

  get sensitivity(): bigint {
    const { item } = this.#scene;
    return item === undefined ? this.#scene.unknown() : (ranks[item.sensitivity] ?? 4n);
  }

  get labels(): Readonly<Record<string, string>> {
    const { item } = this.#scene;
    return item === undefined ? this.#scene.unknown() : (item.labels ?? noLabels);
  }

  get owner(): string {
    const { item } = this.#scene;
    return item === undefined ? this.#scene.unknown() : item.owner;
  }
}

/** `environment` in conditions. */
export class EnvironmentView {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  get network(): string {
    const { call } = this.#scene;
    return call === undefined ? this.#scene.unknown() : call.network;
  }

  get authentication(): string {
    const { call } = this.#scene;
    return call === undefined ? this.#scene.unknown() : call.authentication;
  }

  get strength(): bigint {
    const { call } = this.#scene;
    return call === undefined ? this.#scene.unknown() : (strengths[call.authentication] ?? 0n);
  }
}
