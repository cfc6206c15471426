export function findPython(): Promise<{ command: string; version: string }>;
export function ensureVenv(
  name: string,
  installArgs: readonly string[],
  overrides?: readonly string[],
): Promise<string>;
