import { usageError } from './report.ts';

/**
 * The text with each `${NAME}` replaced by that variable. Throws `usage`, naming the variable and `where` it is asked
 * for, when it is not set or is empty: what a server would say of half a credential helps nobody.
 */
export function expandVariables(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  where: string,
): string {
  return text.replace(/\$\{([^{}]+)\}/g, (_match, name: string) => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    throw usageError(`the variable ${name} is ${value === undefined ? 'not set' : 'empty'}`, {
      why: `${where} takes it from the environment`,
      hint: `Set ${name}, in the "env" of your MCP client's entry for instance.`,
    });
  });
}
