/** Tests that need what an operating system does not have. They are left out there by name, never skipped from within. */
export interface Need {
  readonly need: string;
  readonly missingOn: readonly NodeJS.Platform[];
  readonly files: readonly string[];
}

export const NEEDS: readonly Need[] = [
  {
    need: "/proc, to see what is left running, open or in memory, or Linux's own script and prlimit",
    missingOn: ['darwin', 'win32'],
    files: [
      'test/cli/large-messages.test.ts',
      'test/cli/parent-death.test.ts',
      'test/cli/terminal.test.ts',
      'test/e2e/faults-life.test.ts',
      'test/e2e/faults-loss.test.ts',
      'test/e2e/faults-recovery.test.ts',
      'test/e2e/faults-silence.test.ts',
      'test/e2e/npx-life.test.ts',
      'test/gateway/faults/vanishing-clients.test.ts',
      'test/security/connection-caps.test.ts',
      'test/security/idle-streams.test.ts',
      'test/upstream/command/command-upstream.test.ts',
      'test/upstream/ssh/ssh-tunnel.test.ts',
    ],
  },
  {
    need: 'the loopback addresses after 127.0.0.1, which macOS does not give',
    missingOn: ['darwin'],
    files: ['test/security/brute-force.test.ts'],
  },
  {
    need: 'signals from one process to another, modes of files, links, /bin/sh, or programs that begin with #!',
    missingOn: ['win32'],
    files: [
      'test/cli/bad-gateway-input.test.ts',
      'test/cli/bridge-process.test.ts',
      'test/cli/from-mcp-remote.test.ts',
      'test/cli/gateway-config.test.ts',
      'test/cli/gateway-stop-command.test.ts',
      'test/cli/gateway-stop.test.ts',
      'test/cli/keys.test.ts',
      'test/docs/bridge.test.ts',
      'test/docs/troubleshooting.test.ts',
      'test/e2e/gateway-command.test.ts',
      'test/e2e/package.test.ts',
      'test/gateway/authenticators/watched-file.test.ts',
      'test/gateway/listener/acme-store.test.ts',
      'test/security/error-bodies.test.ts',
    ],
  },
];

/** The files left out on this system; empty on Linux. */
export function filesLeftOut(platform: NodeJS.Platform): string[] {
  return NEEDS.filter(({ missingOn }) => missingOn.includes(platform)).flatMap(({ files }) => files);
}
