/** Tools by name: globs in which `*` stands for any text, matched against the whole name whatever its case. */
export interface ToolNameOptions {
  /** Names that are not available. */
  readonly ignore?: readonly string[];
  /** Where given, no other names are available; an empty list leaves none. */
  readonly allow?: readonly string[];
}

type Matcher = (name: string) => boolean;

/** Tells whether a tool of this name is available. */
export function matchToolNames({ ignore = [], allow }: ToolNameOptions): Matcher {
  const ignored = ignore.map((glob) => compileGlob(glob.toLowerCase()));
  const allowed = allow?.map((glob) => compileGlob(glob.toLowerCase()));
  return (name) => {
    const folded = name.toLowerCase();
    if (ignored.some((matches) => matches(folded))) return false;
    return allowed === undefined || allowed.some((matches) => matches(folded));
  };
}

/** For names that are the same character for character. */
export function compileExact(glob: string): Matcher {
  return compileGlob(glob);
}

/** For names that look the same: whatever their case and width, with spaces and characters that nobody sees left out. */
export function compileFolded(glob: string): Matcher {
  // Folded piece by piece, since there are letters that become the star of a glob.
  const matches = compilePieces(glob.split('*').map(foldToolName));
  return (name) => matches(foldToolName(name));
}

/** In both directions of case, since some letters have one only. */
function foldToolName(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\s]/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC');
}

function compileGlob(glob: string): Matcher {
  return compilePieces(glob.split('*'));
}

/** Each piece is taken where it first occurs, which leaves the most to the next; nothing is tried twice. */
function compilePieces([first = '', ...pieces]: string[]): Matcher {
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
