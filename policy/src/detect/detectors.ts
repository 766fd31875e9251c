import { cnId } from './cn-id.ts';
import { email } from './email.ts';
import { iban } from './iban.ts';
import type { Detector } from './model.ts';
import { paymentCard } from './payment-card.ts';
import { phone } from './phone.ts';
import { secret } from './secret.ts';
import { twId } from './tw-id.ts';
import { usSsn } from './us-ssn.ts';

const detectors: ReadonlyMap<string, Detector> = new Map(
  [email, phone, cnId, twId, usSsn, paymentCard, iban, secret].map((each) => [each.name, each]),
);

/** The names of the detectors, as an obligation lists them; see docs/redaction.md. */
export const detectorNames: readonly string[] = [...detectors.keys()];

/** The detector of a name. */
export function detectorOf(name: string): Detector | undefined {
  return detectors.get(name);
}
