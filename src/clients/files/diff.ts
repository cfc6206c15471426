/** How many lines of what stays are shown around what changes. */
const CONTEXT = 2;

/**
 * What changes from one text to the other, as a unified diff of one piece: all from the first line that differs to
 * the last. An edit of ours is one place in a file, so no search for what may have moved is needed. Empty for the
 * same text.
 */
export function diffTexts(before: string, after: string): string {
  if (before === after) return '';
  const old = linesOf(before);
  const now = linesOf(after);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same++;
  let tail = 0;
  while (tail < old.length - same && tail < now.length - same && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const from = Math.max(0, same - CONTEXT);
  const head = old.slice(from, same);
  const rest = old.slice(old.length - tail, old.length - tail + CONTEXT);
  const removed = old.slice(same, old.length - tail);
  const added = now.slice(same, now.length - tail);
  const sizeOf = (changed: readonly string[]): number => head.length + changed.length + rest.length;
  return [
    `@@ -${rangeOf(from, sizeOf(removed))} +${rangeOf(from, sizeOf(added))} @@`,
    ...head.map((line) => ` ${line}`),
    ...removed.map((line) => `-${line}`),
    ...added.map((line) => `+${line}`),
    ...rest.map((line) => ` ${line}`),
  ].join('\n');
}

/** A range of no lines is said to begin before the first. */
function rangeOf(from: number, size: number): string {
  return `${size === 0 ? from : from + 1},${size}`;
}

/** The end of the last line is no line of its own; a carriage return is not shown. */
function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** A key that by its name holds a secret, or an option of a command, and the value behind it, quoted or not. */
const SECRET =
  /((?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)["']?\s*[:=,]\s*)("[^"]*"|'[^']*'|[^\s"'#,}\]]+)/gi;

/**
 * A line of a client's file to be shown: other servers' keys stand there too. What only names a variable, such as
 * `${TOKEN}`, is no secret.
 */
export function maskLine(line: string): string {
  return line.replace(SECRET, (all, name: string, value: string) => {
    const quote = /^["']/.exec(value)?.[0] ?? '';
    const inner = quote === '' ? value : value.slice(1, -1);
    return inner === '' || /^\$|^\{/.test(inner) ? all : `${name}${quote}***${quote}`;
  });
}
