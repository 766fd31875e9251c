import { Sensitivity as Wire } from './gen/weir/context/v1/context_pb.ts';

/**
 * How sensitive a value is, from low to high: anybody may know it, members of the tenant, those
 * who need it, named persons.
 */
export type Sensitivity = 'public' | 'internal' | 'confidential' | 'restricted';

const wireOf = {
  public: Wire.PUBLIC,
  internal: Wire.INTERNAL,
  confidential: Wire.CONFIDENTIAL,
  restricted: Wire.RESTRICTED,
} as const satisfies Record<Sensitivity, Wire>;

const names = Object.keys(wireOf) as readonly Sensitivity[];

/** The number that stands for a sensitivity on the wire; 0 (not stated) for none. */
export function sensitivityToWire(sensitivity: Sensitivity | undefined): Wire {
  return sensitivity === undefined ? Wire.UNSPECIFIED : wireOf[sensitivity];
}

/** The sensitivity that a number on the wire stands for; undefined when not stated. */
export function sensitivityFromWire(wire: Wire): Sensitivity | undefined {
  return names.find((name) => wireOf[name] === wire);
}

/** Whether a value names a sensitivity. */
export function isSensitivity(value: unknown): value is Sensitivity {
  return names.some((name) => name === value);
}
