/**
 * Our side: a process that reads the series over HTTP every so often, as Prometheus does, and steps thresholds and the
 * stream detector for each. It has seen a past of each series before it begins, so that what it costs is what it costs
 * for good. Arguments: address, count, interval in ms, points of the past. Tells its parent when it is ready and what it
 * found in each look.
 */
import { get } from 'node:http';
import { createStreamDetector, type StreamState } from '../../src/detect/stream/stream-detector.ts';
import { ExpositionReader } from './exposition-reader.ts';
import { BOUND, type Found, isPlanted, valueAt } from './series.ts';

export type WatcherMessage = { readonly kind: 'ready' } | ({ readonly kind: 'look' } & Found);

const [address, count, everyMs, past] = process.argv.slice(2) as [string, string, string, string];
const detector = createStreamDetector();
const states: StreamState[] = [];
const reader = new ExpositionReader();

function tell(message: WatcherMessage): void {
  process.send!(message);
}

function learn(): void {
  const now = Date.now();
  for (let series = 0; series < Number(count); series++) {
    const state = detector.start();
    for (let tick = -Number(past); tick < 0; tick++) {
      detector.step(state, now + tick * Number(everyMs), valueAt(series, tick));
    }
    states.push(state);
  }
}

function read(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(address, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(Buffer.concat(chunks)));
      answer.on('error', reject);
    }).on('error', reject);
  });
}

async function look(): Promise<void> {
  const bytes = await read();
  const now = Date.now();
  const found = { series: 0, bound: 0, local: 0, othersLocal: 0 };
  reader.read(bytes, (series, value) => judge(series, value, now, found));
  tell({ kind: 'look', ...found });
}

function judge(series: number, value: number, now: number, found: { -readonly [Key in keyof Found]: number }): void {
  const reading = detector.step(states[series]!, now, value);
  found.series += 1;
  if (reading.local >= 1) found[isPlanted(series, Number(count)) ? 'local' : 'othersLocal'] += 1;
  if (Math.abs(value) > BOUND) found.bound += 1;
}

learn();
tell({ kind: 'ready' });
process.once('message', () => {
  void look();
  setInterval(() => void look(), Number(everyMs));
});
process.once('disconnect', () => process.exit());
