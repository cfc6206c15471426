const WITH_KEY = /^(\/t\/([A-Za-z0-9._~-]{1,512}))(\/.*)$/;

export interface KeyedPath {
  /** The key that stood in the path; undefined where none did. */
  readonly pathKey: string | undefined;
  /** `/t/<key>`, which addresses that are told to the client keep; empty where there is no key. */
  readonly prefix: string;
  /** What is asked for. */
  readonly path: string;
}

/** Takes `/t/<key>` off a path, where keys are taken from there at all. */
export function takePathKey(path: string, isOptedIn: boolean): KeyedPath {
  const [, prefix, pathKey, rest] = (isOptedIn && WITH_KEY.exec(path)) || [];
  if (prefix === undefined || rest === undefined) return { pathKey: undefined, prefix: '', path };
  return { pathKey, prefix, path: rest };
}
