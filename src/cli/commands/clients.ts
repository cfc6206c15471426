import { reporting, usageError } from '../report.ts';

/** `mcp-drawbridge clients`. */
export const run = reporting(async () => {
  throw usageError('clients is not there yet');
});
