interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** In milliseconds of the wall clock; infinite for as long as the jar lasts. */
  readonly expiresAt: number;
}

const MAX_COOKIES = 50;
/** Name and value together. */
const MAX_COOKIE_BYTES = 4096;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What the head of a request cannot carry, or what would end the value there. */
const UNSENDABLE = /[\u0000-\u001f\u007f;]|[^\u0000-\u00ff]/;

/**
 * Cookies of one origin (RFC 6265), for load balancers that know a session by them. They live as long as the jar, which
 * may outlive connections, and never reach another origin, whatever Domain they have. At most 50 cookies of 4096 bytes.
 */
export class CookieJar {
  /** Scheme, host and port that the cookies belong to. */
  readonly origin: string;
  readonly #host: string;
  readonly #isSecure: boolean;
  /** By name and path, the oldest first. */
  readonly #cookies = new Map<string, Cookie>();

  constructor(url: URL) {
    this.origin = url.origin;
    this.#host = url.hostname;
    this.#isSecure = url.protocol === 'https:';
  }

  get isEmpty(): boolean {
    return this.#cookies.size === 0;
  }

  /** Takes the values of Set-Cookie headers, one a line, from the response to a request for this path and query. */
  store(setCookies: string, requestPath: string): void {
    for (const line of setCookies.split('\n')) this.#storeOne(line, requestPath);
  }

  /** The Cookie header line for a path and query, with its CRLF; empty where there is nothing to send. */
  lineFor(requestPath: string): string {
    if (this.#cookies.size === 0) return '';
    const path = withoutQuery(requestPath);
    const now = Date.now();
    const sent: Cookie[] = [];
    for (const [key, cookie] of this.#cookies) {
      if (cookie.expiresAt <= now) this.#cookies.delete(key);
      else if (isWithin(path, cookie.path)) sent.push(cookie);
    }
    if (sent.length === 0) return '';
    // Longer paths first; sorting keeps the order of those that are equal, which is that of their coming (§5.4).
    sent.sort((a, b) => b.path.length - a.path.length);
    return `Cookie: ${sent.map(({ name, value }) => `${name}=${value}`).join('; ')}\r\n`;
  }

  #storeOne(line: string, requestPath: string): void {
    const [pair = '', ...attributes] = line.split(';');
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals).trim();
    const value = pair.slice(equals + 1).trim();
    if (equals < 1 || !NAME.test(name) || UNSENDABLE.test(value)) return;
    if (name.length + value.length > MAX_COOKIE_BYTES) return;
    const given = readAttributes(attributes);
    if (!this.#isAllowed(name, given)) return;
    const path = given.get('path')?.startsWith('/') ? given.get('path')! : defaultPath(requestPath);
    const expiresAt = expiryOf(given);
    const key = `${name};${path}`;
    if (expiresAt <= Date.now()) {
      this.#cookies.delete(key);
      return;
    }
    this.#cookies.set(key, { name, value, path, expiresAt });
    if (this.#cookies.size > MAX_COOKIES) this.#dropOne();
  }

  /** Secure cookies are for https, cookies of a foreign Domain for nobody; prefixes promise more (RFC 6265bis §4.1.3). */
  #isAllowed(name: string, given: ReadonlyMap<string, string>): boolean {
    const isSecure = given.has('secure');
    if (isSecure && !this.#isSecure) return false;
    const domain = given.get('domain')?.toLowerCase().replace(/^\./, '') ?? '';
    if (domain !== '' && this.#host !== domain && !this.#host.endsWith(`.${domain}`)) return false;
    if (/^__secure-/i.test(name)) return isSecure;
    if (/^__host-/i.test(name)) return isSecure && domain === '' && given.get('path') === '/';
    return true;
  }

  /** One that has expired, else the oldest. */
  #dropOne(): void {
    const now = Date.now();
    let dropped: string | undefined;
    for (const [key, { expiresAt }] of this.#cookies) {
      dropped ??= key;
      if (expiresAt > now) continue;
      dropped = key;
      break;
    }
    if (dropped !== undefined) this.#cookies.delete(dropped);
  }
}

/** By lower-case name; of a repeated one the last counts. */
function readAttributes(attributes: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=');
    const name = equals === -1 ? attribute : attribute.slice(0, equals);
    given.set(name.trim().toLowerCase(), equals === -1 ? '' : attribute.slice(equals + 1).trim());
  }
  return given;
}

/** Max-Age comes before Expires; what cannot be read says nothing. */
function expiryOf(given: ReadonlyMap<string, string>): number {
  const maxAge = given.get('max-age') ?? '';
  if (/^-?\d{1,12}$/.test(maxAge)) return Number(maxAge) <= 0 ? 0 : Date.now() + Number(maxAge) * 1000;
  const expires = Date.parse(given.get('expires') ?? '');
  return Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires;
}

/** The folder of the request's path (§5.1.4). */
function defaultPath(requestPath: string): string {
  const path = withoutQuery(requestPath);
  const last = path.lastIndexOf('/');
  return last < 1 ? '/' : path.slice(0, last);
}

function isWithin(path: string, cookiePath: string): boolean {
  if (!path.startsWith(cookiePath)) return false;
  return path.length === cookiePath.length || cookiePath.endsWith('/') || path[cookiePath.length] === '/';
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}
