import { GATEWAY_COMMAND_OPTIONS } from '../config/gateway-options.ts';
import { type Option, optionsOfFiles } from '../config/option.ts';
import { cleanLine } from '../log.ts';
import type { GatewayValues } from './gateway-settings.ts';
import { showUrl } from './server-url.ts';

const TABLE: readonly Option[] = GATEWAY_COMMAND_OPTIONS;

/** Every value that counts and where it comes from, one a line, in the order of the table; secrets are masked. */
export function formatEffective(values: GatewayValues, origins: ReadonlyMap<string, string>): string {
  const rows = optionsOfFiles(TABLE).flatMap((option) => {
    const value = (values as Readonly<Record<string, unknown>>)[option.name];
    if (value === undefined) return [];
    return [[option.name, show(option, value), origins.get(option.name) ?? 'default'] as const];
  });
  const [names, shown] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column as 0 | 1].length)));
  return rows
    .map(
      ([name, value, origin]) => `${name.padEnd(names ?? 0)}  ${value.padEnd(Math.min(shown ?? 0, 48))}  ${origin}\n`,
    )
    .join('');
}

function show(option: Option, value: unknown): string {
  if (option.isSecret) return '***';
  if (option.members !== undefined) return showGroup(option.members, value as Group);
  const texts = (Array.isArray(value) ? value : [value]).map((entry) =>
    typeof entry === 'string' && option.value === 'url' ? showUrl(entry) : String(entry),
  );
  return cleanLine(texts.join(', '), []);
}

type Group = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Such as `db { upstream: http://127.0.0.1:8000/sse, upstream-header: *** }`. */
function showGroup(members: readonly Option[], group: Group): string {
  const entries = Object.entries(group).map(([name, values]) => {
    const shown = members.flatMap((member) => {
      const value = values[member.name];
      return value === undefined || value === member.default ? [] : [`${member.name}: ${show(member, value)}`];
    });
    return `${name} { ${shown.join(', ')} }`;
  });
  return cleanLine(entries.join(', '), []);
}
