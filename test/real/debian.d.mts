export function ensureInstalled<T>(options: {
  readonly find: () => Promise<T | undefined>;
  readonly missing: string;
  readonly packages: readonly string[];
  readonly log?: (text: string) => void;
}): Promise<T>;
