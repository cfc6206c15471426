/** One client's visit: a session with some calls in it, ended well or badly. */
import { until } from '../parts/deadline.ts';
import type { FaultProxy } from '../parts/fault-proxy.ts';
import { openClient, type RawMcpClient, type Reply, type Speech } from '../parts/raw-mcp-client.ts';
import type { Random } from './random.ts';
import type { Tally } from './tally.ts';

export interface VisitPlan {
  readonly link: FaultProxy;
  readonly random: Random;
  readonly tally: Tally;
  /** Settles when this client may do something again. */
  readonly turn: () => Promise<void>;
  readonly isOver: () => boolean;
}

/** From the moment that everything a call needs is there; the slowest tool takes 300 ms. */
const ANSWER_MS = 30_000;
/** When a request of the server has surely gone with the stream that carried it. */
const ASK_MS = 5000;
/** When a stream that was cut is surely open again: the gateway waits 5 s between two tries at most. */
const REOPENED_MS = 6000;
const CAPABILITIES = '{"sampling":{},"elicitation":{},"roots":{}}';
const PATHS = ['/sse', '/mcp', '/http/sse', '/http/mcp'] as const;
/** What the SDK's server asks of a client. */
const REPLIES: Readonly<Record<string, string>> = {
  'sampling/createMessage': '{"role":"assistant","model":"soak","content":{"type":"text","text":"something"}}',
  'elicitation/create': '{"action":"accept","content":{"colour":"red"}}',
  'roots/list': '{"roots":[]}',
  ping: '{}',
};

interface Action {
  readonly name: string;
  readonly args: string;
  /** What a result must have in it. */
  readonly expects: string;
}

const CANCELLED: Action = { name: 'slow', args: '{"ms":200}', expects: '' };
const ASK: Action = { name: 'ask', args: '{}', expects: 'something' };

export async function visit(plan: VisitPlan): Promise<void> {
  const { link, random, tally } = plan;
  const path = random.pick(PATHS);
  const speech: Speech = path.endsWith('sse') ? 'sse' : 'http';
  const respond = (method = ''): string | undefined => {
    tally.sampled++;
    return REPLIES[method];
  };
  let client: RawMcpClient;
  let isListening = false;
  try {
    client = await openClient(link.url(''), speech, {}, { path, capabilities: CAPABILITIES, respond });
    // Over SSE there is a stream anyway; without one a client cannot be asked anything.
    isListening = speech === 'sse' || random.chance(0.5);
    if (isListening) await client.listen();
  } catch {
    // The handshake met a cut, on either side.
    tally.refusedSessions++;
    return;
  }
  tally.sessions++;
  const count = 1 + random.below(10);
  const calls: Promise<void>[] = [];
  for (let id = 1; id <= count && !plan.isOver(); id++) {
    await plan.turn();
    // Some at once, some one after the other.
    const call = callOnce(client, path, choose(random, id, isListening), id, plan);
    calls.push(call);
    if (random.chance(0.6)) await call;
  }
  if (random.chance(0.2)) client.vanish(random.pick(['fin', 'rst']));
  await Promise.all(calls);
  tally.progress += client.messages.filter((text) => text.includes('notifications/progress')).length;
  await client.close().catch(() => {});
}

function choose(random: Random, id: number, isListening: boolean): Action {
  if (random.chance(0.1)) return CANCELLED;
  if (isListening && random.chance(0.1)) return ASK;
  const text = `text ${id} ${random.below(1e9)} é😀`;
  return random.pick<Action>([
    { name: 'echo', args: JSON.stringify({ text }), expects: text },
    { name: 'echo', args: JSON.stringify({ text }), expects: text },
    { name: 'echo', args: JSON.stringify({ text }), expects: text },
    { name: 'slow', args: `{"ms":${random.below(300)}}`, expects: 'done' },
    { name: 'progress', args: '{}', expects: 'done' },
    { name: 'big', args: '{"bytes":1000000}', expects: 'x'.repeat(1_000_000) },
  ]);
}

async function callOnce(
  client: RawMcpClient,
  path: string,
  action: Action,
  id: number,
  plan: VisitPlan,
): Promise<void> {
  const { tally } = plan;
  const { name, args, expects } = action;
  const what = `${name} (id ${id}) over ${path}`;
  const meta = name === 'progress' ? `,"_meta":{"progressToken":${id}}` : '';
  const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}${meta}}}`;
  const posted = client.post(body).catch(() => undefined);
  if (action === CANCELLED) {
    tally.cancelled++;
    const params = `{"requestId":${id},"reason":"soak"}`;
    await client.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`).catch(() => {});
    if (client.answers(String(id)).length > 1) tally.twice.push(what);
    return;
  }
  const calledAt = performance.now();
  // Of what a server sends by itself on a stream that is cut, or is just being opened again, nobody can tell that it is
  // missing: not the gateway either.
  const mayBeMissed = (): boolean => action === ASK && tally.cutAt > calledAt - REOPENED_MS;
  const outcome = await outcomeOf(client, String(id), posted, plan, mayBeMissed);
  const answers = client.answers(String(id));
  if (answers.length > 1) tally.twice.push(what);
  else if (outcome === 'lost') tally.lost++;
  else if (outcome !== 'answered') tally.never.push(`${what}, ${outcome}`);
  else if (answers[0]!.includes('"error"')) tally.failed++;
  else if (answers[0]!.includes(expects)) tally.answered++;
  else tally.wrong.push(`${what}: ${answers[0]!.slice(0, 200)}`);
}

async function outcomeOf(
  client: RawMcpClient,
  id: string,
  posted: Promise<Reply | undefined>,
  { link }: VisitPlan,
  mayBeMissed: () => boolean,
): Promise<'answered' | 'lost' | `its POST ${string}`> {
  const isAnswered = (): boolean => client.answers(id).length > 0;
  // Whatever was cut here, the gateway cannot help; what it cuts itself it must have answered before.
  const isCut = (): boolean => client.hasVanished || client.ports.some((port) => link.hasCut(port));
  const askedAt = performance.now();
  const isMissed = (): boolean => performance.now() - askedAt > ASK_MS && mayBeMissed();
  // Over SSE the answer comes on the stream where the message was accepted, else in the response to its POST.
  let isPostOver = false;
  let isAccepted = false;
  let fate = 'under way';
  posted.then(async (reply) => {
    if (reply !== undefined) fate = `begun with ${reply.status}`;
    const isComplete = await reply?.isComplete;
    fate = reply === undefined ? 'lost' : `over with ${reply.status}, ${isComplete === true ? 'whole' : 'cut short'}`;
    isAccepted = reply?.status === 202;
    isPostOver = true;
  });
  const isOver = (): boolean => isPostOver && (!isAccepted || client.isStreamLost);
  try {
    await until('an outcome', () => isAnswered() || isOver() || isCut() || isMissed(), ANSWER_MS);
  } catch {
    return `its POST ${fate} after ${ANSWER_MS / 1000} s`;
  }
  // What had arrived when the end was seen is read by now, or in the next turn.
  await new Promise((fulfil) => setImmediate(fulfil));
  if (isAnswered()) return 'answered';
  return isCut() || isMissed() ? 'lost' : `its POST ${fate}`;
}
