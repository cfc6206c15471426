import { MCP_CLIENTS } from '../../clients/catalog.ts';
import type { McpClient } from '../../clients/client.ts';
import { launchBridge } from '../../clients/launch.ts';
import type { Machine } from '../../clients/machine.ts';
import { renderEntry } from '../../clients/render.ts';
import type { ServerToAdd, Way } from '../../clients/server-entry.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';

/** What a client shows to be let in. */
export type Credential = 'none' | 'key' | 'token' | 'password' | 'certificate';

export interface PageFacts {
  /** Without a slash at the end, such as `https://db.example.com`. */
  readonly baseUrl: string;
  /** Of the server that the page is about: empty at the root, else `/<name>`. */
  readonly serverPath: string;
  readonly credential: Credential;
}

/** The variable in which clients look for the credential. */
const VARIABLE = 'MCP_TOKEN';

const WHO_MAY: Readonly<Record<Credential, string>> = {
  none: 'It asks for no credential, and serves the computer that it runs on.',
  key: `It asks for a key, which you get from whoever runs it. Put it where the entry says <code>${VARIABLE}</code>.`,
  token: `It asks for an access token. Sign in with your client, or put a token where the entry says <code>${VARIABLE}</code>.`,
  password:
    'It asks for a name and a password, which you get from whoever runs it. Send them as the header <code>Authorization: Basic …</code>, with <code>name:password</code> in Base64: an entry with an address has it in its <code>headers</code>, one that starts the bridge in its <code>env</code>, as <code>DRAWBRIDGE_HEADER</code>.',
  certificate:
    'It asks for a client certificate, which the bridge can show. Add <code>--client-cert</code> and <code>--client-key</code> to the arguments in the entry, each followed by the path of its file.',
};

/** Computers as the readers of the page may have them; whose they are is not known. */
const MACHINES: readonly (readonly [title: string, machine: Machine])[] = [
  ['macOS', machineOf('darwin', '~', {})],
  ['Linux', machineOf('linux', '~', {})],
  [
    'Windows',
    machineOf('win32', '%USERPROFILE%', {
      APPDATA: '%APPDATA%',
      LOCALAPPDATA: '%LOCALAPPDATA%',
      USERPROFILE: '%USERPROFILE%',
    }),
  ],
];

/** The whole page, in which everything that is not ours is escaped. */
export function renderPage(facts: PageFacts): string {
  const url = `${facts.baseUrl}${facts.serverPath}/mcp`;
  const name = facts.serverPath === '' || facts.serverPath === '/NAME' ? 'postgres' : facts.serverPath.slice(1);
  const hasToken = facts.credential === 'key' || facts.credential === 'token';
  const server: ServerToAdd = {
    name,
    url: new URL(url),
    transport: 'http',
    ...(hasToken ? { token: { variable: VARIABLE } } : {}),
  };
  const header = hasToken ? ` --header "Authorization: Bearer $${VARIABLE}"` : '';
  const { command, args } = launchBridge(server, MACHINES[0]![1]);
  // The clients themselves have none to show.
  const way = facts.credential === 'certificate' ? 'bridge' : undefined;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>An MCP server</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>This is the address of an MCP server</h1>
<p>It is made for AI clients, which use it over the Model Context Protocol. Give yours this address:</p>
${copyable('url', 'the address', url)}
<p>${WHO_MAY[facts.credential]}</p>
<p>A client that only speaks the older SSE transport takes <code>${escapeHtml(`${facts.baseUrl}${facts.serverPath}/sse`)}</code>.</p>
<h2>The entry for your client</h2>
${MCP_CLIENTS.map((client) => describeClient(client, server, way)).join('\n')}
<h2>A client that only starts programs</h2>
<p>Let it start the bridge, which needs Node.js 20 or newer:</p>
${copyable('bridge', 'the bridge', [command, ...args].join(' '))}
${hasToken ? `<p>The key goes into its environment, as <code>DRAWBRIDGE_HEADER</code>: <code>Authorization: Bearer ${VARIABLE}</code>.</p>` : ''}
<h2>It does not work</h2>
<p>This looks at every step between you and the server, and names the one that fails:</p>
${copyable('check', 'the check', `npx -y mcp-drawbridge check ${url}${header}`)}
</main>
<p id="said" role="status"></p>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function describeClient(client: McpClient, server: ServerToAdd, way: Way | undefined): string {
  const places = MACHINES.map(([title, machine]) => {
    const entry = client.describe(server, machine, way);
    return { title, file: client.locate(machine)[0] ?? '', text: renderEntry(entry), notes: entry.notes };
  });
  const texts = [...new Set(places.map(({ text }) => text))];
  const parts = texts.map((text, index) => {
    const same = places.filter((place) => place.text === text);
    const files = [...new Set(same.map(({ file }) => file))];
    const where = files.map((file) => {
      const titles = same.filter((place) => place.file === file).map(({ title }) => title);
      return `${files.length === 1 && texts.length === 1 ? '' : `${titles.join(', ')}: `}<code>${escapeHtml(file)}</code>`;
    });
    const notes = same[0]!.notes.map((note) => `<p class="path">${escapeHtml(note)}</p>`).join('');
    const what = `the entry for ${client.title}${texts.length === 1 ? '' : ` on ${same.map(({ title }) => title).join(', ')}`}`;
    return `<p class="path">${where.join('<br>')}</p>${copyable(`${client.id}-${index}`, what, text)}${notes}`;
  });
  return `<details><summary>${escapeHtml(client.title)}</summary>${parts.join('')}</details>`;
}

function copyable(id: string, what: string, text: string): string {
  return `<div class="copy"><pre id="${id}">${escapeHtml(text)}</pre><button type="button" data-copies="${id}" aria-label="${escapeHtml(`Copy ${what}`)}">Copy</button></div>`;
}

function machineOf(platform: Machine['platform'], home: string, env: Machine['env']): Machine {
  const bin = 'mcp-drawbridge/bin/mcp-drawbridge.cjs';
  return {
    platform,
    home,
    env,
    folder: home,
    nodePath: platform === 'win32' ? 'C:\\nodejs\\node.exe' : '/usr/bin/node',
    binPath: `/usr/lib/node_modules/${bin}`,
    listFolder: () => [],
    isFile: () => false,
  };
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
