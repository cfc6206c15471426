/** What the command line says of invocations that cannot be meant: its exit code and three lines, and never a secret. */
import { expect } from 'vitest';
import { type CliResult, runCli } from './run-cli.ts';

/** Stands in the cases for what must not be shown. */
export const SECRET = 'hunter2-hunter2';

export interface BadInput {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly error: string | RegExp;
  /** Missing where the error itself says all that is known. */
  readonly why?: string | RegExp;
  readonly tryThis: string | RegExp;
  readonly through?: readonly string[];
}

/** Runs it in the folder, and throws unless it ends with 2 and the three lines. */
export async function expectRefusal(bad: BadInput, folder: string): Promise<void> {
  const { args, env, error, why, tryThis, through = [] } = bad;
  const result = await runCli(args, { cwd: folder, through, ...(env === undefined ? {} : { env }) });
  expectThreeLines(result, 2, { error, why, tryThis });
}

/** Throws unless stderr has these lines and no other, and stdout is empty. */
export function expectThreeLines(
  result: CliResult,
  code: number,
  { error, why, tryThis }: { error: string | RegExp; why: string | RegExp | undefined; tryThis: string | RegExp },
): void {
  const lines = result.stderr.split('\n');
  expect(lines.pop(), 'stderr ends with a line').toBe('');
  const expected = [
    { label: 'error  ', text: error },
    ...(why === undefined ? [] : [{ label: 'why    ', text: why }]),
    { label: 'try    ', text: tryThis },
  ];
  expect(lines.map((line) => line.slice(0, 7))).toEqual(expected.map(({ label }) => label));
  for (const [index, { label, text }] of expected.entries()) {
    const said = lines[index]!.slice(label.length);
    if (typeof text === 'string') expect(said).toBe(text);
    else expect(said).toMatch(text);
  }
  expect(result.stderr).not.toContain(SECRET);
  expect(result.stdout).toBe('');
  expect(result).toMatchObject({ code, signal: null });
}
