/**
 * A unit: a quantity x in it is (x + shift) * ratio in the base unit of its dimension. The
 * figures are decimals, exact by definition of the unit.
 */
export interface Unit {
  readonly dimension: 'length' | 'mass' | 'time' | 'data' | 'temperature' | 'share';
  readonly ratio: string;
  /** What the ratio is divided by; 1 when left out. */
  readonly per?: string;
  /** 0 when left out. */
  readonly shift?: string;
}

/** The units that quantities can be brought to, by symbol. */
export const units: Readonly<Record<string, Unit>> = {
  // International yard and pound agreement of 1959: 1 yd = 0.9144 m, 1 lb = 0.45359237 kg.
  mm: { dimension: 'length', ratio: '1' },
  cm: { dimension: 'length', ratio: '10' },
  m: { dimension: 'length', ratio: '1000' },
  km: { dimension: 'length', ratio: '1000000' },
  in: { dimension: 'length', ratio: '25.4' },
  ft: { dimension: 'length', ratio: '304.8' },
  yd: { dimension: 'length', ratio: '914.4' },
  mi: { dimension: 'length', ratio: '1609344' },
  mg: { dimension: 'mass', ratio: '1' },
  g: { dimension: 'mass', ratio: '1000' },
  kg: { dimension: 'mass', ratio: '1000000' },
  t: { dimension: 'mass', ratio: '1000000000' },
  oz: { dimension: 'mass', ratio: '28349.523125' },
  lb: { dimension: 'mass', ratio: '453592.37' },
  ms: { dimension: 'time', ratio: '1' },
  s: { dimension: 'time', ratio: '1000' },
  min: { dimension: 'time', ratio: '60000' },
  h: { dimension: 'time', ratio: '3600000' },
  d: { dimension: 'time', ratio: '86400000' },
  B: { dimension: 'data', ratio: '1' },
  kB: { dimension: 'data', ratio: '1000' },
  MB: { dimension: 'data', ratio: '1000000' },
  GB: { dimension: 'data', ratio: '1000000000' },
  TB: { dimension: 'data', ratio: '1000000000000' },
  KiB: { dimension: 'data', ratio: '1024' },
  MiB: { dimension: 'data', ratio: '1048576' },
  GiB: { dimension: 'data', ratio: '1073741824' },
  TiB: { dimension: 'data', ratio: '1099511627776' },
  K: { dimension: 'temperature', ratio: '1' },
  C: { dimension: 'temperature', ratio: '1', shift: '273.15' },
  F: { dimension: 'temperature', ratio: '5', per: '9', shift: '459.67' },
  '1': { dimension: 'share', ratio: '1' },
  '%': { dimension: 'share', ratio: '1', per: '100' },
};
