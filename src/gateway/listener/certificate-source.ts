/** Where the listener's certificate comes from, and how it hears of a new one: files, or an ACME manager. */
export interface CertificateSource {
  /** The certificate with its chain and its private key, both PEM; undefined while there is none yet. */
  current(): CertificatePair | undefined;
  /** Calls back whenever `current` has become another. */
  onChange(changed: () => void): void;
  /** Gives back timers and watchers. Idempotent. */
  close(): void;
}

export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** A source that proves to its authority, over plain HTTP, that this host is ours (RFC 8555 section 8.3). */
export interface ChallengeSource extends CertificateSource {
  /** The text to answer at a path below `/.well-known/acme-challenge/`; undefined where nothing is known of it. */
  challengeAnswer(path: string): string | undefined;
}
