import { refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** A name that was not parsed may have any length. */
const NAME_SHOWN_CHARS = 128;

/** There is no such thing in the caller's tenant. */
export function notFound(what: string, name: string): WeirError {
  const shown = name.length > NAME_SHOWN_CHARS ? `${name.slice(0, NAME_SHOWN_CHARS)}…` : name;
  return refuse(Reason.NOT_FOUND, `there is no ${what} ${JSON.stringify(shown)}`);
}

/** Somebody else changed it first. */
export function etagStale(what: string): WeirError {
  return refuse(
    Reason.ETAG_STALE,
    `the ${what} has changed since the etag was given; get it again and repeat the change`,
  );
}

/** A field of a request has the wrong form. */
export function malformed(field: string, description: string): WeirError {
  return refuse(Reason.MALFORMED_REQUEST, `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
