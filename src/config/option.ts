/** One option of the command line: the single place that its type, default, environment name and help text come from. */
export interface Option {
  /** As on the command line, without the dashes. */
  readonly name: string;
  /** `seconds` may have a fraction; a `group` is an object of named objects, each of which may have `members`. */
  readonly kind: 'text' | 'integer' | 'seconds' | 'choice' | 'flag' | 'list' | 'group';
  readonly help: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  readonly short?: string;
  /** A heading of the help text that stands before this option. */
  readonly heading?: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly default?: string | number;
  /** Never shown; and taken from a file too, by the environment twin with `_FILE`, unless that is another's twin. */
  readonly isSecret?: boolean;
  /** Of the command line alone: a question such as `--version`, whose twin a container may well set for its own ends. */
  readonly hasNoTwin?: boolean;
  /** Stands on the command line without a name, and has one in the environment and in files. */
  readonly isArgument?: boolean;
  /** A text that may be empty, which then means something. */
  readonly mayBeEmpty?: boolean;
  /** A path; in a configuration file it starts at that file's folder. */
  readonly isPath?: boolean;
  /** JSON, or `@` and the path of a file of it; in a configuration file it may stand as the object itself. */
  readonly isJson?: boolean;
  /** Between the name and the value that each entry of a list is; in a configuration file they may be an object. */
  readonly separator?: ':' | '=';
  /** A list that in a configuration file may be its only entry. */
  readonly mayBeOne?: boolean;
  /** What each object of a group may have. */
  readonly members?: readonly Option[];
  /** What the objects of a group may be called, and what not because it has another use. */
  readonly memberNames?: { readonly pattern: RegExp; readonly taken: readonly string[] };
  /** A rate, which in a configuration file may be a number too. */
  readonly isRate?: boolean;
  /** A flag that is another way to write an option with a value. */
  readonly means?: { readonly name: string; readonly value: string };
  /** Names the configuration file, so it cannot stand in one. */
  readonly isConfigFile?: boolean;
}

type ValueOf<O extends Option> = O['kind'] extends 'integer' | 'seconds'
  ? number
  : O['kind'] extends 'flag'
    ? boolean
    : O['kind'] extends 'list'
      ? readonly string[]
      : O['kind'] extends 'choice'
        ? O['choices'] extends readonly (infer C)[]
          ? C
          : string
        : O['kind'] extends 'group'
          ? O['members'] extends readonly Option[]
            ? Readonly<Record<string, OptionValues<O['members']>>>
            : never
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

/** The options of a table that a configuration file may hold. */
export function optionsOfFiles(table: readonly Option[]): Option[] {
  return table.filter(({ hasNoTwin, isConfigFile }) => hasNoTwin !== true && isConfigFile !== true);
}
