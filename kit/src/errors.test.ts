import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason, ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, it } from 'vitest';
import { codeOf, reasonName, reasonOf, refuse, toConnectError } from './errors.ts';

describe('codes', () => {
  it('gives every reason of the contract a code of its own choice', () => {
    expect(Object.values(Reason)).toHaveLength(ReasonSchema.values.length);
    const unknown = Object.values(Reason).filter((reason) => codeOf(reason) === Code.Unknown);
    expect(unknown).toEqual([Reason.UNSPECIFIED, Reason.PROVIDER_FAILED]);
  });

  it('takes a reason that is newer than itself for an unknown error', () => {
    expect(codeOf(12_345 as Reason)).toBe(Code.Unknown);
    expect(reasonName(12_345 as Reason)).toBe('REASON_UNSPECIFIED');
  });
});

describe('toConnectError', () => {
  it('carries reason, retry delay and violations as details', () => {
    const violations = [{ field: 'refs[0].key', description: 'is empty' }];
    const error = toConnectError(
      refuse(Reason.OVERLOADED, 'too much', {
        retryDelayMs: 1500,
        violations,
        metadata: { limit: '5' },
      }),
      'r-1',
    );
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toBe('too much');
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: 'REASON_OVERLOADED', domain: 'weir', metadata: { limit: '5', request_id: 'r-1' } },
    ]);
    expect(error.findDetails(RetryInfoSchema)).toMatchObject([
      { retryDelay: { seconds: 1n, nanos: 500_000_000 } },
    ]);
    expect(error.findDetails(BadRequestSchema)).toMatchObject([{ fieldViolations: violations }]);
    expect(reasonOf(error)).toBe(Reason.OVERLOADED);
  });

  it('keeps a bounded number of violations, since they travel in headers', () => {
    const violations = Array.from({ length: 500 }, (_, index) => ({
      field: `f${index}`,
      description: 'x',
    }));
    const error = toConnectError(refuse(Reason.INVALID_MANIFEST, 'bad', { violations }), 'r');
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toHaveLength(32);
  });

  it('cuts texts to what headers can hold', () => {
    const long = 'x'.repeat(100_000);
    const violations = Array.from({ length: 32 }, () => ({ field: long, description: long }));
    const error = toConnectError(refuse(Reason.INVALID_MANIFEST, long, { violations }), 'r');
    expect(error.rawMessage).toMatch(/^x{2047}…$/);
    const kept = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
    expect(kept).toHaveLength(2);
    expect(kept[0]?.field).toMatch(/^x{1023}…$/);
  });

  it('tells nothing of an error that nobody foresaw, and keeps it as the cause', () => {
    const fault = new TypeError('password is hunter2');
    const error = toConnectError(fault, 'r-2');
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe('internal error, request r-2');
    expect(error.cause).toBe(fault);
    expect(reasonOf(error)).toBe(Reason.INTERNAL);
  });

  it('passes errors of the protocol', () => {
    const error = new ConnectError('no', Code.NotFound);
    expect(toConnectError(error, 'r')).toBe(error);
    expect(reasonOf(error)).toBeUndefined();
  });

  it.each(['1.1', '2'] as const)(
    'hides the address that HTTP/%s could not reach',
    async (version) => {
      const closed = createServer();
      await once(closed.listen(0, '127.0.0.1'), 'listening');
      const { port } = closed.address() as AddressInfo;
      await once(closed.close(), 'close');
      const baseUrl = `http://127.0.0.1:${port}`;
      const transport = createConnectTransport({ baseUrl, httpVersion: version });
      const call = createClient(RouterService, transport).fetchContext({});
      const fault = await call.then(undefined, (error: unknown) => error);
      expect(String(fault)).toContain(String(port));
      const error = toConnectError(fault, 'r-3');
      expect(error.code).toBe(Code.Unavailable);
      expect(error.rawMessage).toBe('an upstream cannot be reached, request r-3');
    },
  );

  it('sends nothing that would command a terminal', () => {
    const hostile = 'a\x1b[2J\x7f\u0085\u202eb\ud800\nnext';
    const violations = [{ field: hostile, description: hostile }];
    const refusal = refuse(Reason.INVALID_NAME, hostile, { violations });
    const error = toConnectError(refusal, 'r');
    const told = 'a\\u001b[2J\\u007f\\u0085\\u202eb\\ud800\nnext';
    expect(error.rawMessage).toBe(told);
    const [fault] = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
    expect([fault?.field, fault?.description]).toEqual([told, told]);
  });

  it('knows an abort and a timeout for what they are', () => {
    expect(toConnectError(new DOMException('x', 'AbortError'), 'r').code).toBe(Code.Canceled);
    expect(toConnectError(new DOMException('x', 'TimeoutError'), 'r').code).toBe(
      Code.DeadlineExceeded,
    );
  });
});
