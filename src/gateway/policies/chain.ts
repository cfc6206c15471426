import type { Policy, Verdict } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';

/** A policy and the name by which the order of the chain is pinned. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: Policy;
}

/** Asks the policies in order; the first that does not let the request through ends it. */
export async function admit(policies: readonly NamedPolicy[], context: RequestContext): Promise<Verdict> {
  for (const { policy } of policies) {
    const verdict = policy(context);
    // Most policies know at once, and a promise each would cost more than they do.
    const known = verdict instanceof Promise ? await verdict : verdict;
    if (known !== undefined) return known;
  }
  return undefined;
}
