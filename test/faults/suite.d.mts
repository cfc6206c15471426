export interface Scenario {
  readonly name: string;
  readonly transports: readonly ('sse' | 'http')[];
}

export interface PlayOptions {
  /** The bridge's, with `{url}` where the server's URL belongs. */
  readonly command: readonly string[];
  readonly kind: 'sse' | 'http';
  /** With outages as long as the contract names them, not shortened. */
  readonly isFull?: boolean;
}

export const FAMILIES: Readonly<
  Record<
    'loss' | 'reconnect' | 'session' | 'silence' | 'start' | 'order' | 'life' | 'fidelity' | 'size',
    readonly Scenario[]
  >
>;
/** Throws what was seen where the bridge does not do what it must. */
export function play(scenario: Scenario, options: PlayOptions): Promise<void>;
