import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';

/** Headers of one connection, which HTTP/2 does not have (RFC 9113 section 8.2.2). */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** A request over HTTP/2 as policies read one over HTTP/1.1: `:authority` is its Host, and pseudo headers are none. */
export class GatewayHttp2Request extends Http2ServerRequest {
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ConstructorParameters<typeof Http2ServerRequest>[2],
    rawHeaders: readonly string[],
  ) {
    super(stream, headersOf(headers), options, rawHeadersOf(headers[':authority'], rawHeaders));
  }
}

/** A response over HTTP/2 that takes what one over HTTP/1.1 does. */
export class GatewayHttp2Response<
  Request extends Http2ServerRequest = Http2ServerRequest,
> extends Http2ServerResponse<Request> {
  constructor(stream: ServerHttp2Stream) {
    super(stream);
    Object.defineProperty(this, 'destroyed', { get: () => stream.destroyed });
  }

  /** Takes names and values as a flat list too; `Connection: close` ends the stream, and no more of its body is read. */
  override writeHead(statusCode: number, ...rest: readonly unknown[]): this {
    const given = rest.at(-1);
    const list = Array.isArray(given) ? (given as string[]) : Object.entries(given ?? {}).flat();
    const headers: OutgoingHttpHeaders = {};
    for (let index = 0; index < list.length; index += 2) {
      const [name, value] = [String(list[index]).toLowerCase(), list[index + 1] as string];
      if (name === 'connection' && value === 'close') this.#endStreamAfterwards();
      if (CONNECTION_HEADERS.has(name)) continue;
      const earlier = headers[name];
      headers[name] = earlier === undefined ? value : [earlier, value].flat().map(String);
    }
    return super.writeHead(statusCode, headers);
  }

  #endStreamAfterwards(): void {
    this.on('finish', () => this.stream?.close(constants.NGHTTP2_NO_ERROR));
  }
}

/** Pseudo headers stay where Node looks for them, and are not among those that are listed. */
function headersOf(given: IncomingHttpHeaders): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  const authority = given[':authority'];
  if (authority !== undefined) headers.host = authority;
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith(':')) Object.defineProperty(headers, name, { value });
    else if (name !== 'host' || authority === undefined) headers[name] = value;
  }
  return headers;
}

function rawHeadersOf(authority: string | undefined, given: readonly string[]): string[] {
  const raw: string[] = authority === undefined ? [] : ['host', authority];
  for (let index = 0; index < given.length; index += 2) {
    const [name, value] = [given[index]!, given[index + 1]!];
    // A Host that says the same is no second one; another makes the request mean two things, and is refused as such.
    const isSame = name === 'host' && value === authority;
    if (!name.startsWith(':') && !isSame) raw.push(name, value);
  }
  return raw;
}
