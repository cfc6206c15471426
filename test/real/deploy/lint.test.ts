/** What docs/deploy ships, as real linters see it; and each linter is seen to find a mistake. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../parts/package.ts';
import {
  type ComposeProject,
  INSTALL_MS,
  installLinters,
  lintDockerfile,
  lintManifests,
  lintScript,
  loadCompose,
} from './linters.ts';

const DEPLOY = join(ROOT, 'docs/deploy');
const DOCKER = join(DEPLOY, 'docker');
const COMPOSE = join(DOCKER, 'compose.yaml');
const PROXIES = join(DOCKER, 'compose.proxies.yaml');
const ENV = { PUBLIC_URL: 'https://db.example.com' };
const PROXY_NAMES = ['nginx', 'caddy', 'traefik', 'haproxy', 'apache'];

beforeAll(installLinters, INSTALL_MS);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-lint-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy with one mistake. */
function spoil(file: string, right: string, wrong: string): string {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(right);
  const path = join(folder, file.split('/').at(-1)!);
  writeFileSync(path, text.replace(right, wrong));
  return path;
}

describe('hadolint', () => {
  it.each(['Dockerfile', 'postgres-mcp.Dockerfile'])('has nothing to say of %s', async (name) => {
    expect(await lintDockerfile(join(DOCKER, name))).toBe('');
  });
  it('finds an image without a tag', async () => {
    const spoiled = spoil(join(DOCKER, 'Dockerfile'), 'FROM node:24-slim\n', 'FROM node\n');
    await expect(lintDockerfile(spoiled)).rejects.toThrow('DL3006');
  });
});

describe('shellcheck', () => {
  it.each(readdirSync(DOCKER).filter((name) => name.endsWith('.sh')))('has nothing to say of %s', async (name) => {
    expect(await lintScript(join(DOCKER, name))).toBe('');
  });
  it('finds a word that is not quoted', async () => {
    const spoiled = spoil(join(DOCKER, 'start-postgres-mcp.sh'), '(cat "$PGPASSWORD_FILE")', '(cat $PGPASSWORD_FILE)');
    await expect(lintScript(spoiled)).rejects.toThrow('SC2086');
  });
});

describe('the manifests', () => {
  const file = join(DEPLOY, 'kubernetes/mcp-drawbridge.yaml');
  it('are what Kubernetes takes', async () => {
    await lintManifests(file);
  });
  it('would not be with a field that does not exist', async () => {
    const spoiled = spoil(file, 'runAsNonRoot: true', 'runAsNoRoot: true');
    await expect(lintManifests(spoiled)).rejects.toThrow('runAsNoRoot');
  });
});

/** What every service of ours has; a proxy's image needs the rights to take its ports. */
const HARDENED = { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] };

const portsOf = (project: ComposeProject): Record<string, unknown> =>
  Object.fromEntries(Object.entries(project.services).flatMap(([name, { ports }]) => (ports ? [[name, ports]] : [])));

describe('the compose file', () => {
  it('publishes the gateway alone, to this machine, and leaves postgres-mcp on networks that lead nowhere', async () => {
    const project = await loadCompose([COMPOSE]);
    expect(Object.keys(project.services).sort()).toEqual(['gateway', 'postgres', 'postgres-mcp']);
    expect(portsOf(project)).toEqual({
      gateway: [expect.objectContaining({ host_ip: '127.0.0.1', published: '8080', target: 8080 })],
    });
    const networks = Object.keys(project.services['postgres-mcp']!['networks'] as object);
    expect(networks.map((name) => project.networks[name]?.internal)).toEqual([true, true]);
    for (const name of ['gateway', 'postgres-mcp']) {
      expect(project.services[name]).toMatchObject(HARDENED);
      expect(project.services[name]).toMatchObject({ pids_limit: 100, mem_limit: expect.anything() });
    }
    expect((await loadCompose([COMPOSE], 'keys')).services['keys']).toMatchObject({
      ...HARDENED,
      network_mode: 'none',
    });
  });

  it.each(
    PROXY_NAMES,
  )('with the profile %s puts that proxy and its file in front, and the gateway on loopback', async (name) => {
    const project = await loadCompose([COMPOSE, PROXIES], name, ENV);
    expect(Object.keys(project.services).sort()).toEqual(['gateway', 'postgres', 'postgres-mcp', name].sort());
    const published = (portsOf(project)['gateway'] as { published: string }[]).map((port) => port.published);
    expect(published).toEqual(['80', '443']);
    expect(project.services['gateway']).toMatchObject({
      environment: { DRAWBRIDGE_HOST: '127.0.0.1', DRAWBRIDGE_TRUST_PROXIES: '127.0.0.1' },
    });
    const service = project.services[name]!;
    expect(service).toMatchObject({ network_mode: 'service:gateway', cap_drop: ['ALL'] });
    const files = (service['volumes'] as { source: string }[])
      .map(({ source }) => source)
      .filter((source) => source.includes('/proxies/'));
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('needs to know under which URL a proxy serves', async () => {
    await expect(loadCompose([COMPOSE, PROXIES], 'nginx')).rejects.toThrow('PUBLIC_URL');
  });

  it('would not load with a key that does not exist', async () => {
    await expect(loadCompose([spoil(COMPOSE, 'read_only: true', 'read_onyl: true')])).rejects.toThrow('read_onyl');
  });

  it('waits longer than the gateway drains', async () => {
    const { services } = await loadCompose([COMPOSE]);
    expect(services['gateway']!['stop_grace_period']).toBe('15s');
  });
});
