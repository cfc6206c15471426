import { IncomingMessage, type OutgoingHttpHeader, ServerResponse } from 'node:http';

/**
 * A request and response over HTTP/2 as Express can serve them: it gives both the prototypes of HTTP/1.1, which must
 * then be what they are. For short answers that are written at once; those over HTTP/1.1 are given back as they are.
 */
export function asHttp1(
  req: IncomingMessage,
  res: ServerResponse,
): { readonly req: IncomingMessage; readonly res: ServerResponse } {
  if (!('stream' in req)) return { req, res };
  const request = new IncomingMessage(req.socket);
  const { method, url, headers, rawHeaders } = req;
  Object.assign(request, { method, url, rawHeaders, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 });
  Object.defineProperty(request, 'headers', { value: headers });
  const response = new ServerResponse(request);
  const writeHead = (status: number, headersOrText?: unknown): ServerResponse => {
    const list = Array.isArray(headersOrText) ? (headersOrText as string[]) : [];
    // As over HTTP/1.1, what is given here comes in place of what was set before.
    const given = new Set(list.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
    const earlier = Object.entries(response.getHeaders()).filter(([name]) => !given.has(name));
    res.writeHead(status, [...flatten(earlier), ...list]);
    return response;
  };
  // Own properties, which Express leaves in place.
  return {
    req: request,
    res: Object.defineProperties(response, {
      writeHead: { value: writeHead },
      headersSent: { get: () => res.headersSent },
      end: {
        value: (body?: string | Buffer) => {
          if (!res.headersSent) writeHead(response.statusCode);
          if (body === undefined || method === 'HEAD') res.end();
          else res.end(body);
          return response;
        },
      },
    }),
  };
}

function flatten(headers: [string, OutgoingHttpHeader | undefined][]): string[] {
  return headers.flatMap(([name, value]) => [value ?? []].flat().flatMap((one) => [name, String(one)]));
}
