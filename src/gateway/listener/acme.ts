import { type DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { silentLogger } from '../../log.ts';
import { Backoff } from '../../relay/backoff.ts';
import { type Clock, isRenewalDue, nextCheckMs, systemClock } from './acme-clock.ts';
import { type AcmeOptions, type AcmeSettings, resolveAcmeOptions } from './acme-options.ts';
import { orderCertificate } from './acme-order.ts';
import { AcmeStore, type StoredCertificate } from './acme-store.ts';
import type { CertificatePair, ChallengeSource } from './certificate-source.ts';

const CHALLENGE = '/.well-known/acme-challenge/';
const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 12 * 3_600_000;

/**
 * A certificate from an ACME authority (RFC 8555), renewed when less than a third of its life is left. `current()` is
 * the stored certificate from the beginning, and undefined until the first has been issued: a listener lets handshakes
 * fail until then, since no client should learn to accept a placeholder. It goes on giving the old one while a renewal
 * fails.
 */
export class AcmeCertificates implements ChallengeSource {
  readonly #options: AcmeOptions;
  readonly #store: AcmeStore;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #retries: Backoff;
  readonly #answers = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  readonly #closed = new AbortController();
  #certificate: StoredCertificate | undefined;
  /** Issued, and not yet in its file. */
  #unsaved: StoredCertificate | undefined;
  #cancelTimer = (): void => {};
  #isStarted = false;

  private constructor(options: AcmeOptions, store: AcmeStore) {
    this.#options = options;
    this.#store = store;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#retries = new Backoff({ firstMs: FIRST_RETRY_MS, capMs: MAX_RETRY_MS, random: this.#random });
  }

  /** Reads what is stored; rejects with `config` for settings or a folder that cannot work. Nothing is asked of anybody. */
  static async open(settings: AcmeSettings): Promise<AcmeCertificates> {
    const options = resolveAcmeOptions(settings);
    const store = await AcmeStore.open(options.folder, options.directory, options.logger);
    const source = new AcmeCertificates(options, store);
    source.#certificate = await store.readCertificate(options.domains);
    return source;
  }

  /** Orders a certificate where one is due, now and from now on; call it once the challenge port is listened on. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#check();
  }

  current(): CertificatePair | undefined {
    return this.#certificate && { cert: this.#certificate.cert, key: this.#certificate.key };
  }

  onChange(changed: () => void): void {
    this.#listeners.add(changed);
  }

  /** The body that answers a GET of this path on the plain-HTTP port (RFC 8555 §8.3); undefined where it is not ours. */
  challengeAnswer(path: string): string | undefined {
    return path.startsWith(CHALLENGE) ? this.#answers.get(path.slice(CHALLENGE.length)) : undefined;
  }

  close(): void {
    this.#closed.abort();
    this.#cancelTimer();
    this.#answers.clear();
    this.#listeners.clear();
  }

  /** One attempt at a time: the next is planned when this one has ended. */
  async #check(): Promise<void> {
    let nextMs: number;
    try {
      await this.#renewIfDue();
      this.#retries.reset();
      nextMs = nextCheckMs(this.#random);
    } catch (thrown) {
      if (this.#closed.signal.aborted) return;
      nextMs = this.#tellFailure(toDrawbridgeError(thrown, 'certificate_failed'));
    }
    if (this.#closed.signal.aborted) return;
    this.#cancelTimer = this.#clock.after(nextMs, () => void this.#check());
  }

  async #renewIfDue(): Promise<void> {
    if (this.#isDue(this.#certificate)) {
      // Another process that shares the folder may have renewed it. What is wrong with the file was told at the start.
      const stored = await this.#store.readCertificate(this.#options.domains, silentLogger);
      if (stored !== undefined && !this.#isDue(stored)) return this.#replace(stored);
      const issued = await orderCertificate(this.#options, this.#store, this.#answers, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      this.#replace(issued);
      this.#unsaved = issued;
    }
    if (this.#unsaved === undefined) return;
    // On a full disk it is tried again with the next check, and nothing is ordered for that.
    await this.#store.writeCertificate(this.#unsaved);
    this.#unsaved = undefined;
  }

  #isDue(certificate: StoredCertificate | undefined): boolean {
    return certificate === undefined || isRenewalDue(certificate, this.#clock.now());
  }

  #replace(certificate: StoredCertificate): void {
    this.#certificate = certificate;
    const until = new Date(certificate.notAfter).toISOString();
    this.#options.logger.info(`the certificate for ${this.#options.domains.join(', ')} is valid until ${until}`);
    for (const tell of this.#listeners) tell();
  }

  /** Logs it, and gives the time until the next try. */
  #tellFailure(error: DrawbridgeError): number {
    // The first delay of a Backoff is none.
    const nextMs = Math.max(this.#retries.next() || this.#retries.next(), error.retryAfterMs ?? 0);
    const old = this.#certificate;
    const meanwhile =
      old === undefined
        ? 'no certificate can be served until then'
        : `the one that is valid until ${new Date(old.notAfter).toISOString()} is served meanwhile`;
    const level = old === undefined || old.notAfter < this.#clock.now() ? 'error' : 'warn';
    this.#options.logger[level](
      { hint: error.hint },
      `${error.sentence}; next try in ${Math.ceil(nextMs / 60_000)} min, ${meanwhile}`,
    );
    return nextMs;
  }
}
