import { DrawbridgeError } from '../../errors.ts';

/** A text without what only its file has: a byte order mark, and how its lines end. */
export interface FileText {
  readonly text: string;
  readonly hasMark: boolean;
  readonly eol: '\n' | '\r\n';
}

const MARK = '\ufeff';

export function readText(raw: string): FileText {
  const hasMark = raw.startsWith(MARK);
  const text = hasMark ? raw.slice(1) : raw;
  return { text, hasMark, eol: /\r\n/.test(text) ? '\r\n' : '\n' };
}

/** The text as its file has it; lines that are new end as the others do. */
export function writeText(text: string, { hasMark }: FileText): string {
  return (hasMark ? MARK : '') + text;
}

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/** A file that cannot be read as what it should be, and so is not touched. */
export function unreadable(file: string, { line, column }: Position, why: string): DrawbridgeError {
  return new DrawbridgeError('config', `${file} cannot be read`, {
    why: `line ${line}, column ${column}: ${why}`,
    hint: 'Correct it there; nothing has been written.',
  });
}

/** Where something else stands than an entry needs. */
export function occupied(file: string, path: readonly string[], wanted: string): DrawbridgeError {
  return new DrawbridgeError('config', `${file} cannot take the entry`, {
    why: `${path.join('.') || 'the whole of it'} is not ${wanted} there`,
    hint: 'Correct it there, or add the entry by hand; nothing has been written.',
  });
}

/** Each line but the first begins with the indent. */
export function indentText(text: string, indent: string, eol: string): string {
  return text.split('\n').join(`${eol}${indent}`);
}
