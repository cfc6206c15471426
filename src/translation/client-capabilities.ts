import { CAPABILITIES_FIELD } from '../message/era.ts';
import { findField } from '../message/fields.ts';
import type { Message } from '../message/message.ts';

/** What a server may ask during a call, and the capability of the client that allows it. */
const QUESTIONS: Readonly<Record<string, string>> = {
  'roots/list': 'roots',
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
};
/** The capabilities that both eras have, with the members that say more. */
const CAPABILITIES = { roots: [], sampling: ['context', 'tools'], elicitation: ['form', 'url'] } as const;
/** The methods that may be answered with `input_required` (MCP 2026-07-28, multi round-trip requests). */
const ASKING_METHODS: ReadonlySet<string | undefined> = new Set(['tools/call', 'prompts/get', 'resources/read']);
const NONE = '{}';

/** Whether the server may ask something before it answers this request. */
export function mayBeAsked({ method }: Message): boolean {
  return ASKING_METHODS.has(method);
}

/** Whether a client with these capabilities can be asked this. */
export function canAnswer(capabilities: string, method: string | undefined): boolean {
  const name = method !== undefined && Object.hasOwn(QUESTIONS, method) ? QUESTIONS[method] : undefined;
  return name !== undefined && capabilities.includes(`"${name}":`);
}

/**
 * What the client of a modern request can be asked, as the JSON text that a legacy server is told: always the same text
 * for the same capabilities, of which there are few. It has not `listChanged`, which no modern client tells.
 */
export function capabilitiesOf(request: Message | undefined): string {
  const at = request === undefined ? undefined : findField(request, CAPABILITIES_FIELD);
  const declared = at === undefined ? undefined : objectIn(request?.bytes.toString('utf8', at.start, at.end) ?? NONE);
  if (declared === undefined) return NONE;
  const parts = Object.entries(CAPABILITIES).flatMap(([name, members]) => {
    const capability = isObject(declared[name]) ? declared[name] : undefined;
    if (capability === undefined) return [];
    const own = members.filter((member) => isObject(capability[member])).map((member) => `"${member}":{}`);
    return [`"${name}":{${own.join(',')}}`];
  });
  return `{${parts.join(',')}}`;
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
