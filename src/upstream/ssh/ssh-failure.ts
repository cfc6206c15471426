import { DrawbridgeError, type DrawbridgeErrorCode } from '../../errors.ts';
import { type SshDestination, sshCommandLine, sshName } from './ssh-destination.ts';

interface Explanation {
  readonly code: DrawbridgeErrorCode;
  readonly message: string;
  /** Default: what ssh said of it. */
  readonly why?: string | undefined;
  readonly hint: string;
}

interface Rule {
  readonly pattern: RegExp;
  readonly explain: (match: RegExpExecArray, destination: SshDestination, said: string) => Explanation;
}

/** How an ssh process ended. */
export interface SshEnd {
  /** Such as `exit code 255` or `ended by SIGKILL`. */
  readonly how: string;
  /** Whether its tunnel was open before. */
  readonly wasUp: boolean;
}

const RESTART_HINT = 'It is started again with the next connection.';

/** What ssh says of its work rather than of a failure. */
const CHATTER = /^(debug\d: |Authenticated to |Transferred: |Bytes per second: )/;

/** The texts are those of OpenSSH's client, the same on every system and in no other language. First match wins. */
const RULES: readonly Rule[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for .* has changed/m,
    explain: (_match, { host, port }) => ({
      code: 'upstream_untrusted',
      message: `the SSH server ${host} has another host key than before`,
      why: 'the key is not the one that known_hosts holds for it: it was set up anew, or somebody stands in between',
      hint: `If it was set up anew: ssh-keygen -R "${port === undefined || port === 22 ? host : `[${host}]:${port}`}"`,
    }),
  },
  {
    pattern: /^Host key verification failed/m,
    explain: (_match, destination) => ({
      code: 'upstream_untrusted',
      message: `the host key of the SSH server ${destination.host} is not known on this machine`,
      why: 'the bridge runs ssh without a terminal, where it cannot ask whether the key is right',
      hint: `Run once in a terminal and check the fingerprint: ${sshCommandLine(destination)}`,
    }),
  },
  { pattern: /Permission denied \(([^)\n]*)\)/, explain: explainDenial },
  {
    pattern: /^.*Too many authentication failures.*$/m,
    explain: ([line], destination) => ({
      code: 'upstream_refused',
      message: `the SSH server refused to log in ${sshName(destination)}`,
      why: line,
      hint: 'ssh offered too many keys: name the right one with --ssh-key.',
    }),
  },
  {
    pattern: /Could not resolve hostname (\S+?): (.*)/,
    explain: ([, host, reason], destination) => ({
      code: 'upstream_unreachable',
      message: `cannot reach the SSH server ${sshName(destination)}`,
      why: `looking up ${host}: ${reason}`,
      hint: 'Is the host of --ssh right?',
    }),
  },
  {
    pattern: /connect to host (\S+) port (\d+): (.*)/,
    explain: ([, host, port, reason]) => ({
      code: 'upstream_unreachable',
      message: `cannot reach the SSH server ${host}:${port}`,
      why: reason ?? '',
      hint: /refused/i.test(reason ?? '')
        ? 'Is sshd running there, and is this its port?'
        : 'Is the network (VPN, firewall) right, and is this its address and port?',
    }),
  },
  {
    pattern: /^.*(?:Bad configuration option|Bad owner or permissions|bad configuration options).*$/im,
    explain: ([line]) => ({
      code: 'config',
      message: 'ssh does not accept its configuration',
      why: line,
      hint: 'Correct that file: ~/.ssh/config, or the one of the system.',
    }),
  },
  {
    pattern: /^(?:bind .*|.*remote port forwarding failed.*|Could not request local forwarding.*)$/m,
    explain: ([line], { host }) => ({
      code: 'upstream_unreachable',
      message: `ssh could not open a forwarding that its configuration has for ${host}`,
      why: line,
      hint: 'Is a LocalForward or RemoteForward of ~/.ssh/config in use by another ssh? Give --ssh a Host without it.',
    }),
  },
  {
    pattern: /forking to background/,
    explain: (_match, { host }) => ({
      code: 'config',
      message: `ssh went to the background, where the bridge cannot end it`,
      why: `ForkAfterAuthentication is on for ${host} in the SSH configuration`,
      hint: 'Take it out of ~/.ssh/config, and end the ssh that is left.',
    }),
  },
  {
    pattern: /^.*Unable to negotiate with.*$/m,
    explain: ([line], { host }) => ({
      code: 'config',
      message: `this machine's ssh and the SSH server ${host} have no common way to encrypt`,
      why: line,
      hint: 'Update the older of the two.',
    }),
  },
  {
    pattern: /^Timeout, server .*$/m,
    explain: ([line], destination) => ({
      code: 'upstream_lost',
      message: `the SSH server of ${sshName(destination)} answers no more`,
      why: line,
      hint: 'Is the network (VPN, Wi-Fi) up?',
    }),
  },
  {
    pattern: /^.*(?:exchange_identification|Connection (?:timed out during banner|closed by|reset by) ).*$/m,
    explain: ([line], destination) => ({
      code: 'upstream_unreachable',
      message: `the SSH server of ${sshName(destination)} closed the connection`,
      why: line,
      hint: 'Is it an SSH server, and does it limit or ban this address (MaxStartups, fail2ban)?',
    }),
  },
  {
    pattern: /^.*(?:closed by remote host|Broken pipe|Connection reset).*$/m,
    explain: ([line], destination) => ({
      code: 'upstream_lost',
      message: `the SSH connection to ${sshName(destination)} was lost`,
      why: line,
      hint: 'Did the SSH server restart, or the network change?',
    }),
  },
];

/** Names why ssh ended, from what it wrote to stderr and how it ended. */
export function nameSshFailure(destination: SshDestination, lines: readonly string[], end: SshEnd): DrawbridgeError {
  const said = lines.join('\n');
  for (const { pattern, explain } of RULES) {
    const match = pattern.exec(said);
    if (match === null) continue;
    const { code, message, why, hint } = explain(match, destination, said);
    return new DrawbridgeError(code, message, { why: withoutPeriod(why ?? match[0]), hint });
  }
  const last = lines.findLast((line) => !CHATTER.test(line));
  const why = last === undefined ? end.how : `${withoutPeriod(last)} (${end.how})`;
  const message = `the SSH tunnel to ${sshName(destination)} ended`;
  if (end.wasUp) return new DrawbridgeError('upstream_lost', message, { why, hint: RESTART_HINT });
  const hint = `Does it work in a terminal? ${sshCommandLine(destination)}`;
  return new DrawbridgeError('upstream_unreachable', `${message} before it was open`, { why, hint });
}

/** Names why the SSH server did not connect us to the target; undefined where the line says nothing of that. */
export function nameRefusedChannel(
  destination: SshDestination,
  target: string,
  line: string,
): DrawbridgeError | undefined {
  const [, kind, reason] = /^channel \d+: open failed: ([^:]+): ?(.*)$/.exec(line) ?? [];
  if (kind === undefined) return undefined;
  const { host } = destination;
  if (kind === 'administratively prohibited') {
    return new DrawbridgeError('upstream_refused', `the SSH server ${host} forbids the tunnel to ${target}`, {
      why: `${kind}: ${reason}`,
      hint: 'Its sshd_config (AllowTcpForwarding, PermitOpen) and the options of the key must allow it.',
    });
  }
  return new DrawbridgeError('upstream_unreachable', `the SSH server ${host} reaches no MCP server on ${target}`, {
    why: `${kind}: ${reason}`,
    hint: 'Is it running? In the URL, localhost is the machine of the SSH server.',
  });
}

/** A reason stands within a sentence of ours. */
function withoutPeriod(line: string): string {
  return line.trim().replace(/\.$/, '');
}

export function isChatter(line: string): boolean {
  return CHATTER.test(line);
}

/** `Permission denied` has many reasons; what ssh did before tells which. */
function explainDenial([line]: RegExpExecArray, destination: SshDestination, said: string): Explanation {
  const denial = {
    code: 'upstream_refused',
    message: `the SSH server refused to log in ${sshName(destination)}`,
  } as const;
  const missing = /Identity file (.*) not accessible: (.*?)\.?$/m.exec(said);
  if (missing !== null) {
    const why = `the key file ${missing[1]} cannot be read: ${missing[2]}`;
    return { ...denial, why, hint: 'Name the private key with --ssh-key, as a full path.' };
  }
  if (/UNPROTECTED PRIVATE KEY FILE|bad permissions/.test(said)) {
    const why = /^Permissions .*$/m.exec(said)?.[0] ?? 'others may read the private key, so ssh does not use it';
    return { ...denial, why, hint: 'chmod 600 the key file; on Windows take away the rights of others on it.' };
  }
  const unreadable = /^Load key .*$/m.exec(said)?.[0];
  if (unreadable !== undefined) {
    return { ...denial, why: unreadable, hint: 'Is the file of --ssh-key a private key that is whole (not the .pub)?' };
  }
  const agent = /^.*signing failed for .*$/m.exec(said)?.[0];
  if (agent !== undefined)
    return { ...denial, why: agent, hint: 'The SSH agent refused: unlock it, or add the key anew.' };
  if (/partial success/.test(said)) {
    const why = 'it wants a second factor, and the bridge runs ssh without a terminal to ask for one';
    return { ...denial, why, hint: 'Let the server accept the key alone for this account.' };
  }
  if (/^debug1: Server accepts key/m.test(said)) {
    const why = 'it knows the key, but the key has a passphrase, which ssh cannot ask for without a terminal';
    return { ...denial, why, hint: 'Load the key first: ssh-add, with the file of the key.' };
  }
  return {
    ...denial,
    why: line,
    hint: `Name a key with --ssh-key or ssh-add it; no password is asked. ${sshCommandLine(destination)} must log in.`,
  };
}
