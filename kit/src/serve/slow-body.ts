import type { DescService } from '@bufbuild/protobuf';
import type { HttpRequest, HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';

/**
 * Creates a function that cuts requests whose message has not come in time: deadlines begin to
 * be watched only once it is there. Methods to which clients stream are left alone.
 */
export function createBodyLimit(
  services: readonly DescService[],
  { defaultTimeoutMs }: Pick<ServeLimits, 'defaultTimeoutMs'>,
): (request: HttpRequest, response: HttpResponse) => void {
  const paths = new Set(services.flatMap(pathsWithOneMessage));
  return (request, response) => {
    if (!paths.has(request.url?.split('?', 1)[0] ?? '')) return;
    const late = setTimeout(() => {
      if (!request.complete) request.destroy();
    }, defaultTimeoutMs);
    request.once('end', () => clearTimeout(late));
    response.once('close', () => clearTimeout(late));
  };
}

function pathsWithOneMessage(service: DescService): string[] {
  return service.methods
    .filter(({ methodKind }) => methodKind === 'unary' || methodKind === 'server_streaming')
    .map((method) => `/${service.typeName}/${method.name}`);
}
