import { createBridge } from '../../bridge/bridge.ts';
import { refuseClient } from '../../bridge/refuse-client.ts';
import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { bridgeHelp } from '../bridge-help.ts';
import { type BridgeSettings, readBridgeSettings } from '../bridge-settings.ts';
import { watchParent } from '../parent-watch.ts';
import { createStderrLogger, reportAndExit } from '../report.ts';
import { terminalNote } from '../terminal-note.ts';

declare const DRAWBRIDGE_VERSION: string;

/** The last is Ctrl-Break, on Windows alone. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15, SIGBREAK: 21 } as const;
/** By then the bridge has ended by itself; if it has not, something is wrong with it, and an orphan helps nobody. */
const LAST_MS = 6000;

/** `mcp-drawbridge <url>`: stdin and stdout become the client's side of the remote server. */
export async function run(args: readonly string[]): Promise<void> {
  const parentId = process.ppid;
  try {
    const settings = readBridgeSettings(args, process.env);
    if (settings === 'help') process.stdout.write(bridgeHelp());
    else if (settings === 'version') process.stdout.write(`${DRAWBRIDGE_VERSION}\n`);
    else start(settings, args, parentId);
  } catch (thrown) {
    // Most who start us never see stderr: their client shows what its `initialize` was answered.
    if (!process.stdin.isTTY) {
      await refuseClient(toDrawbridgeError(thrown), { input: process.stdin, output: process.stdout });
    }
    throw thrown;
  }
}

function start(settings: BridgeSettings, args: readonly string[], parentId: number): void {
  const { options, secrets, logLevel, warnings } = settings;
  const logger = createStderrLogger(logLevel, secrets);
  if (process.stdin.isTTY && logLevel !== 'silent') {
    process.stderr.write(terminalNote(args, process.argv[1] ?? '', secrets));
  }
  for (const warning of warnings) logger.warn(warning);
  const bridge = createBridge({ ...options, input: process.stdin, output: process.stdout, logger });

  const exitAtLast = (code: number): void => void setTimeout(() => process.exit(code), LAST_MS).unref();
  let signalled: number | undefined;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      // The second time somebody means it.
      if (signalled !== undefined) process.exit(128 + number);
      signalled = number;
      exitAtLast(128 + number);
      bridge.close(new DrawbridgeError('shutting_down', `the bridge was ended by ${signal}`));
    });
  }
  watchParent(parentId, () => {
    logger.info('the process that started the bridge is gone');
    exitAtLast(0);
    bridge.finish();
  });
  bridge.done.then((error) => {
    if (signalled !== undefined) process.exit(128 + signalled);
    if (error === undefined) process.exit(0);
    reportAndExit(error, secrets);
  });
}
