import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningPrometheus, startPrometheus } from './prometheus.ts';
import { exposition, type Found, isPlanted } from './series.ts';
import { readUsage, type Usage } from './usage.ts';
import type { WatcherMessage } from './watcher.ts';

const WATCHER = join(import.meta.dirname, 'watcher.ts');
/** Enough that every channel speaks and every ring is filled that is shorter than a day. */
const PAST_POINTS = 70;
/** Prometheus scrapes and judges at moments of its own: so many intervals after the last look it has done both. */
const SETTLE_INTERVALS = 2.5;
const HEAP_MIB = 6_144;

export interface ObserveOptions {
  readonly series: number;
  readonly looks: number;
  readonly everySeconds: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface Observed {
  readonly name: string;
  readonly does: string;
  /** Why it did not run. */
  readonly skipped?: string;
  /** Processor time of one look at all series, and the share of one core that this is. */
  readonly cpuMsPerLook?: number;
  readonly corePercent?: number;
  readonly nsPerPoint?: number;
  readonly residentMiB?: number;
  readonly bytesPerSeries?: number;
  /** Told of what jumped: by the bound, and as locally unusual; and of how many others at once the latter. */
  readonly foundBound?: number;
  readonly foundLocal?: number;
  readonly othersLocal?: number;
}

export interface ObserveReport {
  readonly bench: 'observe';
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly load: number;
  readonly prometheus: string | null;
  readonly series: number;
  readonly everySeconds: number;
  readonly looks: number;
  readonly planted: number;
  readonly sides: readonly Observed[];
}

/** Both sides look at the same series at the same rhythm on loopback. Whatever was started has ended when it resolves. */
export async function runObserve(options: ObserveOptions): Promise<ObserveReport> {
  const { series, looks, everySeconds, signal, progress } = options;
  const load = loadavg()[0]!;
  const version = prometheusVersion();
  const source = await serveSeries(options);
  const folder = await mkdtemp(join(tmpdir(), 'kin-observe-'));
  const watcher = startWatcher(source.address, options);
  let prometheus: RunningPrometheus | undefined;
  try {
    progress(`${PAST_POINTS} points of each series are learnt`);
    await watcher.ready;
    if (version !== null) prometheus = await startPrometheus(folder, source.host, options);
    watcher.begin();
    // The first look is of whoever meets the series for the first time: it is not counted.
    await sleep(1.5 * everySeconds * 1_000, undefined, { signal });
    const pids = [watcher.pid, prometheus?.pid];
    const before = pids.map(usageOf);
    for (let look = 1; look <= looks; look++) {
      progress(`look ${look} of ${looks}`);
      await sleep(everySeconds * 1_000, undefined, { signal });
    }
    const after = pids.map(usageOf);
    progress('what is planted jumps');
    source.jump();
    const found = await mostFound(options, watcher, prometheus);
    const own = { ...OWN, ...costOf(options, before[0]!, after[0]!), ...found.own };
    const peer = prometheus
      ? { ...PEER, ...costOf(options, before[1]!, after[1]!), ...found.peer }
      : { ...PEER, skipped: 'prometheus is not installed (Debian: apt-get install prometheus)' };
    const facts = { date: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model ?? 'unknown', load };
    const size = { prometheus: version, series, everySeconds, looks, planted: source.planted };
    return { bench: 'observe', ...facts, ...size, sides: [own, peer] };
  } finally {
    await Promise.allSettled([watcher.close(), prometheus?.close(), source.close()]);
    await rm(folder, { recursive: true, force: true });
  }
}

function usageOf(pid: number | undefined): Usage | undefined {
  if (pid === undefined) return undefined;
  const usage = readUsage(pid);
  if (!usage) throw new Error(`process ${pid} ended before it was measured`);
  return usage;
}

function prometheusVersion(): string | null {
  try {
    return execFileSync('prometheus', ['--version'], { encoding: 'utf8' }).match(/version (\S+)/)?.[1] ?? 'unknown';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function serveSeries({ series, everySeconds }: ObserveOptions) {
  let isJumping = false;
  let kept = { tick: -1, isJumping, text: '' };
  const began = performance.now();
  const server = createServer((_request, response) => {
    const tick = Math.floor((performance.now() - began) / (everySeconds * 1_000));
    if (kept.tick !== tick || kept.isJumping !== isJumping)
      kept = { tick, isJumping, text: exposition(series, tick, isJumping) };
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(kept.text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    address: `http://${host}/metrics`,
    planted: Array.from({ length: series }, (_, at) => at).filter((at) => isPlanted(at, series)).length,
    jump() {
      isJumping = true;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function startWatcher(address: string, { series, everySeconds, signal }: ObserveOptions) {
  const args = [address, String(series), String(everySeconds * 1_000), String(PAST_POINTS)];
  const child: ChildProcess = fork(WATCHER, args, { execArgv: [`--max-old-space-size=${HEAP_MIB}`] });
  let last: Extract<WatcherMessage, { kind: 'look' }> | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: WatcherMessage) => {
      if (message.kind === 'ready') resolve();
      else last = message;
    });
    child.once('exit', (code) => reject(new Error(`the watcher ended with ${code}`)));
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  return {
    pid: child.pid!,
    ready,
    begin: () => void child.send('begin'),
    last(): Found {
      return last ?? { series: 0, bound: 0, local: 0, othersLocal: 0 };
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const OWN = { name: 'kintsugi', does: 'stream detector (51 views and a local channel) and a bound on each series' };
const PEER = { name: 'Prometheus', does: 'two alerting rules: distance to 10 minutes in spreads, and a bound' };

const PAIR = { own: OWN, peer: PEER };

/** What each side told of what jumped. Only the first look after a jump is unusual beside those before. */
async function mostFound(
  { series, everySeconds, signal }: ObserveOptions,
  watcher: ReturnType<typeof startWatcher>,
  prometheus: RunningPrometheus | undefined,
) {
  const most = { own: NOTHING, peer: NOTHING };
  const complete = new Set<'own' | 'peer'>();
  const note = (side: 'own' | 'peer', seen: Found) => {
    // A look that is just being taken is not complete yet.
    if (seen.series === series) complete.add(side);
    const foundBound = Math.max(most[side].foundBound, seen.bound);
    const foundLocal = Math.max(most[side].foundLocal, seen.local);
    most[side] = { foundBound, foundLocal, othersLocal: Math.max(most[side].othersLocal, seen.othersLocal) };
  };
  const deadline = performance.now() + SETTLE_INTERVALS * everySeconds * 1_000;
  while (performance.now() < deadline) {
    await sleep(everySeconds * 100, undefined, { signal });
    note('own', watcher.last());
    if (prometheus) note('peer', await prometheus.found());
  }
  for (const side of prometheus ? (['own', 'peer'] as const) : (['own'] as const)) {
    if (!complete.has(side)) throw new Error(`${PAIR[side].name} never saw all ${series} series`);
  }
  return most;
}

const NOTHING = { foundBound: 0, foundLocal: 0, othersLocal: 0 };

function costOf({ series, looks, everySeconds }: ObserveOptions, before: Usage, after: Usage) {
  const cpuMsPerLook = (after.cpuMs - before.cpuMs) / looks;
  return {
    cpuMsPerLook: Math.round(cpuMsPerLook),
    corePercent: Math.round(cpuMsPerLook / everySeconds) / 10,
    nsPerPoint: Math.round((cpuMsPerLook * 1e6) / series),
    residentMiB: after.residentMiB,
    bytesPerSeries: Math.round((after.residentMiB * 2 ** 20) / series),
  };
}
