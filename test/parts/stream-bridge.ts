/** A bridge in this process, between two streams that the test holds in its hands. */
import { PassThrough } from 'node:stream';
import { type Bridge, createBridge } from '../../src/bridge/bridge.ts';
import type { BridgeOptions } from '../../src/bridge/bridge-options.ts';
import { until } from './deadline.ts';

export interface StreamBridge {
  readonly bridge: Bridge;
  readonly input: PassThrough;
  /** Every line on the output so far. */
  readonly lines: readonly string[];
  writeLine(line: string): void;
  /** The first line that fits, be it there already or still to come. */
  line(label: string, fits: (line: string) => boolean): Promise<string>;
}

export function startStreamBridge(options: Omit<BridgeOptions, 'input' | 'output'>): StreamBridge {
  const input = new PassThrough();
  const output = new PassThrough();
  const lines: string[] = [];
  let rest = '';
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const pieces = (rest + chunk).split('\n');
    rest = pieces.pop() ?? '';
    lines.push(...pieces);
  });
  const bridge = createBridge({ ...options, input, output });
  return {
    bridge,
    input,
    lines,
    writeLine: (line) => void input.write(`${line}\n`),
    line: async (label, fits) => {
      await until(label, () => lines.some(fits));
      return lines.find(fits)!;
    },
  };
}
