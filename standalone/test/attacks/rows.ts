/** An attack that must fail. */
export interface Row {
  /** What is tried. */
  readonly says: string;
  /** Why nobody can try it yet. */
  readonly absent?: string;
}

/** Every attack that must fail. The tests of a row begin with its name; see attack.ts. */
export const rows = {
  'host-rebinding': {
    says: 'a page of a foreign Host or Origin calls over a WebSocket',
  },
  'host-rebinding-mcp': {
    says: 'a page of a foreign Host or Origin calls over MCP',
  },
  'token-audience': { says: 'a token that was made for somebody else' },
  'token-passing': { says: "a caller's credentials, passed on to a provider" },
  'token-confusion': {
    says: 'a token without signature, signed by another kind of key, or with keys of its own',
  },
  'unknown-kids': { says: 'tokens of a thousand keys that the issuer does not have' },
  'fail-closed': { says: 'an error while a caller is being authenticated, on any path' },
  'key-lookup': { says: 'keys that are guessed, altered, or look like another' },
  'canary-secret': {
    says: 'a secret, looked for in logs, traces, records, metrics, errors and files',
  },
  'cross-tenant-cache': { says: 'the value of another tenant, by colliding names and keys' },
  'stolen-cursor': { says: 'a page token that is altered, or was given to somebody else' },
  'policy-escape': { says: 'the text of a policy that tries to be more than its rule' },
  'policy-input': { says: 'a policy that is malformed, unknown in its words, or huge' },
  'credential-input': {
    says: 'no credential, one without the scope, one past its time or its limits',
  },
  'method-spelling': { says: 'a method spelled differently' },
  'outside-headers': { says: 'a tenant, principal or forwarded address, given in a header' },
  ssrf: { says: 'an address of the inside, wherever a user can set one' },
  'remote-reference': { says: 'a schema that refers to another place' },
  'shadowed-name': { says: 'a type that takes the name of a built-in one, or looks like another' },
  'changed-tool': { says: 'a tool whose definition changes after it was approved' },
  'command-by-api': { says: 'a command to run, given by a call' },
  'http2-flood': { says: 'resets, pings, settings, continuations and windows without end' },
  'slow-peer': { says: 'a peer that says next to nothing, or reads next to nothing' },
  'decompression-bomb': { says: 'a small message that unpacks to a large one' },
  'exploding-pattern': {
    says: 'a regular expression that takes for ever, in a schema, policy or pattern',
  },
  'forbidden-or-missing': { says: 'telling what is forbidden from what is missing' },
  'edited-audit': { says: 'a journal edited by somebody who may write its files' },
  'weak-tls': { says: 'TLS 1.2, and certificates that are expired, foreign or for something else' },
  'default-secret': { says: 'a start with an empty, short, well-known or readable secret' },
  'lying-provider': { says: 'a provider that answers with what breaks others' },
} as const satisfies Record<string, Row>;

/** The name of a row. */
export type RowName = keyof typeof rows;

/** The rows that can be tried. */
export const triedRows: readonly RowName[] = (Object.keys(rows) as RowName[]).filter(
  (name) => !('absent' in rows[name]),
);
