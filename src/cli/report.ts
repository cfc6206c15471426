import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { createLineLogger, type Logger, type LogLevel } from '../log.ts';

/** What happened, why, and what to try: three lines on stderr. Then the exit code of the error. */
export function reportAndExit(thrown: unknown): never {
  const error = toDrawbridgeError(thrown);
  process.stderr.write(formatError(error));
  if (error.code === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
  process.exit(error.exitCode);
}

export function formatError(error: DrawbridgeError): string {
  const lines = [`error  ${error.message}`];
  if (error.why !== undefined) lines.push(`why    ${error.why}`);
  lines.push(`try    ${error.hint}`);
  return `${lines.join('\n')}\n`;
}

/** Where an option is wrong only together with what else was given. */
export function usageError(message: string, hint?: string): DrawbridgeError {
  return new DrawbridgeError('usage', message, hint === undefined ? {} : { hint });
}

export function createStderrLogger(level: LogLevel, secrets: readonly string[]): Logger {
  // A log that nobody reads any more must not end what it tells of.
  process.stderr.on('error', () => {});
  return createLineLogger({ level, secrets, write: (line) => process.stderr.write(line) });
}

/** `Name: value` pairs as given with `--header`. Throws `usage` without quoting the value. */
export function parseHeaders(lines: readonly string[], option: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined || /[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
      const named = /^[\w-]+(?=:)/.exec(line)?.[0];
      throw usageError(
        `${option} ${named === undefined ? '' : `${named}: `}is not Name:value`,
        'Such as --header Authorization:Bearer…',
      );
    }
    headers[name] = value;
  }
  return headers;
}
