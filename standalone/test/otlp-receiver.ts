import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came over the wire. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
}

/** A collector of traces. */
export interface OtlpReceiver extends AsyncDisposable {
  /** Where spans are sent to. */
  readonly url: string;
  /** What has come, in its order. */
  readonly spans: readonly ReceivedSpan[];
  /** Every byte that has come, as text. */
  readonly raw: string;
}

/** Opens a collector that takes OTLP over HTTP as JSON, and nothing else. */
export async function openOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  let raw = '';
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isOtlp = request.url === '/v1/traces' && request.method === 'POST';
      const isJson = request.headers['content-type'] === 'application/json';
      if (!isOtlp || !isJson) return void response.writeHead(415).end();
      const text = Buffer.concat(chunks).toString();
      raw += `${JSON.stringify(request.headers)}${text}`;
      spans.push(...readSpans(JSON.parse(text)));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    get raw() {
      return raw;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<ReceivedSpan, 'attributes' | 'events'> & {
        readonly attributes: readonly Attribute[];
        readonly events: readonly { readonly name: string }[];
      })[];
    }[];
  }[];
}

function readSpans({ resourceSpans }: ExportRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ name, traceId, spanId, parentSpanId = '', kind, attributes, events }) => ({
        ...{ service, name, traceId, spanId, parentSpanId, kind },
        attributes: valuesOf(attributes),
        events: events.map((event) => event.name),
      })),
    );
  });
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
