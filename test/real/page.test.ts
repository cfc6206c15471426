import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { startChromium } from './chromium.ts';

/** Where whoever looks at a run finds what the page looked like. */
const SCREENSHOTS = join(tmpdir(), 'drawbridge-screenshots');

let browser: Browser;
let gateway: GatewayProcess;
let page: Page;
/** Whatever the browser complains of, such as a breach of the page's own policy, and whatever it asks for. */
let complaints: string[];
let requests: string[];

beforeAll(async () => {
  browser = await startChromium('MAP db.example.test 127.0.0.1');
  gateway = await startGatewayProcess('http://127.0.0.1:9/sse', ['--allowed-hosts', 'db.example.test']);
  mkdirSync(SCREENSHOTS, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await gateway?.close();
});

beforeEach(async () => {
  const context = await browser.newContext();
  page = await context.newPage();
  complaints = [];
  requests = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
});
afterEach(async () => {
  await page.context().close();
});

it('is drawn with its style, runs its script, and asks for nothing else', async () => {
  const answer = await page.goto(`${gateway.origin}/`);
  expect(answer?.status()).toBe(200);
  expect(await page.locator('h1').textContent()).toBe('This is the address of an MCP server');
  // The style counts: without it the page would be as wide as the window.
  expect(await page.evaluate('document.body.getBoundingClientRect().width')).toBeLessThan(800);
  await page.screenshot({ path: join(SCREENSHOTS, 'page.png'), fullPage: true });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.locator('summary', { hasText: 'Cursor' }).click();
  await page.screenshot({ path: join(SCREENSHOTS, 'page-dark.png'), fullPage: true });
  expect(complaints).toEqual([]);
  expect(requests.filter((url) => !url.endsWith('/favicon.ico'))).toEqual([`${gateway.origin}/`]);
});

it('is as wide as a phone, without scrolling sideways', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${gateway.origin}/mcp`);
  for (const summary of await page.locator('summary').all()) await summary.click();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  await page.screenshot({ path: join(SCREENSHOTS, 'page-phone.png') });
});

it('puts the entry of a client onto the clipboard', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: gateway.origin });
  await page.goto(`${gateway.origin}/sse`);
  const details = page.locator('details', { has: page.locator('summary', { hasText: /^Cursor/ }) });
  await details.locator('summary').click();
  await details.locator('button').first().click();
  await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
  const copied = (await page.evaluate('navigator.clipboard.readText()')) as string;
  expect(JSON.parse(copied)).toMatchObject({ mcpServers: { postgres: { url: `${gateway.origin}/mcp` } } });
  expect(complaints).toEqual([]);
});

it('copies where the browser has no clipboard for pages, as over plain http from another computer', async () => {
  const origin = gateway.origin.replace('127.0.0.1', 'db.example.test');
  await page.goto(`${origin}/`);
  expect(await page.evaluate('isSecureContext')).toBe(false);
  await page.locator('button[data-copies=url]').click();
  await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
  expect(await page.evaluate('getSelection().toString()')).toBe(`${origin}/mcp`);
});
