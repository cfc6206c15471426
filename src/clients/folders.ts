import { posix, win32 } from 'node:path';
import type { Machine } from './machine.ts';

/** Joins a path as the machine's own system does, whatever runs this. */
export function joinPath({ platform }: Pick<Machine, 'platform'>, ...parts: readonly string[]): string {
  return (platform === 'win32' ? win32 : posix).join(...parts);
}

/** A path under the home folder. */
export function inHome(machine: Machine, ...parts: readonly string[]): string {
  return joinPath(machine, machine.home, ...parts);
}

/** `%APPDATA%`, which clients do not always hand on to what they start. */
export function inAppData(machine: Machine, ...parts: readonly string[]): string {
  const { APPDATA: folder } = machine.env;
  return folder ? joinPath(machine, folder, ...parts) : inHome(machine, 'AppData', 'Roaming', ...parts);
}

/** `%LOCALAPPDATA%`. */
export function inLocalAppData(machine: Machine, ...parts: readonly string[]): string {
  const { LOCALAPPDATA: folder } = machine.env;
  return folder ? joinPath(machine, folder, ...parts) : inHome(machine, 'AppData', 'Local', ...parts);
}

/** `$XDG_CONFIG_HOME`, else `~/.config`; a relative one counts as none (XDG Base Directory Specification). */
export function inConfig(machine: Machine, ...parts: readonly string[]): string {
  const { XDG_CONFIG_HOME: folder } = machine.env;
  return folder?.startsWith('/') ? joinPath(machine, folder, ...parts) : inHome(machine, '.config', ...parts);
}

/** Where applications with a window keep their settings: Application Support, Roaming, `~/.config`. */
export function inApplicationData(machine: Machine, ...parts: readonly string[]): string {
  if (machine.platform === 'darwin') return inHome(machine, 'Library', 'Application Support', ...parts);
  return machine.platform === 'win32' ? inAppData(machine, ...parts) : inConfig(machine, ...parts);
}
