import { defineConfig } from 'vitest/config';
import { filesLeftOut } from './test/platforms.ts';

/** Most of a test's time is spent waiting for a process or a deadline, so there may be more workers than processors. */
const shared = { pool: 'forks' as const, maxWorkers: 3, testTimeout: 20_000, hookTimeout: 30_000, teardownTimeout: 10_000 };

const leftOut = filesLeftOut(process.platform);
if (leftOut.length > 0) {
  console.warn(`On ${process.platform} these are left out, for the reasons in test/platforms.ts:\n  ${leftOut.join('\n  ')}`);
}

/** `unit` needs nothing but Node; `real` runs against servers that test/real sets up. */
export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/real/**', ...leftOut] } },
      {
        test: {
          ...shared,
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          globalSetup: ['test/real/global-setup.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
