import { environmentName, type Option } from './option.ts';

const WIDTH = 80;
const COLUMN = 26;

/** The options as lines of help, 80 columns wide; each line of text stands once, whatever the option's name is. */
export function formatOptions(table: readonly Option[]): string {
  return table
    .filter(({ isArgument }) => isArgument !== true)
    .map((option, index) => {
      if (option.heading === undefined) return formatOption(option);
      return `${index === 0 ? '' : '\n'}${option.heading}\n${formatOption(option)}`;
    })
    .join('\n');
}

function formatOption(option: Option): string {
  const value = option.kind === 'flag' ? '' : ` ${placeholderOf(option)}`;
  const short = option.short === undefined ? '' : `-${option.short}, `;
  const left = `  ${short}--${option.name}${value}`;
  const fallback = option.default === undefined ? '' : ` (default ${option.default})`;
  const lines = wrap(`${option.help}${fallback}`, WIDTH - COLUMN);
  const first = left.length < COLUMN ? left.padEnd(COLUMN) + (lines.shift() ?? '') : left;
  return [first, ...lines.map((line) => ' '.repeat(COLUMN) + line)].join('\n');
}

function placeholderOf({ value, choices, kind }: Option): string {
  return value ?? choices?.join('|') ?? (kind === 'seconds' ? 's' : 'n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]!;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** The sentence about environment twins that ends a help text. */
export function environmentNote(example: Option): string {
  return `Every option is also an environment variable:\n--${example.name} is ${environmentName(example)}.`;
}
