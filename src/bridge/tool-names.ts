/** Tools by name: globs in which `*` stands for any text, matched against the whole name whatever its case. */
export interface ToolNameOptions {
  /** Names that are not available. */
  readonly ignore?: readonly string[];
  /** Where given, no other names are available; an empty list leaves none. */
  readonly allow?: readonly string[];
}

/** Tells whether a tool of this name is available. */
export function matchToolNames({ ignore = [], allow }: ToolNameOptions): (name: string) => boolean {
  const ignored = ignore.map(compileGlob);
  const allowed = allow?.map(compileGlob);
  return (name) => {
    const folded = name.toLowerCase();
    if (ignored.some((matches) => matches(folded))) return false;
    return allowed === undefined || allowed.some((matches) => matches(folded));
  };
}

/** For text in lower case. Each piece is taken where it first occurs, which leaves the most to the next; nothing is tried twice. */
function compileGlob(glob: string): (text: string) => boolean {
  const pieces = glob.toLowerCase().split('*');
  const first = pieces.shift() ?? '';
  const last = pieces.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const piece of pieces) {
      const found = text.indexOf(piece, at);
      if (found === -1 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}
