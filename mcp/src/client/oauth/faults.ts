import {
  OAuthClientFlowError,
  OAuthError,
  OAuthErrorCode,
  UnauthorizedError,
} from '@modelcontextprotocol/client';

/** A person has to sign in before this goes on. */
export class SignInNeeded extends UnauthorizedError {
  override readonly name = 'SignInNeeded';
  /** Where. */
  readonly address: string;
  /** Whether it is for the operator, not for whoever calls. */
  readonly isOperators: boolean;

  constructor(address: string, isOperators: boolean) {
    super('it waits for a sign-in; `weir upstream sign-in` says where');
    this.address = address;
    this.isOperators = isOperators;
  }
}

/** No token is to be had that the upstream takes. */
export class AuthorizationFailed extends UnauthorizedError {
  override readonly name = 'AuthorizationFailed';
}

/** What went wrong on the way to a token; undefined: something else did. */
export function authorizationFault(error: Error): string | undefined {
  if (error instanceof OAuthError) {
    // Its text is the whole answer then, whatever that is.
    if (error.code === OAuthErrorCode.ServerError) return 'the authorization server failed';
    return `the authorization server says ${error.code}: ${error.message}`;
  }
  return error instanceof OAuthClientFlowError ? error.message : undefined;
}

/** The sign-in that an error comes from. */
export function signInOf(error: unknown): SignInNeeded | undefined {
  if (!(error instanceof Error)) return undefined;
  return error instanceof SignInNeeded ? error : signInOf(error.cause);
}
