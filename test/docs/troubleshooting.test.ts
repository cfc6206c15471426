import { describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/cli/bridge-settings.ts';
import { fencesOf, readDoc, rowsOf, type Section, sectionsOf } from '../parts/markdown.ts';
import { BIN, runCli, startCli } from '../parts/run-cli.ts';
import { INITIALIZE } from '../parts/stdio-messages.ts';
import { ANSWER_TROUBLES } from './answer-troubles.ts';
import { NETWORK_TROUBLES, SSH_TROUBLES } from './network-troubles.ts';
import { startHttp } from './staging.ts';
import { START_TROUBLES } from './start-troubles.ts';

const SECTIONS = ['troubleshooting.md', 'troubleshooting-clients.md'].flatMap((name) => sectionsOf(readDoc(name), 3));
/** Headings that are a message from their first letter to their last. */
const MESSAGES = SECTIONS.flatMap((section) => {
  const [, message] = /^`([^`]+)`$/.exec(section.heading) ?? [];
  return message === undefined ? [] : [{ message, section }];
});
const SIDE_BY_SIDE = { ...NETWORK_TROUBLES, ...ANSWER_TROUBLES, ...START_TROUBLES };
const SITUATIONS = { ...SIDE_BY_SIDE, ...SSH_TROUBLES };

/** What stands before a message in the log, or in the answer to initialize. */
const BEFORE = /^(error {2}|warn {2}|The MCP server cannot be used at the moment: (?!<))/;

/** Headings in words, about what others say or show, and what holds of what stands under them. */
const SYMPTOMS: Readonly<Record<string, (section: Section) => void | Promise<void>>> = {
  'The server is shown as disconnected': async ({ body }) => {
    const codes = rowsOf(body).map(([code]) => Number(code));
    expect(codes).toEqual([await exitCodeAt(undefined), await exitCodeAt(302), await exitCodeAt(401)]);
  },
  "`'C:\\Program' is not recognized` as an internal or external command": ({ body }) => {
    const { command, args } = JSON.parse(fencesOf(body)[0]!.text).mcpServers.postgres;
    expect(command).toBe('node');
    expect(args[0]).toMatch(/\\node_modules\\mcp-drawbridge\\bin\\mcp-drawbridge\.cjs$/);
    expect(args.join('')).not.toContain(' ');
    expect(readBridgeSettings(args.slice(1), {})).toHaveProperty('options.url');
  },
  'The start is slow': async () => {
    expect(await runCli(['--version'], { bin: BIN })).toMatchObject({ code: 0, stderr: '' });
  },
};

describe('docs/troubleshooting.md', () => {
  it('has a situation for each of its messages, a check for every other heading, and none too many', () => {
    expect(MESSAGES.map(({ message }) => message).sort()).toEqual(Object.keys(SITUATIONS).sort());
    const others = SECTIONS.map(({ heading }) => heading).filter((heading) => !/^`[^`]+`$/.test(heading));
    expect(others.sort()).toEqual(Object.keys(SYMPTOMS).sort());
  });

  it('says in its first screenful where the log is and how to see more', () => {
    const screenful = readDoc('troubleshooting.md').split('\n').slice(0, 24).join('\n');
    for (const text of ['~/Library/Logs/Claude', '%APPDATA%\\Claude\\logs', '`--debug`', 'safe to']) {
      expect(screenful).toContain(text);
    }
  });
});

describe('a message of docs/troubleshooting.md is what its user is told:', () => {
  const isAlone = ({ message }: { message: string }): boolean => Object.hasOwn(SSH_TROUBLES, message);

  it.concurrent.each(MESSAGES.filter((entry) => !isAlone(entry)))('$message', ({ message, section }) =>
    expectTold(message, section));

  it.each(MESSAGES.filter(isAlone))('$message', ({ message, section }) => expectTold(message, section));
});

describe('what stands under a heading of docs/troubleshooting.md holds:', () => {
  it.each(SECTIONS.filter(({ heading }) => Object.hasOwn(SYMPTOMS, heading)))('$heading', (section) =>
    SYMPTOMS[section.heading]!(section));
});

/** Throws unless the situation has the message, and each line that the page shows of it. */
async function expectTold(message: string, section: Section): Promise<void> {
  const said = await SITUATIONS[message]!();
  const told = said.flatMap((line) => [line, line.replace(BEFORE, '')]);
  // In the log the reason has a line of its own.
  told.push(...said.flatMap((line, index) => withReason(line, said[index + 1])));
  expect(told).toContainEqual(expect.stringMatching(new RegExp(`^${patternOf(message)}`)));
  const shown = fencesOf(section.body).filter(({ language }) => language === 'text');
  for (const line of shown.flatMap(({ text }) => text.split('\n'))) {
    expect(said).toContainEqual(expect.stringMatching(new RegExp(`^${numberless(line)}$`)));
  }
}

function withReason(line: string, next = ''): string[] {
  return line.startsWith('error  ') && next.startsWith('why    ') ? [`${line.slice(7)}: ${next.slice(7)}`] : [];
}

/** `<host>` and its like stand for any text. */
function patternOf(message: string): string {
  return message
    .split(/<[^<>]+>/)
    .map(escaped)
    .join('.+?');
}

/** Ports, times and counts differ from one run to the next. */
function numberless(line: string): string {
  return escaped(line).replace(/\d+/g, '\\d+');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** How the bridge ends whose server answers everything with this status, or that has an argument too many. */
async function exitCodeAt(status: number | undefined): Promise<number | null> {
  if (status === undefined) return (await runCli(['http://127.0.0.1:8000/sse', 'too', 'many'])).code;
  const headers = { location: 'https://login.example.com/' };
  const { port, close } = await startHttp((_req, res) => res.writeHead(status, headers).end());
  const bridge = startCli([`http://127.0.0.1:${port}/mcp`]);
  bridge.writeLine(INITIALIZE);
  const { code } = await bridge.exited();
  await close();
  return code;
}
