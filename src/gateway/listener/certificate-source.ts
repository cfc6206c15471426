/** Where a listener has its certificate from: files, or an authority. */
export interface CertificateSource {
  /** PEM texts, the certificate with its chain; undefined while there is none yet. */
  current(): { cert: string; key: string } | undefined;
  /** Calls `fn` whenever `current()` has become another one. */
  onChange(fn: () => void): void;
  /** Ends all that watches or renews. May be called again. */
  close(): void;
}
