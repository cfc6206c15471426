/** `fetch` for the SDK's clients over connections made as told: an authority of the test's own, a name that leads to here. */
import { Readable } from 'node:stream';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type Connecting, placeOf, requestOf } from './raw-http.ts';

/** Status codes whose responses have no body; `Response` takes none with them. */
const EMPTY = [204, 304];

/** Follows no redirect; takes bodies that are text. */
export function fetchOver(connecting: Connecting): FetchLike {
  return (target, init = {}) => {
    const { origin, pathname, search } = new URL(target);
    const { method = 'GET', body, signal } = init;
    const options = {
      ...placeOf(origin, connecting),
      method,
      path: pathname + search,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(signal == null ? {} : { signal }),
    };
    return new Promise((fulfil, reject) => {
      const req = requestOf(origin)(options, (res) => {
        const { statusCode: status = 0, headers } = res;
        const isEmpty = EMPTY.includes(status);
        if (isEmpty) res.resume();
        const content = isEmpty ? null : (Readable.toWeb(res) as unknown as ReadableStream<Uint8Array>);
        fulfil(new Response(content, { status, headers: headers as Record<string, string> }));
      });
      req.on('error', reject).end(body as string | undefined);
    });
  };
}
