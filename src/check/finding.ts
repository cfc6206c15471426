/** What a walk looks at, in the order in which it does; a finding names one of them. */
export const HOPS = [
  'machine',
  'dns',
  'ssh',
  'proxy',
  'tcp',
  'tls',
  'clock',
  'http',
  'challenge',
  'metadata',
  'stream',
  'endpoint',
  'post',
  'initialize',
  'tools',
  'ping',
  'heartbeat',
  'cors',
  'host',
  'postgres',
  'clients',
] as const;

export type Hop = (typeof HOPS)[number];

/** `fail` stops what needs this hop; `warn` is what will bite some client or later; `skip` was not looked at, and why. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skip';

/** One line of a check: what was looked at, and what was found. */
export interface Finding {
  readonly hop: Hop;
  readonly verdict: Verdict;
  /** One line: what was seen, with address, family, status, milliseconds. No secrets. */
  readonly said: string;
  /** What to do about it; always there for `fail` and `warn`. */
  readonly remedy?: string;
  /** A command that shows the same without this package; secrets are names of variables in it. */
  readonly curl?: string;
}
