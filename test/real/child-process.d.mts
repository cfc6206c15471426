/** Runs a program to its end and resolves to what it wrote to stdout; rejects with the tail of all that it printed. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    /** Names the program in errors. */
    readonly label: string;
    readonly deadlineMs?: number;
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<string>;
