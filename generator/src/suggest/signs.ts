import type { Sensitivity } from '@weir/sdk';

/** What a policy does to a field: shows its form but not its content, or removes it. */
export type Treatment = 'mask' | 'drop';

/** Words of a name that say how sensitive the field is. */
export interface Sign {
  /** In a row, in lower case. */
  readonly words: readonly string[];
  readonly level: Sensitivity;
  readonly treatment: Treatment;
  /** Words beside which these mean something else. */
  readonly unless?: readonly string[];
}

/**
 * A field whose name begins or ends with one of these tells about a thing and not the thing: whether
 * there is a password, when it changed, how many tokens are left.
 */
export const stateWords: ReadonlySet<string> = new Set(
  (
    'has is can allow allows enable enabled disable disabled verified confirmed required visible ' +
    'count total limit max min length size number_of type kind status state policy mode version ' +
    'expires expiry expiration expired updated changed created at on url uri href template ' +
    'valid validated validation format domain domains supported'
  ).split(' '),
);

function all(
  level: Sensitivity,
  treatment: Treatment,
  names: string,
  unless: readonly string[] = [],
): Sign[] {
  return names.split(',').map((name) => {
    const words = name.trim().split(' ');
    return { words, level, treatment, unless };
  });
}

const pages = ['page', 'next', 'previous', 'prev', 'continuation', 'cursor', 'sync', 'pagination'];
const models = ['prompt', 'completion', 'input', 'output', 'tokens'];
const machines = ['ip', 'mac', 'ipv4', 'ipv6', 'contract', 'memory', 'wallet', 'web', 'listen'];

/** In this order; the first that fits counts. */
export const signs: readonly Sign[] = [
  ...all('restricted', 'drop', 'password, passwd, passphrase, passcode, pwd, pin code'),
  ...all('restricted', 'drop', 'secret, client secret, api key, apikey, private key, secret key'),
  ...all('restricted', 'drop', 'access key, signing key, encryption key, hmac key, credential'),
  ...all('restricted', 'drop', 'credentials, otp, totp, mfa code, recovery code, security answer'),
  ...all('restricted', 'drop', 'token', [...pages, ...models]),
  ...all('restricted', 'drop', 'cvc, cvv, cvv2, card security code'),
  ...all('restricted', 'mask', 'ssn, social security, national id, national identity, passport'),
  ...all('restricted', 'mask', 'passport number, driver license, driving licence, drivers license'),
  ...all('restricted', 'mask', 'tax id, tax number, taxpayer id, sin number, identity number'),
  ...all('restricted', 'mask', 'card number, credit card, debit card, payment card, cardholder'),
  ...all('restricted', 'mask', 'iban, bank account, account number, routing number, sort code'),
  ...all('restricted', 'mask', 'salary, wage, wages, compensation, payroll, net worth'),
  ...all(
    'restricted',
    'mask',
    'diagnosis, medical, health, disease, allergy, allergies, disability',
    ['check', 'checks', 'service', 'system', 'node', 'cluster', 'endpoint', 'server', 'score'],
  ),
  ...all('restricted', 'mask', 'blood type, medication, prescription, religion, ethnicity, race'),
  ...all('restricted', 'mask', 'sexual orientation, political opinion, biometric, fingerprint', [
    'key',
    'ssh',
    'certificate',
    'sha',
    'sha256',
    'md5',
    'tls',
  ]),
  ...all('confidential', 'mask', 'email, e mail, mail address, phone, telephone, mobile number'),
  ...all('confidential', 'mask', 'cell phone, cellphone, fax, fax number, msisdn, whatsapp'),
  ...all('confidential', 'mask', 'birth date, birthdate, date of birth, dob, birthday, birth year'),
  ...all('confidential', 'mask', 'first name, last name, full name, middle name, given name'),
  ...all('confidential', 'mask', 'family name, surname, maiden name, firstname, lastname'),
  ...all('confidential', 'mask', 'street, street address, postal code, postcode, zip code, zip'),
  ...all('confidential', 'mask', 'home address, billing address, shipping address'),
  ...all('confidential', 'mask', 'ip address, client ip, remote ip, device id, gender'),
  ...all('confidential', 'mask', 'address', machines),
];
