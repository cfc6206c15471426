import type { Logger } from '../../log.ts';
import type { Family } from '../../upstream/dial/dial-route.ts';
import { fetchText } from './issuer-fetch.ts';
import { discoverJwksUrl } from './issuer-metadata.ts';

/** Metadata and keys together. A client waits this long for its answer at most. */
const FETCH_DEADLINE_MS = 4500;
/** Keys are fetched again when they are older, and used for this long where that fails. */
const FRESH_MS = 600_000;
const STALE_MS = 24 * 3_600_000;
/** After a fetch that failed: with keys to go on with, and without. */
const RETRY_STALE_MS = 30_000;
const RETRY_NONE_MS = 2000;
/** Tokens that name unknown keys cost the issuer one fetch in this time, however many there are. */
const UNKNOWN_KEY_MS = 30_000;

export interface IssuerKeysOptions<Keys> {
  readonly issuer: string;
  /** Default: what the issuer's metadata says. */
  readonly jwksUrl: URL | undefined;
  readonly family: Family;
  readonly logger: Logger;
  /** Makes of a key set's text what signatures are verified with; rejects for what is no key set. */
  readonly parse: (text: string) => Promise<Keys>;
  /** The keys are others than before. */
  readonly onChange: () => void;
  /** Milliseconds of a monotonic clock. Default performance.now. */
  readonly now?: () => number;
}

/**
 * The public keys of an issuer (RFC 7517 §5): fetched once for all who ask, kept for 10 minutes, and for 24 hours while
 * the issuer cannot be reached. Never rejects; what goes wrong is logged when it begins and when it ends.
 */
export class IssuerKeys<Keys> {
  readonly #options: IssuerKeysOptions<Keys>;
  readonly #now: () => number;
  readonly #closed = new AbortController();
  #found: { readonly text: string; readonly keys: Keys; readonly at: number } | undefined;
  #discovered: URL | undefined;
  #flight: Promise<void> | undefined;
  #failedAt: number | undefined;
  #unknownAt = Number.NEGATIVE_INFINITY;

  constructor(options: IssuerKeysOptions<Keys>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    void this.#fetch();
  }

  /** The keys there are, without waiting; where they are old, others are fetched behind it. */
  get current(): Keys | undefined {
    if (this.#found === undefined) return undefined;
    const age = this.#now() - this.#found.at;
    if (age >= FRESH_MS) void this.#refresh();
    return age < STALE_MS ? this.#found.keys : undefined;
  }

  /** The keys; undefined where there are none to be had, which is known within 4.5 s. */
  async get(): Promise<Keys | undefined> {
    const { current } = this;
    const isOld = this.#found === undefined || this.#now() - this.#found.at >= FRESH_MS;
    // While the issuer is known to be away, nobody waits for it who can be served without.
    if (isOld && (current === undefined || this.#failedAt === undefined)) await this.#refresh();
    return this.current;
  }

  /** For a token whose key is not among `known`: other keys, or undefined where none may be fetched or none are new. */
  async getOthers(known: Keys): Promise<Keys | undefined> {
    if (this.#flight === undefined && this.#found?.keys === known) {
      if (this.#now() - this.#unknownAt < UNKNOWN_KEY_MS) return undefined;
      this.#unknownAt = this.#now();
      void this.#fetch();
    }
    await this.#flight;
    return this.current === known ? undefined : this.current;
  }

  close(): void {
    this.#closed.abort(new Error('the gateway is being stopped'));
  }

  async #refresh(): Promise<void> {
    const pauseMs = this.#found === undefined ? RETRY_NONE_MS : RETRY_STALE_MS;
    const mayTry = this.#failedAt === undefined || this.#now() - this.#failedAt >= pauseMs;
    await (this.#flight ?? (mayTry ? this.#fetch() : undefined));
  }

  #fetch(): Promise<void> {
    this.#flight ??= this.#load().finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #load(): Promise<void> {
    const { issuer, jwksUrl, family, logger, parse, onChange } = this.#options;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Error('no answer in time')), FETCH_DEADLINE_MS).unref();
    const stop = (): void => deadline.abort(this.#closed.signal.reason);
    this.#closed.signal.addEventListener('abort', stop);
    try {
      const request = { family, signal: deadline.signal };
      const url = jwksUrl ?? this.#discovered ?? (await discoverJwksUrl(issuer, request));
      const text = await fetchText(url, request);
      const isSame = text === this.#found?.text;
      const keys = isSame && this.#found !== undefined ? this.#found.keys : await parse(text);
      this.#found = { text, keys, at: this.#now() };
      this.#discovered = url;
      if (this.#failedAt !== undefined) logger.info({ issuer }, 'the keys of the JWT issuer can be had again');
      this.#failedAt = undefined;
      if (!isSame) onChange();
    } catch (thrown) {
      if (this.#closed.signal.aborted) return;
      if (this.#failedAt === undefined)
        logger.warn({ issuer, why: (thrown as Error).message }, 'cannot get the keys of the JWT issuer');
      this.#failedAt = this.#now();
      // They may have moved.
      this.#discovered = undefined;
    } finally {
      clearTimeout(timer);
      this.#closed.signal.removeEventListener('abort', stop);
    }
  }
}
