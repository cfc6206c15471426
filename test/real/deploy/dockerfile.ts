/** Reads a Dockerfile, as far as ours go: what it does not know is an error, so that nothing is passed over. */
export interface Copy {
  readonly kind: 'copy';
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly destination: string;
}

export type Step =
  | Copy
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'folder'; readonly path: string };

export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly steps: Step[];
  readonly env: Record<string, string>;
  user: string;
  folder: string;
  entrypoint: readonly string[];
  command: readonly string[];
  healthcheck: readonly string[];
}

const UNREAD = ['LABEL', 'EXPOSE', 'STOPSIGNAL'];

/** The stages in their order; the last is the image. */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ');
  for (const line of lines.split('\n').filter((each) => each.trim() !== '')) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (word === 'FROM') stages.push(parseFrom(rest));
    else if (!UNREAD.includes(word)) readInto(stages.at(-1)!, word, rest);
  }
  return stages;
}

function parseFrom(rest: string): Stage {
  const [, base, name] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
  if (base === undefined) throw new Error(`not understood: FROM ${rest}`);
  return { base, name, steps: [], env: {}, user: '', folder: '/', entrypoint: [], command: [], healthcheck: [] };
}

function readInto(stage: Stage, word: string, rest: string): void {
  switch (word) {
    case 'RUN':
      stage.steps.push({ kind: 'run', command: rest });
      return;
    case 'COPY':
      stage.steps.push(parseCopy(rest));
      return;
    case 'WORKDIR':
      stage.folder = rest;
      stage.steps.push({ kind: 'folder', path: rest });
      return;
    case 'ENV':
      for (const [, name, value] of rest.matchAll(/(\w+)=(\S+)/g)) stage.env[name!] = value!;
      return;
    case 'USER':
      stage.user = rest;
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = JSON.parse(rest) as string[];
      return;
    case 'CMD':
      stage.command = JSON.parse(rest) as string[];
      return;
    case 'HEALTHCHECK':
      stage.healthcheck = JSON.parse(rest.replace(/^(--\S+\s+)*CMD\s+/, '')) as string[];
      return;
    default:
      throw new Error(`not understood: ${word} ${rest}`);
  }
}

function parseCopy(rest: string): Copy {
  const words = rest.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const paths = words.filter((word) => !word.startsWith('--'));
  const destination = paths.pop();
  if (destination === undefined || paths.length === 0) throw new Error(`not understood: COPY ${rest}`);
  const from = flags.find((flag) => flag.startsWith('--from='))?.slice('--from='.length);
  return { kind: 'copy', from, sources: paths, destination };
}
