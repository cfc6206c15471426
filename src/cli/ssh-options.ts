import type { SshOptions } from '../bridge/bridge-options.ts';
import { parseSshDestination } from '../upstream/ssh/ssh-destination.ts';
import { expandHome, readTextFile } from './read-file.ts';
import { usageError } from './report.ts';

/** What `--ssh` and `--ssh-key` say; undefined where there is no tunnel. Throws `usage` or `config`. */
export function readSshOptions(destination: string | undefined, keyFile: string | undefined): SshOptions | undefined {
  if (destination === undefined) {
    if (keyFile === undefined) return undefined;
    throw usageError('--ssh-key needs --ssh', { hint: 'Name the machine too: --ssh user@host' });
  }
  parseSshDestination(destination);
  if (keyFile === undefined) return { destination };
  // ssh would say it too, much later and with a password asked for in between.
  readTextFile(keyFile, '--ssh-key');
  return { destination, keyFile: expandHome(keyFile) };
}
