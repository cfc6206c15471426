/** What the help text of a command says, to hold a table of a page against it. */
import { formatOptions } from '../../src/config/help.ts';
import type { Option } from '../../src/config/option.ts';

/** Each option as `--help` shows it: its name with what follows it, and its sentence, in one line. */
export function helpRows(table: readonly Option[]): string[][] {
  return table
    .filter(({ isArgument, name }) => isArgument !== true && name !== 'help')
    .map((option) => {
      const { heading: _none, ...alone } = option;
      const text = formatOptions([alone]).trim();
      const [, name = '', sentence = ''] = /^(\S+(?: \S+)?)\s{2,}(.*)$/s.exec(text.replace('\n', '  ')) ?? [];
      return [`\`${name}\``, sentence.replace(/\s+/g, ' ')].map((cell) => cell.replaceAll('|', '\\|'));
    });
}
