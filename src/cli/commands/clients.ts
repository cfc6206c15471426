import { findClient, MCP_CLIENTS } from '../../clients/catalog.ts';
import type { McpClient } from '../../clients/client.ts';
import type { Machine } from '../../clients/machine.ts';
import { renderEntry } from '../../clients/render.ts';
import { formatOptions } from '../../config/help.ts';
import { nearestName } from '../../config/nearest-name.ts';
import { parseOptions } from '../../config/parse-options.ts';
import { changeFile, chooseFile, type FileChange } from '../client-file.ts';
import { CLIENTS_OPTIONS, type ClientsValues, readServer } from '../clients-options.ts';
import { readTextFile } from '../read-file.ts';
import { reporting, usageError } from '../report.ts';
import { thisMachine } from '../this-machine.ts';

const HELP = `Usage
  mcp-drawbridge clients                        every client, and its file here
  mcp-drawbridge clients <name> [url]           the entry for this client
  mcp-drawbridge clients <name> [url] --write   put it into the client’s file
  mcp-drawbridge clients <name> --remove        take it out again

Examples
  npx mcp-drawbridge clients claude-desktop http://127.0.0.1:8000/sse
  npx mcp-drawbridge clients cursor https://db.example.com/mcp \\
    --token-variable MCP_TOKEN --write

${formatOptions(CLIENTS_OPTIONS)}

The entry stands on stdout, what to know about it on stderr.
Without a URL it is for a gateway at http://127.0.0.1:8080/mcp.
`;

const SHARED_KEY =
  'The key itself is in a file of the project: keep that file out of version control, or name a variable with --token-variable.';

/** `mcp-drawbridge clients`: the entry for an MCP client of this machine, and how it gets into its file. */
export const run = reporting(async (args) => {
  const { values, positionals } = parseOptions(CLIENTS_OPTIONS, {
    args,
    env: process.env,
    readFile: (path) => readTextFile(path, 'DRAWBRIDGE_TOKEN_FILE'),
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  const [name, url, unexpected] = positionals;
  if (unexpected !== undefined)
    throw usageError(`unexpected argument '${unexpected.slice(0, 60)}'`, { why: 'a client and a URL are expected' });
  checkTogether(values, name);
  // Whoever reads no further, such as head, has what it wanted.
  process.stdout.on('error', () => process.exit(0));
  const machine = thisMachine();
  if (name === undefined) listClients(machine, values.json === true);
  else showClient(clientNamed(name), url, values, machine);
});

function checkTogether(values: ClientsValues, name: string | undefined): void {
  const isChange = values.write === true || values.remove === true;
  if (values.write === true && values.remove === true)
    throw usageError('--write and --remove are given together', { hint: 'Leave one of the two out.' });
  if (values['dry-run'] === true && !isChange)
    throw usageError('--dry-run is given without --write or --remove', { hint: 'Add the one that is meant.' });
  if (name === undefined && (isChange || values.file !== undefined || values.project === true))
    throw usageError('it is not said which client is meant', {
      hint: 'Such as: mcp-drawbridge clients cursor --write',
    });
  if (values.file !== undefined && values.project === true)
    throw usageError('--file and --project are given together', { hint: 'Leave one of the two out.' });
}

function clientNamed(name: string): McpClient {
  const client = findClient(name);
  if (client !== undefined) return client;
  const names = MCP_CLIENTS.flatMap(({ id, aliases }) => [id, ...aliases]);
  const nearest = nearestName(name.toLowerCase(), names);
  throw usageError(`unknown client '${name.slice(0, 60)}'`, {
    hint: nearest === undefined ? 'All of them: mcp-drawbridge clients' : `Did you mean '${nearest}'?`,
  });
}

function listClients(machine: Machine, asJson: boolean): void {
  const clients = MCP_CLIENTS.map((client) => ({
    id: client.id,
    title: client.title,
    way: client.ways('http')[0]!,
    files: client.locate(machine).map((path) => ({ path, exists: machine.isFile(path) })),
  }));
  if (asJson) {
    tellDocument(clients);
    return;
  }
  const idWidth = Math.max(...clients.map(({ id }) => id.length));
  const titleWidth = Math.max(...clients.map(({ title }) => title.length));
  for (const { id, title, way, files } of clients) {
    const start = `${id.padEnd(idWidth)}  ${title.padEnd(titleWidth)}  ${way.padEnd(6)}`;
    for (const { path, exists } of files) process.stdout.write(`${start}  ${exists ? 'there' : '-    '}  ${path}\n`);
  }
  process.stderr.write('\nThe entry for one of them: mcp-drawbridge clients <name> <url>\n');
}

function showClient(client: McpClient, url: string | undefined, values: ClientsValues, machine: Machine): void {
  const server = readServer(values, url);
  const entry = client.describe(server, machine, values.way);
  const secrets = server.token?.value === undefined ? [] : [server.token.value];
  const isShared = values.project === true && secrets.length > 0;
  const notes = values.remove === true ? [] : [...entry.notes, ...(isShared ? [SHARED_KEY] : [])];
  if (values.write === true || values.remove === true) {
    const change = changeFile(chooseFile(client, machine, values), entry, values, secrets);
    if (values.json === true) tellDocument({ client: client.id, ...change, backup: change.backup ?? null, notes });
    else tellChange(change, notes);
    return;
  }
  const files =
    values.file !== undefined || values.project === true
      ? [chooseFile(client, machine, values)]
      : client.locate(machine);
  if (values.json === true) {
    const { way, format } = entry;
    tellDocument({ client: client.id, way, format, files, entry: renderEntry(entry), notes });
    return;
  }
  process.stderr.write(`In ${files.join(', or ')}:\n\n`);
  process.stdout.write(`${renderEntry(entry)}\n`);
  tellNotes(notes);
}

function tellDocument(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

function tellChange({ file, diff, backup, isWritten }: FileChange, notes: readonly string[]): void {
  if (diff === '') {
    process.stderr.write(`Nothing to do: ${file} is so already.\n`);
    return;
  }
  process.stdout.write(`--- ${file}\n+++ ${file}\n${diff}\n`);
  if (!isWritten) {
    process.stderr.write('\nNothing was written.\n');
    return;
  }
  process.stderr.write(`\nWritten to ${file}.${backup === undefined ? '' : ` The old one is ${backup}`}\n`);
  tellNotes(notes);
}

function tellNotes(notes: readonly string[]): void {
  if (notes.length > 0) process.stderr.write(`\n${notes.join('\n')}\n`);
}
