/** Debian's Chromium under playwright-core, with a profile of its own that goes with it. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { ensureInstalled } from './debian.mjs';

const PATH = '/usr/bin/chromium';

/** Starts it; `rules` are host resolver rules, such as `MAP evil.test 127.0.0.1`. */
export async function startChromium(rules: string): Promise<Browser> {
  const executablePath = await ensureInstalled({
    find: async () => (existsSync(PATH) ? PATH : undefined),
    missing: `${PATH} was not found`,
    packages: ['chromium'],
  });
  // Its sandbox refuses to start as root, which machines of a CI are; it loads the test's own pages alone.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  const quiet = ['--disable-component-update', '--disable-sync', `--host-resolver-rules=${rules}`];
  return await chromium.launch({ executablePath, headless: true, args: [...args, ...quiet] });
}
