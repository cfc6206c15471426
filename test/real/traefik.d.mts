/** The path of Traefik's program. */
export function ensureTraefik(): Promise<string>;
