import { type EntryRule, type FoundServer, warning } from './client-file.ts';

/** A reference to what stands elsewhere is no secret. */
const REFERENCE = /\$\{?[A-Za-z_]|%[A-Za-z_]+%|\{env:|\{\{/;
const SECRET_NAME = /authorization|cookie|password|passwd|secret|token|api[-_]?key|credential/i;
const SECRET_FLAG = /^--?(?:[a-z-]*(?:token|password|secret|api-?key))(?:=(.+))?$/i;
const SECRET_TEXT =
  /\bmdb_[\w-]{6,}|\b(?:bearer|basic)[\s_]+[\w.~+/=-]{8,}|\b(?:sk|ghp|gho|xox[abp])[-_][\w-]{8,}|\/\/[^\s/:@]*:[^\s/@]+@|\/t\/[^\s/?]{6,}\//i;
const SECRET_HEADER = /^(?:authorization|[\w-]*api-?key|cookie|[\w-]*token)\s*[:=]\s*\S{6,}/i;

const isInArguments: EntryRule = (server) =>
  hasSecretArgument(server)
    ? warning(
        'has a secret in its args, which every user of this machine can read in the list of processes',
        'Put it in env, for the bridge as DRAWBRIDGE_HEADER, or in a file that --header-file names.',
      )
    : undefined;

function hasSecretArgument({ args }: FoundServer): boolean {
  return args.some((arg, index) => {
    if (REFERENCE.test(arg)) return false;
    const [isFlag, value = args[index + 1]] = SECRET_FLAG.exec(arg) ?? [];
    if (isFlag !== undefined && value !== undefined && !value.startsWith('-') && !REFERENCE.test(value)) return true;
    return SECRET_TEXT.test(arg) || SECRET_HEADER.test(arg);
  });
}

/** Whether the file itself has a credential of this entry in it. */
export function hasSecret(server: FoundServer): boolean {
  const pairs = [...Object.entries(server.env), ...Object.entries(server.headers)];
  return (
    hasSecretArgument(server) ||
    pairs.some(([name, value]) => {
      return value !== '' && !REFERENCE.test(value) && (SECRET_NAME.test(name) || SECRET_TEXT.test(value));
    }) ||
    SECRET_TEXT.test(server.address?.text ?? '')
  );
}

export const SECRET_RULES: readonly EntryRule[] = [isInArguments];
