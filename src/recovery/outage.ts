import { DrawbridgeError } from '../errors.ts';

/** How long a server that answers, but not as an MCP server, is given at the start: it may stand behind a proxy. */
const DOUBT_MS = 5000;
/** HTTP statuses by which a server, or a proxy before it, says that it will do better later. */
const PASSING_STATUS = new Set([408, 409, 425, 429]);

type Outlook = 'passing' | 'doubtful' | 'permanent';

/** What is known of one time without a server: since when, how many tries, and what the last one met. */
export class Outage {
  readonly #startedAt = performance.now();
  #doubtfulSince: number | undefined;
  #tries = 0;
  #last: DrawbridgeError;

  constructor(first: DrawbridgeError) {
    this.#last = first;
  }

  /** A try has failed. */
  add(error: DrawbridgeError): void {
    this.#tries++;
    this.#last = error;
    if (outlookOf(error) === 'doubtful') this.#doubtfulSince ??= performance.now();
    else this.#doubtfulSince = undefined;
  }

  /**
   * Whether waiting will not help: the server has refused us, or, where none was there before, what answers is none. One
   * that was there may stand behind a proxy that says anything while it is away.
   */
  isPermanent(wasThere: boolean): boolean {
    const outlook = outlookOf(this.#last);
    if (outlook !== 'doubtful') return outlook === 'permanent';
    return !wasThere && performance.now() - (this.#doubtfulSince ?? performance.now()) >= DOUBT_MS;
  }

  /** Whether the last try got no further than the network. */
  get isUnreachable(): boolean {
    return this.#last.upstreamStatus === undefined;
  }

  get lastedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get last(): DrawbridgeError {
    return this.#last;
  }

  /** What a request is told that has waited in vain. Nothing of it was sent. */
  get error(): DrawbridgeError {
    const { code, message, why, hint, upstreamStatus } = this.#last;
    const seconds = Math.round(this.lastedMs / 1000);
    const tried = this.#tries === 0 ? '' : `tried ${this.#tries} times in ${seconds} s, `;
    return new DrawbridgeError(code, message, {
      why: `${why === undefined ? '' : `${why}; `}${tried}still trying`,
      hint,
      ...(upstreamStatus === undefined ? {} : { upstreamStatus }),
      cause: this.#last,
    });
  }
}

function outlookOf({ code, upstreamStatus: status }: DrawbridgeError): Outlook {
  if (code === 'upstream_refused' || code === 'upstream_redirect' || code === 'upstream_untrusted') return 'permanent';
  if (code === 'config' || code === 'usage') return 'permanent';
  if (status === undefined) return code === 'upstream_invalid' ? 'doubtful' : 'passing';
  return status >= 500 || PASSING_STATUS.has(status) ? 'passing' : 'doubtful';
}
