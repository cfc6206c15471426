import { writeSync } from 'node:fs';
import { DrawbridgeError, type DrawbridgeErrorDetails, toDrawbridgeError } from '../errors.ts';
import { cleanLine, createLineLogger, type Logger, type LogLevel } from '../log.ts';

/** What happened, why, and what to try: three lines on stderr. Then the exit code of the error. */
export function reportAndExit(thrown: unknown, secrets: readonly string[] = []): never {
  const error = toDrawbridgeError(thrown);
  writeStderr(formatError(error, secrets));
  if (error.code === 'internal' && error.cause instanceof Error) writeStderr(`${error.cause.stack}\n`);
  process.exit(error.exitCode);
}

/**
 * A command that tells its own failures: it is bundled with a DrawbridgeError class of its own, which the file that
 * loads it would not know.
 */
export function reporting(command: (args: readonly string[]) => Promise<void>): typeof command {
  return (args) => command(args).catch(reportAndExit);
}

/** Each part is one line, whatever a peer or an argument brought into it. */
function formatError(error: DrawbridgeError, secrets: readonly string[] = []): string {
  const lines = [`error  ${cleanLine(error.message, secrets)}`];
  if (error.why !== undefined) lines.push(`why    ${cleanLine(error.why, secrets)}`);
  lines.push(`try    ${cleanLine(error.hint, secrets)}`);
  return `${lines.join('\n')}\n`;
}

/** At once, since the process ends next; and without complaint where nobody reads it. */
function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // The exit code still says it.
  }
}

/** Where an option is wrong only together with what else was given. */
export function usageError(message: string, details: DrawbridgeErrorDetails = {}): DrawbridgeError {
  return new DrawbridgeError('usage', message, details);
}

export function createStderrLogger(
  level: LogLevel,
  secrets: readonly string[],
  format: 'text' | 'json' = 'text',
): Logger {
  // A log that nobody reads any more must not end what it tells of.
  process.stderr.on('error', () => {});
  return createLineLogger({ level, secrets, format, write: (line) => process.stderr.write(line) });
}
