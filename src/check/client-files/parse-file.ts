import type { Entry } from '../../clients/server-entry.ts';

type Path = readonly (string | number)[];

export interface ParsedText {
  readonly content: unknown;
  /** The line, from 1, of what stands at a path of keys; undefined where that is not known. */
  lineOf(path: Path): number | undefined;
}

/** The content of a client's file. Throws `config`, whose `why` has line and column. */
export async function parseText(text: string, path: string, format: Entry['format']): Promise<ParsedText> {
  if (format === 'toml') return parseTomlText(text, path);
  return format === 'yaml' ? parseYamlText(text, path) : parseJsonText(text, path);
}

async function parseJsonText(text: string, file: string): Promise<ParsedText> {
  const [{ findJsonNode, parseJson, plainValue }, { positionAt }] = await Promise.all([
    import('../../clients/files/json.ts'),
    import('../../clients/files/file-text.ts'),
  ]);
  const root = parseJson({ text, file });
  return {
    content: root === undefined ? undefined : plainValue(root),
    lineOf: (path) => {
      const node = root === undefined ? undefined : findJsonNode(root, path.map(String));
      return node === undefined ? undefined : positionAt(text, (node.parent ?? node).offset).line;
    },
  };
}

/** Tables have headers, by which their lines are found. */
async function parseTomlText(text: string, file: string): Promise<ParsedText> {
  const { parseToml } = await import('../../clients/files/toml.ts');
  const content = parseToml(text, file);
  const lines = text.split('\n').map((line) => line.replace(/["'\s]/g, ''));
  return {
    content,
    lineOf: (path) => {
      const name = path.join('.').replace(/["'\s]/g, '');
      const index = lines.findIndex((line) => line.startsWith(`[${name}]`) || line.startsWith(`[${name}.`));
      return index === -1 ? undefined : index + 1;
    },
  };
}

async function parseYamlText(text: string, file: string): Promise<ParsedText> {
  const [{ parseYaml }, { positionAt }] = await Promise.all([
    import('../../clients/files/yaml.ts'),
    import('../../clients/files/file-text.ts'),
  ]);
  const document = parseYaml({ text, file });
  return {
    content: document.toJS({ maxAliasCount: 100 }) as unknown,
    lineOf: (path) => {
      const node = document.getIn(path, true) as { range?: readonly [number, number, number] } | undefined;
      const offset = node?.range?.[0];
      return offset === undefined ? undefined : positionAt(text, offset).line;
    },
  };
}
