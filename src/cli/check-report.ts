import { styleText } from 'node:util';
import type { Finding, Hop, Verdict } from '../check/finding.ts';
import { cleanLine } from '../log.ts';

export interface ReportOptions {
  /** As it may be shown; undefined where no URL was checked. */
  readonly target: string | undefined;
  readonly secrets: readonly string[];
  readonly hasColor: boolean;
}

/** What all findings come to. */
export interface CheckOutcome {
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly failsAt: Hop | undefined;
}

const VERDICT_CHARS = 6;
const HOP_CHARS = 11;
const INDENT = ' '.repeat(VERDICT_CHARS);
const COLORS = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'gray' } as const;

/** The findings of one check, as text for people or as one document for programs; secrets are masked in both. */
export class CheckReport {
  readonly #options: ReportOptions;
  readonly #findings: Finding[] = [];

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** Takes a finding, and gives the lines that tell it. */
  add(finding: Finding): string {
    const clean = (text: string): string => cleanLine(text, this.#options.secrets);
    const { hop, verdict, said, remedy, curl } = finding;
    const cleaned: Finding = {
      hop,
      verdict,
      said: clean(said),
      ...(remedy === undefined ? {} : { remedy: clean(remedy) }),
      ...(curl === undefined ? {} : { curl: clean(curl) }),
    };
    this.#findings.push(cleaned);
    const isWrong = verdict === 'warn' || verdict === 'fail';
    return [
      `${this.#colored(verdict, verdict.padEnd(VERDICT_CHARS))}${hop.padEnd(HOP_CHARS)}${cleaned.said}`,
      ...(isWrong && cleaned.remedy !== undefined ? [`${INDENT}try  ${cleaned.remedy}`] : []),
      ...(isWrong && cleaned.curl !== undefined ? [`${INDENT}see  ${cleaned.curl}`] : []),
      '',
    ].join('\n');
  }

  get outcome(): CheckOutcome {
    const failsAt = this.#findings.find(({ verdict }) => verdict === 'fail')?.hop;
    const hasWarning = this.#count('warn') > 0;
    return { verdict: failsAt !== undefined ? 'fail' : hasWarning ? 'warn' : 'ok', failsAt };
  }

  /** The line at the end. */
  summary(): string {
    const { verdict, failsAt } = this.outcome;
    const counts = [`${this.#count('ok')} ok`, ...this.#named('warn', 'warning'), ...this.#named('skip', 'skipped')];
    if (failsAt === undefined) {
      const text = verdict === 'ok' ? 'all is well' : 'nothing fails';
      return `\n${this.#colored(verdict, text)}: ${counts.join(', ')}\n`;
    }
    const { said } = this.#findings.find((finding) => finding.verdict === 'fail')!;
    return `\n${this.#colored('fail', `fails at: ${failsAt}`)}  ${said}\n`;
  }

  /** One JSON document, indented, with a newline. */
  json(): string {
    const { verdict, failsAt } = this.outcome;
    const target = this.#options.target ?? null;
    return `${JSON.stringify({ target, verdict, failsAt: failsAt ?? null, findings: this.#findings }, undefined, 2)}\n`;
  }

  #count(wanted: Verdict): number {
    return this.#findings.filter(({ verdict }) => verdict === wanted).length;
  }

  #named(verdict: Verdict, name: string): string[] {
    const count = this.#count(verdict);
    return count === 0 ? [] : [`${count} ${name}${name === 'warning' && count > 1 ? 's' : ''}`];
  }

  #colored(verdict: Verdict, text: string): string {
    return this.#options.hasColor ? styleText(COLORS[verdict], text, { validateStream: false }) : text;
  }
}
