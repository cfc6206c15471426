/** A walk to its end, with bounds that suit a test. */
import type { Finding } from '../../src/check/finding.ts';
import { walkServer } from '../../src/check/walk.ts';
import type { WalkOptions } from '../../src/check/walk-options.ts';

export async function walked(url: string | URL, options: Partial<WalkOptions> = {}): Promise<Finding[]> {
  const found: Finding[] = [];
  const facts = { nodeVersion: '22.14.0' };
  for await (const finding of walkServer({ url: new URL(url), facts, timeoutMs: 5000, heartbeatMs: 300, ...options })) {
    found.push(finding);
  }
  return found;
}
