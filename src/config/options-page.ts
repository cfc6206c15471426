import { environmentName, type Option, optionsOfFiles, propertyName } from './option.ts';

/** docs/configuration.md: every option that a configuration file may hold, by its heading. */
export function optionsPage(table: readonly Option[]): string {
  const lines = [
    '# Configuration of the gateway',
    '',
    'Made from the table of options by `npm run docs`. Each option is a flag, an environment variable and a key of the file that',
    '`--config` names, YAML or JSON; the flag counts before the variable, the variable before the file. Of a secret, the variable',
    'with `_FILE` names a file that holds it. Keys may be written as the flag is, too. Durations are in seconds, sizes in bytes.',
    'An unknown key stops the start, with its line and column. `gateway --check-config` shows every value and where it comes from.',
    '',
    'Editors complete and check the file by its schema:',
    '',
    '```yaml',
    '# yaml-language-server: $schema=./node_modules/mcp-drawbridge/dist/schema.json',
    'upstream: http://127.0.0.1:8000/sse',
    'keyFile: keys.json',
    'publicUrl: https://db.example.com',
    'allowedOrigins: [https://app.example.com]',
    'allowAddresses: [10.0.0.0/8, 127.0.0.1]',
    'limitCalls: rate=60r/m burst=20',
    'limitTool:',
    '  execute_sql: rate=5r/m burst=10',
    'sessionIdle: 900',
    '```',
    '',
    'While the gateway runs, the file is read again when it changes and on SIGHUP. Sessions go on; a broken file is told in the log,',
    'and what is running stays. What stands under *Listening and TLS*, and the log, needs a new start; certificate files do not.',
  ];
  for (const option of optionsOfFiles(table)) {
    if (option.heading !== undefined)
      lines.push(
        '',
        `## ${option.heading}`,
        '',
        '| key | flag | variable | kind | default | |',
        '|---|---|---|---|---|---|',
      );
    const fallback = option.default === undefined ? '' : `\`${option.default}\``;
    lines.push(
      `| \`${propertyName(option)}\` | \`--${option.name}\` | \`${environmentName(option)}\` | ${kindOf(option)} | ${fallback} | ${cell(option.help)} |`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function kindOf(option: Option): string {
  if (option.choices !== undefined) return option.choices.map((choice) => `\`${choice}\``).join(', ');
  if (option.isRate && option.kind === 'text') return 'number a minute, or rate';
  if (option.kind === 'group') return `object of ${option.value}s`;
  if (option.mayBeOne) return `${option.value}, or list of ${option.value}`;
  if (option.kind === 'list') return option.separator === undefined ? `list of ${option.value}` : 'object, or list';
  if (option.kind === 'flag') return 'true, false';
  return option.kind === 'text' ? (option.value ?? 'text') : option.kind;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}
