/** What is known of the computer whose clients are configured; tests stand in for any operating system. */
export interface Machine {
  readonly platform: 'darwin' | 'linux' | 'win32';
  /** The home folder, absolute. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that project files are looked for in. */
  readonly folder: string;
  /** The Node.js that runs now, absolute. */
  readonly nodePath: string;
  /** This package's own `bin/mcp-drawbridge.cjs`, absolute. */
  readonly binPath: string;
  /** Names in a folder; none where there is no such folder. */
  listFolder(path: string): readonly string[];
  isFile(path: string): boolean;
}
