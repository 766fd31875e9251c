import { refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** Whatever is wrong with a key, the answer is the same: it tells nobody which keys exist. */
export function invalidKey(): WeirError {
  return refuse(
    Reason.CREDENTIAL_INVALID,
    'the key is not valid (any more); ask an administrator for another',
  );
}

/** A token that is not believed; `cause` is for the log. */
export function invalidToken(cause?: unknown): WeirError {
  return refuse(
    Reason.CREDENTIAL_INVALID,
    'the token is not valid (any more), or not for Weir; get another from its issuer',
    { cause },
  );
}

/** A token that is genuine, and still lets nobody in. */
export function unusableToken(why: string): WeirError {
  return refuse(Reason.CREDENTIAL_INVALID, `the token cannot be used here: ${why}`);
}

/** A certificate that is genuine and belongs to nobody. */
export function unknownCertificate(): WeirError {
  return refuse(
    Reason.CREDENTIAL_INVALID,
    'the certificate of the connection belongs to no principal (any more); ask an administrator, or send a key',
  );
}

/** A signature that does not hold. */
export function invalidSignature(why: string): WeirError {
  return refuse(Reason.SIGNATURE_INVALID, `the call's signature does not hold: ${why}`);
}

/** An authorization header that no kind of credential begins like. */
export function unreadable(): WeirError {
  return refuse(
    Reason.CREDENTIAL_INVALID,
    'the header "authorization" cannot be read; send "Bearer weir_…", or "Bearer" and a token',
  );
}
