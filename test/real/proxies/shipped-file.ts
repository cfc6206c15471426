/** The files of docs/deploy/proxies as an operator gets them, and what a test must change in one to run it here. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../docs/deploy/proxies/', import.meta.url));

/** Of a text that must be there, so often as it is there, by another one. */
export interface Replacement {
  readonly from: string;
  readonly to: string;
}

export function readShipped(name: string): string {
  return readFileSync(FOLDER + name, 'utf8');
}

/** Throws where one of the texts is not there: what was meant to be replaced would silently be something else. */
export function replaceAll(text: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((replaced, { from, to }) => {
    if (!replaced.includes(from)) throw new Error(`nothing to replace: ${JSON.stringify(from)} is not in the file`);
    return replaced.replaceAll(from, to);
  }, text);
}

/** What the comment at the top says how the gateway beside the proxy is started: the arguments after `gateway`. */
export function gatewayArgsOf(text: string): string[] {
  const [, args] = /^#\s+npx mcp-drawbridge gateway (.+)$/m.exec(text) ?? [];
  if (args === undefined) throw new Error('no comment line begins with npx mcp-drawbridge gateway');
  return args.trim().split(/\s+/);
}

export interface Timeout {
  readonly name: string;
  readonly ms: number;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, '': 1000 };

/** What `pattern` finds: its group `name`, and its group `value`, a number with ms, s, m, h, or nothing for seconds. */
export function timeoutsOf(text: string, pattern: RegExp): Timeout[] {
  return [...text.matchAll(pattern)].map(({ groups }) => ({
    name: groups?.['name'] ?? '',
    ms: msOf(groups?.['value'] ?? ''),
  }));
}

/** The same text with each of them divided, in whole milliseconds, or in whole seconds where nothing else is read. */
export function divideTimeouts(text: string, pattern: RegExp, factor: number, unit: 'ms' | 's' = 'ms'): string {
  return text.replace(pattern, (found: string, ...rest: unknown[]) => {
    const { value = '' } = rest.at(-1) as { value?: string };
    const divided = msOf(value) / factor;
    return found.replace(value, unit === 'ms' ? `${Math.round(divided)}ms` : String(Math.round(divided / 1000)));
  });
}

function msOf(value: string): number {
  const [, number, unit = ''] = /^([\d.]+)(ms|s|m|h|)$/.exec(value) ?? [];
  if (number === undefined) throw new Error(`${JSON.stringify(value)} is no duration`);
  return Number(number) * UNITS[unit]!;
}
