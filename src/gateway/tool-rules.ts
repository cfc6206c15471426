import type { Interceptor, InterceptorLink } from '../relay/intercept.ts';
import { createToolFilter } from '../tools/tool-filter.ts';
import { compileExact, compileFolded } from '../tools/tool-names.ts';
import type { Principal } from './request-context.ts';

type Rules = NonNullable<Principal['tools']>;
type Judge = (name: string) => boolean;

/** A longer name is no tool's, and not worth folding. */
const MAX_NAME_CHARS = 1024;

/** Which tools a principal may call. Rules are compiled when they are first met, and forgotten with their principal. */
export class ToolRules {
  readonly #judges = new WeakMap<Rules, Judge>();

  /**
   * What is denied is so in every spelling that looks the same (case, width, spaces, invisible characters); what is
   * allowed is allowed to the letter. An empty list of what is allowed is nothing.
   */
  mayCall({ tools }: Principal, name: string): boolean {
    if (tools === undefined) return true;
    if (name.length > MAX_NAME_CHARS) return false;
    let judge = this.#judges.get(tools);
    if (judge === undefined) {
      judge = compile(tools);
      this.#judges.set(tools, judge);
    }
    return judge(name);
  }

  /** Hides what may not be called from the lists of a session, whose principal may get other rules on the way. */
  interceptFor(session: { readonly principal: Principal }): (link: InterceptorLink) => Interceptor {
    const create = createToolFilter((name) => this.mayCall(session.principal, name));
    return (link) => {
      const filter = create(link);
      return {
        // Most principals have no rules, and then nothing is looked for in what they send.
        up: (message) => (session.principal.tools === undefined ? message : filter.up?.(message)),
        down: (message) => filter.down?.(message),
        unsent: (message) => filter.unsent?.(message),
      };
    };
  }
}

function compile({ allow, deny = [] }: Rules): Judge {
  const isDenied = deny.map(compileFolded);
  const isAllowed = allow?.map(compileExact);
  return (name) => !isDenied.some((matches) => matches(name)) && (isAllowed?.some((matches) => matches(name)) ?? true);
}
