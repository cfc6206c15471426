import type { McpClient } from '../clients/client.ts';
import { diffTexts, maskLine } from '../clients/files/diff.ts';
import { addEntry, removeEntry } from '../clients/files/edit.ts';
import { readFileText, replaceFile } from '../clients/files/replace-file.ts';
import type { Machine } from '../clients/machine.ts';
import type { Entry } from '../clients/server-entry.ts';
import { cleanLine } from '../log.ts';
import type { ClientsValues } from './clients-options.ts';
import { usageError } from './report.ts';

/** What was done with a client's file. */
export interface FileChange {
  readonly file: string;
  /** A unified diff without its secrets; empty where nothing changes. */
  readonly diff: string;
  readonly backup: string | undefined;
  readonly isWritten: boolean;
}

/** Which file is meant. Throws `usage` where nobody could know. */
export function chooseFile(client: McpClient, machine: Machine, { file, project }: ClientsValues): string {
  if (file !== undefined) return file;
  if (project === true) {
    const path = client.locateProject?.(machine);
    if (path !== undefined) return path;
    throw usageError(`${client.title} has no file of a project`, { hint: 'Leave --project out.' });
  }
  const [only, ...others] = client.locate(machine);
  if (only !== undefined && others.length === 0) return only;
  throw usageError(`${client.title} has more than one file on this machine`, {
    why: [only, ...others].join(', '),
    hint: 'Say which with --file; the settings of the client show which one it reads.',
  });
}

/** Puts the entry in or takes it out, as the options say. Throws `config`, and then nothing has changed. */
export function changeFile(file: string, entry: Entry, values: ClientsValues, secrets: readonly string[]): FileChange {
  const before = readFileText(file);
  const after = values.remove === true ? removeEntry(before ?? '', file, entry) : addEntry(before ?? '', file, entry);
  const isChanged = after !== (before ?? '');
  const diff = diffTexts(before ?? '', after)
    .split('\n')
    .map((line) => cleanLine(maskLine(line.replaceAll('\t', '  ')), secrets))
    .join('\n');
  const isWritten = isChanged && values['dry-run'] !== true;
  const backup = isWritten ? replaceFile(file, { before, after, now: new Date() }) : undefined;
  return { file, diff, backup, isWritten };
}
