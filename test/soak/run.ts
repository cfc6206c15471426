/** The soak itself: processes, cuts, samples, and what must hold at the end. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { until, within } from '../parts/deadline.ts';
import { type FaultProxy, startFaultProxy } from '../parts/fault-proxy.ts';
import { Random } from './random.ts';
import { Tally } from './tally.ts';
import { visit } from './visit.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly rate: number;
  readonly clients: number;
  readonly seed: number;
}

interface Sample {
  readonly minute: number;
  readonly rssBytes: number;
}

const MB = 1024 * 1024;
const SAMPLE_MS = 5000;
const REPORT_MS = 60_000;
/** Between two cuts, on the average. */
const CUT_EVERY_MS = 1500;
/** What the line through the second half may rise by, in all: at 30 minutes that is 1 MB a minute. */
const MAX_RISE_BYTES = 16 * MB;
const SPARE_DESCRIPTORS = 4;

export async function run(
  { minutes, rate, clients, seed }: SoakOptions,
  scripts: { readonly gateway: string; readonly upstream: string },
): Promise<boolean> {
  console.log(`soak: ${minutes} minutes, ${rate} actions a second, ${clients} clients, --seed ${seed}`);
  const random = new Random(seed);
  const tally = new Tally();
  const upstream = fork(scripts.upstream, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const { port: upstreamPort } = await receive<{ port: number }>(upstream);
  const up = await startFaultProxy(upstreamPort);
  const gateway = forkGateway(scripts.gateway, up);
  let log = '';
  let ending: string | undefined;
  gateway.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000);
  });
  gateway.on('exit', (code, signal) => {
    ending = `the gateway ended with ${signal ?? code}`;
  });
  const { port } = await receive<{ port: number }>(gateway);
  const down = await startFaultProxy(port);

  const turns = new Turns(rate);
  const startedAt = performance.now();
  const endAt = startedAt + minutes * 60_000;
  const isOver = (): boolean => performance.now() > endAt || ending !== undefined;
  // A few visits first: what they load and compile is there from then on.
  const plan = { link: down, tally, turn: () => turns.next(), isOver };
  for (let count = 0; count < 4; count++) await visit({ ...plan, random: new Random(seed + count) });
  const isQuiet = (): boolean => up.connectionCount === 0 && down.connectionCount === 0;
  await until('the first visits are over', isQuiet, 30_000);
  const descriptorsBefore = descriptorsOf(gateway);

  const samples: Sample[] = [];
  const sampler = setInterval(() => {
    if (ending === undefined)
      samples.push({ minute: (performance.now() - startedAt) / 60_000, rssBytes: rssOf(gateway) });
  }, SAMPLE_MS);
  const report = async (): Promise<void> => {
    const { sessions, heapBytes } = await ask(gateway);
    const minute = ((performance.now() - startedAt) / 60_000).toFixed(1);
    const figures = `RSS ${megabytes(rssOf(gateway))}, heap ${megabytes(heapBytes)}, sessions ${sessions}, descriptors ${descriptorsOf(gateway)}`;
    console.log(`minute ${minute}: ${figures}; ${tally.line}`);
  };
  const reporter = setInterval(() => void report().catch(() => {}), REPORT_MS);
  const cutter = cutAtRandom([up, down], random, tally);

  await Promise.all(
    Array.from({ length: clients }, async (_none, index) => {
      const own = new Random(seed + 1000 + index);
      while (!isOver()) await visit({ ...plan, random: own });
    }),
  );
  for (const timer of [sampler, reporter]) clearInterval(timer);
  cutter();
  turns.stop();

  const faults = [...tally.faults];
  if (ending === undefined) {
    await report();
    // Sessions that nobody ended have 5 s of idleness and the beat after it.
    const hasNone = async (): Promise<boolean> => (await ask(gateway)).sessions === 0;
    await until('no session is left', hasNone, 30_000).catch((error: Error) => faults.push(error.message));
    const isBack = (): boolean => descriptorsOf(gateway) <= descriptorsBefore + SPARE_DESCRIPTORS;
    await until('descriptors are back', isBack, 30_000).catch((error: Error) => faults.push(error.message));
    console.log(`descriptors: ${descriptorsBefore} before, ${descriptorsOf(gateway)} after`);
    const half = samples.slice(samples.length >> 1);
    const slope = slopeOf(half);
    const lasted = (half.at(-1)?.minute ?? 0) - (half[0]?.minute ?? 0);
    console.log(
      `RSS over the second half: ${slope >= 0 ? '+' : ''}${(slope / MB).toFixed(2)} MB/min (${half.length} samples)`,
    );
    if (slope * lasted > MAX_RISE_BYTES) faults.push(`RSS rises by ${(slope / MB).toFixed(2)} MB/min`);
  } else faults.push(ending);
  if (/unhandled|uncaught|error /i.test(log)) faults.push(`the gateway's log has an error:\n${log.slice(-2000)}`);
  if (tally.answered === 0 || tally.cuts === 0) faults.push('there was no traffic to speak of');

  gateway.removeAllListeners('exit');
  for (const child of [gateway, upstream]) await stop(child);
  await Promise.all([up.close(), down.close()]);
  for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
  console.log(faults.length === 0 ? 'soak: everything held' : `soak: ${faults.length} faults (--seed ${seed})`);
  return faults.length === 0;
}

function forkGateway(script: string, up: FaultProxy): ChildProcess {
  const options = {
    auth: 'none',
    upstream: up.url('/sse'),
    upstreamTransport: 'sse',
    upstreams: { http: { upstream: up.url('/mcp'), upstreamTransport: 'http' } },
    heartbeatMs: 2000,
    sessionIdleMs: 5000,
    limitCalls: 1e7,
    limitRequests: 1e7,
    limitAddress: 1e7,
    maxSessionsPerPrincipal: 10_000,
    maxSessions: 10_000,
    maxStreamsPerAddress: 10_000,
  };
  const execArgv = ['--expose-gc'];
  return fork(script, [JSON.stringify(options)], { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}

/** Cuts one connection after the other, on either side, until it is stopped. */
function cutAtRandom(links: readonly FaultProxy[], random: Random, tally: Tally): () => void {
  let timer: NodeJS.Timeout;
  const cutNext = (): void => {
    const link = random.pick(links);
    if (link.connectionCount > 0) {
      link.cut(random.pick(['fin', 'rst']), random.below(link.connectionCount));
      tally.cuts++;
      tally.cutAt = performance.now();
    }
    timer = setTimeout(cutNext, random.next() * 2 * CUT_EVERY_MS);
  };
  timer = setTimeout(cutNext, CUT_EVERY_MS);
  return () => clearTimeout(timer);
}

/** Lets so many actions a second begin. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(rate: number) {
    this.#timer = setInterval(() => this.#waiting.shift()?.(), 1000 / rate);
  }

  next(): Promise<void> {
    return new Promise((fulfil) => this.#waiting.push(fulfil));
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const fulfil of this.#waiting.splice(0)) fulfil();
  }
}

function receive<T>(child: ChildProcess): Promise<T> {
  return within(10_000, 'a message of the process', once(child, 'message')).then(([message]) => message as T);
}

function ask(gateway: ChildProcess): Promise<{ sessions: number; heapBytes: number }> {
  const answer = receive<{ sessions: number; heapBytes: number }>(gateway);
  gateway.send('figures');
  return answer;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await within(8000, 'the process ends', exited).catch(() => child.kill('SIGKILL'));
}

function descriptorsOf({ pid }: ChildProcess): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function rssOf({ pid }: ChildProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Least squares, in bytes a minute. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [minute, rss] = [mean((sample) => sample.minute), mean((sample) => sample.rssBytes)];
  const covariance = mean((sample) => (sample.minute - minute) * (sample.rssBytes - rss));
  const variance = mean((sample) => (sample.minute - minute) ** 2);
  return variance === 0 ? 0 : covariance / variance;
}

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}
