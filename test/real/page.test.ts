import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { makeCertificates } from '../parts/certificates.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { startChromium } from './chromium.ts';

/** Where whoever looks at a run finds what the page looked like. */
const SCREENSHOTS = join(tmpdir(), 'drawbridge-screenshots');

/** Of all texts of the page, drawn over what is behind them with their opacity. */
const LOWEST_CONTRAST = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const [colour, alpha] of colours) {
      canvas.globalAlpha = alpha;
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.backgroundColor = 'Canvas';
  const base = getComputedStyle(probe).backgroundColor;
  probe.remove();
  const ratios = [...document.querySelectorAll('h1, h2, p:not(#said), pre, code, summary, button')].map((element) => {
    const chain = [];
    for (let one = element; one; one = one.parentElement) chain.unshift(one);
    const behind = [[base, 1], ...chain.map((one) => [getComputedStyle(one).backgroundColor, 1])];
    const alpha = chain.reduce((all, one) => all * Number(getComputedStyle(one).opacity), 1);
    const [low, high] = [over(behind), over([...behind, [getComputedStyle(element).color, alpha]])]
      .map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  });
  return Math.min(...ratios);
})()`;

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

it('is served by the gateway’s own TLS over HTTP/2, where there is a clipboard for pages', async () => {
  const { server, remove } = makeCertificates();
  const tls = ['--tls-cert', server.certFile, '--tls-key', server.keyFile];
  const secure = await startGatewayProcess('http://127.0.0.1:9/sse', [...tls, '--allowed-hosts', 'db.example.test']);
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const tab = await context.newPage();
    tab.on('console', (message) => complaints.push(message.text()));
    const origin = secure.origin.replace('127.0.0.1', 'db.example.test');
    for (const path of ['/', '/mcp']) {
      await tab.goto(origin + path);
      expect(await tab.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol')).toBe('h2');
      await tab.locator('button[data-copies=url]').click();
      await tab.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
      expect(await tab.evaluate('navigator.clipboard.readText()')).toBe(`${origin}/mcp`);
    }
    expect(complaints).toEqual([]);
    await context.close();
  } finally {
    await secure.close();
    remove();
  }
});

it.each([
  'light',
  'dark',
] as const)('can be read by everybody in %s colours, and used with the keyboard', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  await page.goto(`${gateway.origin}/`);
  for (const summary of await page.locator('summary').all()) {
    await summary.focus();
    await page.keyboard.press('Enter');
  }
  expect(await page.locator('details:not([open])').count()).toBe(0);
  // The ratio that WCAG 2.2 §1.4.3 asks of small text.
  expect(await page.evaluate(LOWEST_CONTRAST)).toBeGreaterThanOrEqual(4.5);
  const names = await page.locator('button').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
  expect(new Set(names).size).toBe(names.length);
  await page.locator('button[data-copies=check]').focus();
  await page.keyboard.press('Space');
  await page.getByRole('status').filter({ hasText: 'Copied: Copy the check' }).waitFor();
});
