import type {
  AnchorHeadRequest,
  Chain,
  OpenChainResponse,
  ShipEntriesRequest,
  ShipEntriesResponse,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';

/** How long a call of the registry may take, and what ends it early. */
export interface IntakeCall {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Where records go: a client of JournalService fits. */
export interface JournalIntake {
  openChain(
    request: { chain: Chain; previousGone: boolean },
    call: IntakeCall,
  ): Promise<OpenChainResponse>;
  anchorHead(request: AnchorHeadRequest, call: IntakeCall): Promise<unknown>;
  shipEntries(request: ShipEntriesRequest, call: IntakeCall): Promise<ShipEntriesResponse>;
}
