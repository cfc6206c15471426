import { MCP_CLIENTS } from '../clients/catalog.ts';
import type { McpClient } from '../clients/client.ts';
import type { Entry } from '../clients/server-entry.ts';
import { DrawbridgeError } from '../errors.ts';
import { ADDRESS_RULES } from './client-files/address-rules.ts';
import type { ClientFile, EntryRule, FoundServer, Problem, ReadableMachine } from './client-files/client-file.ts';
import { COMMAND_RULES } from './client-files/command-rules.ts';
import { judgeFile, judgeSeveral, judgeTwins } from './client-files/file-rules.ts';
import { findServers } from './client-files/find-servers.ts';
import { parseText } from './client-files/parse-file.ts';
import { SECRET_RULES } from './client-files/secret-rules.ts';
import type { Finding } from './finding.ts';

const RULES: readonly EntryRule[] = [...ADDRESS_RULES, ...COMMAND_RULES, ...SECRET_RULES];
/** Claude Code keeps its history in its file; beyond this much nobody has a configuration. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** Reads the configuration files of this machine's MCP clients, and says what is wrong in them. Never rejects. */
export async function* checkClientFiles(machine: ReadableMachine): AsyncGenerator<Finding> {
  const show = (path: string): string => (path.startsWith(machine.home) ? `~${path.slice(machine.home.length)}` : path);
  let count = 0;
  for (const client of MCP_CLIENTS) {
    const paths = filesOf(client, machine);
    count += paths.length;
    const several = judgeSeveral(client, paths, show);
    if (several !== undefined) yield tell(client, several);
    for (const path of paths) yield* checkFile(client, path, show(path), machine);
  }
  if (count === 0) yield { hop: 'clients', verdict: 'skip', said: 'no MCP client has a file on this machine' };
}

/** Those that are there, each once. */
function filesOf(client: McpClient, machine: ReadableMachine): string[] {
  const named = [
    ...client.locate(machine),
    ...(client.locateProject === undefined ? [] : [client.locateProject(machine)]),
  ];
  return [...new Set(named)].filter((path) => machine.isFile(path));
}

async function* checkFile(
  client: McpClient,
  path: string,
  shown: string,
  machine: ReadableMachine,
): AsyncGenerator<Finding> {
  const read = await readFile(client, path, machine);
  if ('remedy' in read) {
    yield tell(client, read, shown);
    return;
  }
  const servers = findServers(read, machine);
  const ofFile = judgeFile(read, servers, machine);
  for (const problem of ofFile) yield tell(client, problem, shown);
  const ofEntries = servers.flatMap((server) => judgeEntry(server, machine));
  for (const { server, problem } of [...ofEntries, ...judgeTwins(servers)]) {
    const where = server.line === undefined ? shown : `${shown}:${server.line}`;
    yield tell(client, { ...problem, said: `"${server.name}" ${problem.said}` }, where);
  }
  if (servers.length === 0 && ofFile.length === 0) {
    yield { hop: 'clients', verdict: 'skip', said: `${client.title}: no MCP server in ${shown}` };
  } else if (ofFile.length + ofEntries.length === 0) {
    const names = servers.map(({ name }) => name).join(', ');
    yield { hop: 'clients', verdict: 'ok', said: `${client.title}: ${names} (${shown})` };
  }
}

function judgeEntry(server: FoundServer, machine: ReadableMachine): { server: FoundServer; problem: Problem }[] {
  return RULES.flatMap((rule) => {
    const problem = rule(server, machine);
    return problem === undefined ? [] : [{ server, problem }];
  });
}

async function readFile(client: McpClient, path: string, machine: ReadableMachine): Promise<ClientFile | Problem> {
  let bytes: Buffer;
  try {
    bytes = machine.readFile(path);
  } catch (thrown) {
    const said = `cannot be read: ${(thrown as NodeJS.ErrnoException).code ?? 'no reason is given'}`;
    return { verdict: 'warn', said, remedy: 'Is it yours, and yours to read?' };
  }
  if (bytes.length > MAX_FILE_BYTES) {
    return {
      verdict: 'warn',
      said: `is larger than ${MAX_FILE_BYTES / 1024 / 1024} MB, and was not read`,
      remedy: 'Look into it yourself.',
    };
  }
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  if (isUtf16) return { verdict: 'fail', said: 'is UTF-16, and not UTF-8', remedy: 'Save it as UTF-8 without a BOM.' };
  const whole = bytes.toString('utf8');
  const hasBom = whole.startsWith('\ufeff');
  const text = hasBom ? whole.slice(1) : whole;
  try {
    return { client, path, text, hasBom, ...(await parseText(text, path, formatOf(path))) };
  } catch (thrown) {
    const why = thrown instanceof DrawbridgeError ? thrown.why : undefined;
    const said = `does not parse: ${why ?? 'it nests or refers too deeply'}`;
    return { verdict: 'fail', said, remedy: `Correct it there; until then ${client.title} reads none of it.` };
  }
}

function formatOf(path: string): Entry['format'] {
  if (path.endsWith('.toml')) return 'toml';
  return /\.ya?ml$/.test(path) ? 'yaml' : 'json';
}

function tell({ title }: McpClient, { verdict, said, remedy }: Problem, where?: string): Finding {
  return { hop: 'clients', verdict, said: `${title}: ${said}${where === undefined ? '' : ` (${where})`}`, remedy };
}
