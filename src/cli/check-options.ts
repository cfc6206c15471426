import { BRIDGE_OPTIONS } from '../config/bridge-options.ts';
import type { Option } from '../config/option.ts';

type BridgeOption = (typeof BRIDGE_OPTIONS)[number];

/** The bridge's own entry, so that an option means the same in both. */
function bridgeOption<N extends BridgeOption['name']>(name: N): Extract<BridgeOption, { readonly name: N }> {
  return BRIDGE_OPTIONS.find((option) => option.name === name) as Extract<BridgeOption, { readonly name: N }>;
}

/** The options of `mcp-drawbridge check`. */
export const CHECK_OPTIONS = [
  bridgeOption('url'),
  {
    name: 'origin',
    heading: 'Check',
    kind: 'text',
    value: 'origin',
    help: 'Whether a web page of this origin, such as https://app.example.com, may use the server (CORS)',
  },
  {
    name: 'until',
    kind: 'text',
    value: 'hop',
    help: 'The last hop to look at, such as tcp, tls, http or initialize; what a HEALTHCHECK uses',
  },
  { name: 'timeout', kind: 'seconds', min: 0.1, default: 10, help: 'How long each step of a hop may take' },
  {
    name: 'heartbeat',
    kind: 'seconds',
    default: 20,
    help: 'How long an idle event stream is watched for a sign of life; 0 leaves it out',
  },
  { name: 'json', kind: 'flag', help: 'One JSON document at the end, in place of lines' },
  {
    name: 'no-color',
    kind: 'flag',
    help: 'No colour; there is none anyway where no terminal reads, or NO_COLOR is set',
  },
  bridgeOption('transport'),
  bridgeOption('header'),
  bridgeOption('header-file'),
  bridgeOption('family'),
  bridgeOption('ca'),
  bridgeOption('client-cert'),
  bridgeOption('client-key'),
  bridgeOption('ssh'),
  bridgeOption('ssh-key'),
  { name: 'help', short: 'h', kind: 'flag', heading: 'Other', hasNoTwin: true, help: 'Show this text' },
] as const satisfies readonly Option[];
