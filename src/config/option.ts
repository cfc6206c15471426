/** One option of the command line: the single place that its type, default, environment name and help text come from. */
export interface Option {
  /** As on the command line, without the dashes. */
  readonly name: string;
  readonly kind: 'text' | 'integer' | 'choice' | 'flag' | 'list';
  readonly help: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly default?: string | number;
  /** Taken from a file too, by the environment twin with `_FILE`; never shown. */
  readonly isSecret?: boolean;
  /** Of the command line alone: a question such as `--version`, whose twin a container may well set for its own ends. */
  readonly hasNoTwin?: boolean;
}

type ValueOf<O extends Option> = O['kind'] extends 'integer'
  ? number
  : O['kind'] extends 'flag'
    ? boolean
    : O['kind'] extends 'list'
      ? readonly string[]
      : O['kind'] extends 'choice'
        ? O['choices'] extends readonly (infer C)[]
          ? C
          : string
        : string;

/** The parsed values of a table of options, by option name; what was not given and has no default is missing. */
export type OptionValues<T extends readonly Option[]> = {
  readonly [O in T[number] as O['name']]?: ValueOf<O>;
};

/** `max-body-bytes` is also `DRAWBRIDGE_MAX_BODY_BYTES`. */
export function environmentName(option: Option): string {
  return `DRAWBRIDGE_${option.name.toUpperCase().replaceAll('-', '_')}`;
}

/** `max-body-bytes` is `maxBodyBytes` in code and in files. */
export function propertyName(option: Option): string {
  return option.name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
