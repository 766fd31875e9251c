/** All that a report says in a language. `{…}` stand for values. */
export interface ReportWords {
  readonly lang: string;
  readonly access: {
    readonly title: string;
    readonly law: string;
    readonly aboutPrincipal: string;
    readonly aboutKey: string;
    readonly who: string;
    readonly whoText: string;
    readonly every: string;
    readonly everyText: string;
  };
  readonly iso: { readonly title: string; readonly law: string } & Record<IsoClause, Clause>;
  readonly mlps: { readonly title: string; readonly law: string } & Record<MlpsClause, Clause>;
  readonly facts: Record<FactName, string>;
  readonly columns: Record<ColumnName, string>;
  readonly words: Record<WordName, string>;
  readonly proof: {
    readonly title: string;
    readonly text: string;
    readonly limits: string;
    readonly whole: string;
  };
  readonly notes: {
    readonly title: string;
    readonly noValues: string;
    readonly times: string;
    readonly cut: string;
    readonly nothing: string;
    readonly more: string;
  };
}

/** What a clause of a standard is called, and what is shown for it. */
export interface Clause {
  readonly title: string;
  readonly text: string;
}

export type IsoClause = 'a515' | 'a518' | 'a82' | 'a83' | 'a815';

export type MlpsClause =
  | 'accounts'
  | 'defaults'
  | 'stale'
  | 'least'
  | 'authorised'
  | 'grain'
  | 'labels'
  | 'audit'
  | 'content'
  | 'protection'
  | 'process';

export type FactName =
  | 'tenant'
  | 'about'
  | 'from'
  | 'to'
  | 'made'
  | 'madeBy'
  | 'calls'
  | 'refusedCalls'
  | 'items'
  | 'allowed'
  | 'denied'
  | 'redacted'
  | 'principals'
  | 'first'
  | 'last'
  | 'retention'
  | 'minRetention'
  | 'administration'
  | 'keys'
  | 'privilegedKeys'
  | 'revokedKeys'
  | 'disabledPrincipals'
  | 'policies'
  | 'rules'
  | 'authentication'
  | 'records';

export type ColumnName =
  | 'time'
  | 'who'
  | 'with'
  | 'what'
  | 'decision'
  | 'rules'
  | 'redactions'
  | 'purpose'
  | 'entry'
  | 'calls'
  | 'items'
  | 'allowed'
  | 'denied'
  | 'redacted'
  | 'rule'
  | 'type'
  | 'sensitivity'
  | 'reason'
  | 'chain'
  | 'writer'
  | 'records'
  | 'anchors'
  | 'state'
  | 'name'
  | 'title'
  | 'version'
  | 'author'
  | 'since'
  | 'comment'
  | 'key'
  | 'principal'
  | 'kind'
  | 'scopes'
  | 'created'
  | 'expires'
  | 'revoked';

export type WordName =
  | 'given'
  | 'refused'
  | 'done'
  | 'failed'
  | 'none'
  | 'never'
  | 'disabled'
  | 'enabled'
  | 'days'
  | 'key'
  | 'token'
  | 'certificate'
  | 'nobody';
