/**
 * What keys and tokens of well-known makers look like: a prefix, and how many characters of an
 * alphabet follow. The forms are those that the makers publish for scanners of secrets.
 */
export interface KeyShape {
  readonly prefix: string;
  /** What follows: letters and digits, and these. */
  readonly also: string;
  /** How many follow at least. */
  readonly min: number;
  /** How many follow at most, when more would be something else. */
  readonly max?: number;
  /** The prefix is short or a word: it must stand at the start of a word, before a random text. */
  readonly isWeak?: boolean;
}

const shape = (prefix: string, min: number, also = ''): KeyShape => ({ prefix, min, also });
const exact = (prefix: string, length: number, also = ''): KeyShape => ({
  prefix,
  min: length,
  max: length,
  also,
});
const weak = (prefix: string, min: number, also = ''): KeyShape => ({
  prefix,
  min,
  also,
  isWeak: true,
});

/** At most 64 characters must follow at least, so that a try is short. */
export const keyShapes: readonly KeyShape[] = [
  // Clouds.
  ...['AKIA', 'ASIA', 'ABIA', 'ACCA'].map((prefix) => exact(prefix, 16)),
  exact('AIza', 35, '_-'),
  shape('ya29.', 20, '_-.'),
  shape('GOCSPX-', 20, '_-'),
  weak('LTAI', 12),
  weak('AKID', 13),
  shape('dop_v1_', 40),
  // Code and packages.
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((prefix) => shape(prefix, 30)),
  shape('github_pat_', 30, '_'),
  ...['glpat-', 'gldt-', 'glrt-', 'glcbt-', 'glptt-', 'glagent-'].map((prefix) =>
    shape(prefix, 20, '_-.'),
  ),
  shape('npm_', 30),
  shape('pypi-', 50, '_-'),
  shape('dckr_pat_', 20, '_-'),
  // Models.
  weak('sk-', 20, '_-'),
  shape('hf_', 30),
  shape('gsk_', 30),
  shape('xai-', 40),
  shape('nvapi-', 40, '_-'),
  shape('pplx-', 40),
  // Services.
  ...['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxe-', 'xoxe.', 'xapp-'].map((prefix) =>
    shape(prefix, 10, '-.'),
  ),
  ...['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'].map((prefix) => shape(prefix, 16)),
  shape('SG.', 40, '_-.'),
  ...['shpat_', 'shpss_', 'shpca_', 'shppa_'].map((prefix) => shape(prefix, 32)),
  shape('glsa_', 30, '_'),
  shape('lin_api_', 30),
  shape('hvs.', 20, '_-'),
  shape('AGE-SECRET-KEY-1', 40),
];
