import { commonBridge, defineClient } from '../define-client.ts';
import { inAppData, inApplicationData, inLocalAppData, joinPath } from '../folders.ts';
import type { Machine } from '../machine.ts';

const FILE = 'claude_desktop_config.json';

/** It reaches no server by itself that a file names: an entry with a URL is dropped. */
export const CLAUDE_DESKTOP = defineClient({
  id: 'claude-desktop',
  title: 'Claude Desktop',
  aliases: ['claude'],
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) =>
    machine.platform === 'win32' ? locateOnWindows(machine) : [inApplicationData(machine, 'Claude', FILE)],
  startsBridge: commonBridge,
  takesOldestNode: true,
  notes: ['Quit Claude Desktop, from the tray or menu bar too, and start it again.'],
});

/**
 * The Store's package has its own folder, whose name ends in a mark of the publisher; the installer's is in Roaming,
 * and Store packages of some versions see that one instead. All that are there are named.
 */
function locateOnWindows(machine: Machine): readonly string[] {
  const store = machine
    .listFolder(inLocalAppData(machine, 'Claude-Data'))
    .filter((name) => /^claude_/i.test(name))
    .map((name) => inLocalAppData(machine, 'Claude-Data', name, FILE));
  const packages = machine
    .listFolder(inLocalAppData(machine, 'Packages'))
    .filter((name) => /^Claude_/i.test(name))
    .map((name) =>
      joinPath(machine, inLocalAppData(machine, 'Packages'), name, 'LocalCache', 'Roaming', 'Claude', FILE),
    );
  const installed = inAppData(machine, 'Claude', FILE);
  const found = [...store, ...packages, ...(machine.isFile(installed) ? [installed] : [])];
  return found.length === 0 ? [installed] : found;
}
