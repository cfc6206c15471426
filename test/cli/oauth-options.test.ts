import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/cli/bridge-settings.ts';
import type { OAuthOptions } from '../../src/cli/oauth-options.ts';
import { DrawbridgeError } from '../../src/errors.ts';

const SECRET = 'hunter2-hunter2';
const DEFAULTS = {
  redirectHost: 'localhost',
  callbackPath: '/oauth/callback',
  signInTimeoutMs: 30_000,
  authorizeParams: {},
  grant: 'authorization-code',
  usesIdToken: false,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-oauth-'));
  writeFileSync(join(folder, 'info.json'), '\ufeff{"client_id":"a","client_secret":"${CLIENT_SECRET}"}');
  writeFileSync(join(folder, 'broken.json'), `{"client_secret":"${SECRET}"`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}): OAuthOptions {
  const settings = readBridgeSettings(['https://example.com/mcp', ...args], env);
  if (typeof settings === 'string') throw new Error('it was taken for a question');
  return settings.oauth;
}

describe('options about signing in', () => {
  it('have the defaults of mcp-remote', () => {
    expect(read([])).toEqual(DEFAULTS);
  });

  it.each<{ args: string[]; options: Partial<OAuthOptions> }>([
    { args: ['--host', '127.0.0.1'], options: { redirectHost: '127.0.0.1' } },
    { args: ['--callback-path', '/back'], options: { callbackPath: '/back' } },
    { args: ['--auth-timeout', '90'], options: { signInTimeoutMs: 90_000 } },
    {
      args: ['--auth-success-url', 'https://a.example/done'],
      options: { successUrl: new URL('https://a.example/done') },
    },
    { args: ['--auth-success-url', 'http://localhost:1/'], options: { successUrl: new URL('http://localhost:1/') } },
    { args: ['--resource', 'https://a.example/mcp'], options: { resource: new URL('https://a.example/mcp') } },
    { args: ['--resource', 'urn:a:b'], options: { resource: new URL('urn:a:b') } },
    { args: ['--resource', ''], options: { resource: 'none' } },
    { args: ['--disable-resource-parameter'], options: { resource: 'none' } },
    {
      args: ['--authorize-param', 'audience=a=b', '--authorize-param', 'prompt='],
      options: { authorizeParams: { audience: 'a=b', prompt: '' } },
    },
    { args: ['--static-oauth-client-metadata', '{"scope":"a b"}'], options: { clientMetadata: { scope: 'a b' } } },
    { args: ['--static-oauth-client-info', '{"client_id":"a"}'], options: { clientInfo: { client_id: 'a' } } },
    {
      args: ['--client-metadata-url', 'https://a.example/client.json'],
      options: { clientMetadataUrl: new URL('https://a.example/client.json') },
    },
    { args: ['--device-code'], options: { grant: 'device-code' } },
    { args: ['--use-id-token'], options: { usesIdToken: true } },
  ])('are read: $args', ({ args, options }) => {
    expect(read(args)).toEqual({ ...DEFAULTS, ...options });
  });

  it('sign in as a client whose secret a file and the environment hold', () => {
    const args = ['--client-credentials', '--token-endpoint', 'http://127.0.0.1:1/token'];
    const env = { CLIENT_SECRET: SECRET, DRAWBRIDGE_STATIC_OAUTH_CLIENT_INFO: `@${join(folder, 'info.json')}` };
    expect(read(args, env)).toEqual({
      ...DEFAULTS,
      grant: 'client-credentials',
      clientInfo: { client_id: 'a', client_secret: SECRET },
      tokenEndpoint: new URL('http://127.0.0.1:1/token'),
    });
  });

  it('have the folder in which mcp-remote keeps what it was given', () => {
    expect(read([], { MCP_REMOTE_CONFIG_DIR: '/home/me/.mcp-auth' }).storeFolder).toBe('/home/me/.mcp-auth');
  });
});

describe('options about signing in that cannot be meant', () => {
  const INFO = '--static-oauth-client-info';
  it.each([
    { args: ['--host', 'http://localhost'], error: /^--host "http:\/\/localhost" cannot be used/ },
    { args: ['--callback-path', 'back'], error: /^--callback-path "back"/ },
    { args: ['--callback-path', '/back?a=b'], error: /^--callback-path/ },
    { args: ['--callback-path', '/wait-for-auth'], error: /^--callback-path/ },
    { args: ['--callback-path', '/.mcp-remote/id'], error: /^--callback-path/ },
    { args: ['--auth-timeout', '0'], error: /^--auth-timeout must be/ },
    { args: ['--auth-success-url', 'http://a.example/'], error: /^the URL of --auth-success-url/ },
    { args: ['--auth-success-url', `https://a.example/?a=${SECRET}`], error: /^the URL of --auth-success-url/ },
    { args: ['--auth-success-url', `https://me:${SECRET}@a.example/`], error: /^the URL of --auth-success-url/ },
    { args: ['--auth-success-url', 'https://a.example/#done'], error: /^the URL of --auth-success-url/ },
    { args: ['--resource', 'mcp'], error: /^--resource cannot be used/ },
    { args: ['--resource', 'https://a.example/#b'], error: /^--resource cannot be used/ },
    { args: ['--authorize-param', SECRET], error: /^--authorize-param takes/ },
    { args: ['--authorize-param', `=${SECRET}`], error: /^--authorize-param takes/ },
    ...['client_id', 'redirect_uri', 'response_type', 'state', 'code_challenge', 'code_challenge_method'].map(
      (name) => ({ args: ['--authorize-param', `${name}=${SECRET}`], error: new RegExp(`cannot set ${name}$`) }),
    ),
    {
      args: ['--static-oauth-client-metadata', 'scope'],
      error: /^--static-oauth-client-metadata is not a JSON object/,
    },
    { args: ['--static-oauth-client-metadata', '[]'], error: /^--static-oauth-client-metadata is not a JSON object/ },
    { args: [INFO, `{client_id:${SECRET}}`], error: /^--static-oauth-client-info is not a JSON object/ },
    { args: [INFO, `{"client_secret":"${SECRET}"}`], error: /^--static-oauth-client-info has no client_id/ },
    { args: [INFO, '@nowhere.json'], error: /^cannot read nowhere\.json/ },
    { args: [INFO, '{"client_id":"${UNSET}"}'], error: /^the variable UNSET is not set/ },
    { args: ['--client-metadata-url', 'https://a.example'], error: /^the URL of --client-metadata-url/ },
    { args: ['--client-metadata-url', 'http://localhost/a'], error: /^the URL of --client-metadata-url/ },
    { args: ['--client-credentials'], error: /^--client-credentials needs a client_secret/ },
    { args: ['--client-credentials', '--device-code'], error: /^--client-credentials cannot be used with/ },
    { args: ['--token-endpoint', 'https://a.example/token'], error: /^--token-endpoint needs --client-credentials/ },
    { args: ['--token-endpoint', 'http://a.example/token'], error: /^the URL of --token-endpoint/ },
  ])('are refused and not quoted: $args', ({ args, error }) => {
    const refused = refusalOf(args);
    expect(refused.message).toMatch(error);
    expect(refused.exitCode).toBe(2);
    expect(`${refused.message} ${refused.why} ${refused.hint}`).not.toContain(SECRET);
  });

  it('are refused for a file, which is named and not quoted', () => {
    const refused = refusalOf([INFO, `@${join(folder, 'broken.json')}`]);
    expect(refused.why).toContain('broken.json');
    expect(`${refused.message} ${refused.why} ${refused.hint}`).not.toContain(SECRET);
  });

  function refusalOf(args: readonly string[]): DrawbridgeError {
    try {
      read(args);
    } catch (thrown) {
      if (thrown instanceof DrawbridgeError) return thrown;
      throw thrown;
    }
    throw new Error('they were not refused');
  }
});
