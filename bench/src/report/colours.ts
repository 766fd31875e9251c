import type { SubjectName } from '../model.ts';

/** How a subject looks in every plot. */
export interface Look {
  /** On a light page, at least 3 to 1 against it. */
  readonly light: string;
  /** On a dark page, likewise. */
  readonly dark: string;
  /** Lengths of dashes and gaps, for those who do not see the colours; empty: a whole line. */
  readonly dash: readonly number[];
}

const itself = { light: '#64748b', dark: '#94a3b8', dash: [6, 3] } as const;

/** Always the same for a subject; the baselines are of one scenario each, and share one. */
export const looks: Readonly<Record<SubjectName, Look>> = {
  weir: { light: '#0b62d6', dark: '#5aa9ff', dash: [] },
  'weir-connect-lane': { light: '#0e7f8a', dark: '#45cbd6', dash: [8, 3] },
  'weir-node-http2': { light: '#0e7f8a', dark: '#45cbd6', dash: [2, 3] },
  'node-http2': { light: '#2f3640', dark: '#d8dde4', dash: [] },
  'grpc-js': { light: '#9a6700', dark: '#e5b84b', dash: [] },
  'connect-node': { light: '#c4410c', dark: '#ff8c5a', dash: [] },
  'naive-router': { light: '#be185d', dark: '#ff7fb0', dash: [2, 3] },
  'node-proxy': { light: '#6d34d4', dark: '#b59bff', dash: [6, 3] },
  nginx: { light: '#15803d', dark: '#58d08a', dash: [] },
  haproxy: { light: '#80563a', dark: '#d0a37d', dash: [2, 3] },
  'weir-unmasked': itself,
  'weir-10-rules': itself,
  'weir-1k-items': itself,
};

/** The custom property "--colour" of everything that is about a subject. */
export function colourRules(): string {
  const rules = Object.entries(looks).map(
    ([name, { light, dark }]) => `[data-subject="${name}"]{--colour:light-dark(${light},${dark})}`,
  );
  return rules.join('\n');
}
