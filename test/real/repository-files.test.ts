/** Files of the repository that other programs read, as those programs, or the schemas made for them, read them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../parts/package.ts';
import { findPython } from './python.mjs';
import { checkAgainst, installWorkflowTools, lintWorkflows } from './workflow-tools.mjs';

const run = promisify(execFile);
const OUTLINE = fileURLToPath(new URL('xml-outline.py', import.meta.url));
const TASK = 'docs/deploy/windows/mcp-drawbridge-task.xml';
const WINSW = 'docs/deploy/windows/mcp-drawbridge-winsw.xml';
const TASK_NAMES = '{http://schemas.microsoft.com/windows/2004/02/mit/task}';
const workflows = filesOf('.github/workflows');
const forms = filesOf('.github/ISSUE_TEMPLATE').filter((file) => !file.endsWith('config.yml'));

type Outline = readonly [name: string, attributes: Readonly<Record<string, string>>, text: string, children: Outline[]];

beforeAll(installWorkflowTools, 20 * 60_000);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-repository-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function filesOf(path: string): string[] {
  return readdirSync(join(ROOT, path)).map((name) => join(ROOT, path, name));
}

/** A copy of the file in which something is wrong. */
function broken(file: string, good: string, bad: string): string {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(good);
  const copy = join(folder, 'broken.yml');
  writeFileSync(copy, text.replace(good, bad));
  return copy;
}

async function readXml(file: string): Promise<Outline> {
  const { command } = await findPython();
  const { stdout } = await run(command, [OUTLINE, file]);
  return JSON.parse(stdout) as Outline;
}

/** The text of every element, by its path of names. */
function textsOf([name, , text, children]: Outline, before = ''): Map<string, string> {
  const path = `${before}${name.replace(TASK_NAMES, '')}`;
  return new Map([[path, text], ...children.flatMap((child) => [...textsOf(child, `${path}/`)])]);
}

describe('the workflows', () => {
  it('are what actionlint and the schema allow', async () => {
    expect(workflows).toHaveLength(2);
    await lintWorkflows(workflows);
    await checkAgainst('github-workflows', workflows);
  });

  it('would not be, with a permission or an expression that there is not', async () => {
    const [ci = ''] = workflows;
    await expect(lintWorkflows([broken(ci, 'matrix.node }}', 'matrix.nodes }}')])).rejects.toThrow('nodes');
    const bad = broken(ci, 'contents: read', 'contents: perhaps');
    await expect(lintWorkflows([bad])).rejects.toThrow('perhaps');
    await expect(checkAgainst('github-workflows', [bad])).rejects.toThrow('perhaps');
  });

  it.each(workflows)('%s begins with no permissions, and uses no action by a name that may move', (file) => {
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^permissions: \{\}$/m);
    for (const [, action] of text.matchAll(/uses: (.*)/g)) expect(action).toMatch(/^[\w/-]+@[0-9a-f]{40} # v\d/);
  });
});

describe('the forms of issues', () => {
  it('are what their schemas allow', async () => {
    expect(forms).toHaveLength(2);
    await checkAgainst('github-issue-forms', forms);
    await checkAgainst('github-issue-config', [join(ROOT, '.github/ISSUE_TEMPLATE/config.yml')]);
  });

  it('would not be, with a field of a kind that there is not', async () => {
    const bad = broken(forms[0]!, 'type: dropdown', 'type: slider');
    await expect(checkAgainst('github-issue-forms', [bad])).rejects.toThrow(/slider|body/);
  });

  it('ask for what check says', () => {
    expect(readFileSync(forms[0]!, 'utf8')).toContain('mcp-drawbridge check <url> --json');
  });
});

describe('the files for Windows', () => {
  it('are XML, and would not be with one mark less', async () => {
    for (const file of [TASK, WINSW]) await readXml(join(ROOT, file));
    const bad = broken(join(ROOT, TASK), '&gt;&gt;C:', '&gt;&C:');
    await expect(readXml(bad)).rejects.toThrow('not well-formed');
  });

  it('make a task that runs for ever, as LOCAL SERVICE, and again after a failure', async () => {
    const task = await readXml(join(ROOT, TASK));
    expect(task[0]).toBe(`${TASK_NAMES}Task`);
    const texts = textsOf(task);
    expect(texts.get('Task/Settings/ExecutionTimeLimit')).toBe('PT0S');
    expect(texts.get('Task/Principals/Principal/UserId')).toBe('S-1-5-19');
    // An unsigned byte, by the schema of tasks.
    expect(Number(texts.get('Task/Settings/RestartOnFailure/Count'))).toBeLessThanOrEqual(255);
    expect(texts.get('Task/Actions/Exec/Arguments')).toMatch(/^\/d \/c node \S+\.cjs gateway --config \S+ 2>>\S+$/);
  });

  it('make a service that is given longer to stop than the gateway takes', async () => {
    const service = await readXml(join(ROOT, WINSW));
    expect(textsOf(service).get('service/stoptimeout')).toBe('15 sec');
    expect(textsOf(service).get('service/arguments')).toMatch(/^\S+\.cjs gateway --config \S+$/);
  });
});
