import { reporting, usageError } from '../report.ts';

/** `mcp-drawbridge check`. */
export const run = reporting(async () => {
  throw usageError('check is not there yet');
});
