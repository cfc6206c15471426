/** The result that it prints, parsed. */
export function runInspector(args: readonly string[]): Promise<Record<string, unknown>>;
