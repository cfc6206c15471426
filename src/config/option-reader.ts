import { DrawbridgeError } from '../errors.ts';
import type { Option } from './option.ts';

/** What a timer of JavaScript can count: 2^31 - 1 milliseconds. */
const MAX_SECONDS = 2_147_483;

/**
 * Values of options as they are found, each checked as its kind wants it. Sources are read from the most important one
 * to the least; what one of them has given, a later one does not change.
 */
export class OptionReader {
  readonly values = new Map<string, unknown>();
  /** Where each value was given, as its user would name the place. */
  readonly origins = new Map<string, string>();
  readonly #table: readonly Option[];

  constructor(table: readonly Option[]) {
    this.#table = table;
  }

  /** Whether a source has decided it: this option, or the one that it is another way to write. */
  has(option: Option): boolean {
    return this.values.has(option.name) || (option.means !== undefined && this.values.has(option.means.name));
  }

  /**
   * Takes the text of a value given at `where`, which a value that is wrong is blamed on; it is quoted only where it
   * cannot be a secret. A list grows; of anything else, what was given first stays.
   */
  put(option: Option, text: string, where: string): void {
    if (option.kind === 'list') {
      const list = (this.values.get(option.name) as string[] | undefined) ?? [];
      this.#set(option.name, [...list, option.mayBeOne ? readText(option, text, where) : text], where);
    } else this.putValue(option, () => readText(option, text, where), where);
  }

  /** Takes what `read` gives, unless a value was given already. */
  putValue(option: Option, read: () => unknown, where: string): void {
    if (!this.values.has(option.name)) this.#set(option.name, read(), where);
  }

  putFlag(option: Option, isOn: boolean, where: string): void {
    if (this.has(option)) return;
    const { means } = option;
    if (means === undefined || !isOn) this.#set(option.name, isOn, where);
    else this.#set(means.name, readText(this.#find(means.name), means.value, where), where);
  }

  addDefaults(): void {
    for (const option of this.#table) {
      if (option.default !== undefined && !this.values.has(option.name)) this.values.set(option.name, option.default);
    }
  }

  #set(name: string, value: unknown, where: string): void {
    this.values.set(name, value);
    this.origins.set(name, where);
  }

  #find(name: string): Option {
    return this.#table.find((option) => option.name === name)!;
  }
}

function readText(option: Option, text: string, where: string): string | number {
  switch (option.kind) {
    case 'integer': {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
      const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (number >= min && number <= max) return number;
      throw wrong(option, text, `${where} must be a whole number from ${min} to ${max}`);
    }
    case 'seconds': {
      const { min = 0, max = MAX_SECONDS } = option;
      const number = /^\d{1,10}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
      if (number >= min && number <= max) return number;
      throw wrong(option, text, `${where} must be a number of seconds from ${min} to ${max}`);
    }
    case 'choice':
      if (option.choices?.includes(text)) return text;
      throw wrong(option, text, `${where} must be one of ${option.choices?.join(', ')}`);
    default:
      if (text !== '' || option.mayBeEmpty === true) return text;
      throw new DrawbridgeError('usage', `${where} must not be empty`, { hint: `Such as ${where} <${option.value}>` });
  }
}

function wrong(option: Option, text: string, message: string): DrawbridgeError {
  return new DrawbridgeError('usage', message, {
    why: `${option.isSecret ? 'it' : JSON.stringify(clip(text))} is not`,
  });
}

/** As much of what somebody wrote as a message quotes. */
export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
