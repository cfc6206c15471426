/** The path of its program. */
export function ensureClaudeCode(): Promise<string>;
