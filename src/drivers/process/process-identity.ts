import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process, and not another one that was given the same number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the words of the system; only ever compared for equality. */
  readonly startTime: string;
}

/** A living process that carries the marks which the keeper gives to its children (`CHILD_MARKS`). */
export interface MarkedProcess {
  readonly identity: ProcessIdentity;
  readonly id: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Environment by which a child is recognised: its id, and the state directory of the keeper that owns it. */
export const CHILD_MARKS = { id: 'KINTSUGI_INSTANCE', keeper: 'KINTSUGI_KEEPER' } as const;

/** Who runs under this number now; undefined when nobody does. A process that ended but was not reaped is nobody. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startTime === identity.startTime;
}

/**
 * Every living child of the keeper on this state directory, found by its environment, one per id. Children of children
 * inherit the marks; the one whose parent does not carry the same id is the child itself.
 */
export function findMarked(stateRoot: string): readonly MarkedProcess[] {
  const byId = new Map<string, Candidate[]>();
  for (const { pid, environ } of environments()) {
    if (!environ.includes(`${CHILD_MARKS.keeper}=${stateRoot}\0`)) continue;
    const env = parseEnvironment(environ);
    const id = env[CHILD_MARKS.id];
    const stat = readStat(pid);
    if (!id || !stat) continue;
    byId.set(id, [...(byId.get(id) ?? []), { ...stat, pid, env }]);
  }
  return [...byId].map(([id, candidates]) => {
    const { pid, startTime, env } = mainOf(candidates);
    return { id, identity: { pid, startTime }, env };
  });
}

interface Stat {
  readonly parent: number;
  readonly startTime: string;
}

interface Candidate extends Stat {
  readonly pid: number;
  readonly env: Record<string, string>;
}

function mainOf(candidates: readonly Candidate[]): Candidate {
  const pids = new Set(candidates.map(({ pid }) => pid));
  const roots = candidates.filter(({ parent }) => !pids.has(parent));
  return (roots.length > 0 ? roots : candidates).reduce((a, b) => (ticksOf(b) < ticksOf(a) ? b : a));
}

function ticksOf({ startTime }: Stat): number {
  return Number(startTime.split('@')[0]) || 0;
}

function readStat(pid: number): Stat | undefined {
  return process.platform === 'linux' ? statFromProc(pid) : statFromPs(pid);
}

/** Ticks count from the boot, so the boot is part of the identity. */
let bootId: string | undefined;

function statFromProc(pid: number): Stat | undefined {
  const text = readIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name, field 2, is in brackets and may itself hold brackets and blanks.
  const [state, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  bootId ??= readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return { parent: Number(parent), startTime: `${rest[17]}@${bootId}` };
}

function statFromPs(pid: number): Stat | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,ppid=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
    const [state, parent, ...startTime] = text.trim().split(/\s+/);
    if (!state || state.startsWith('Z')) return undefined;
    return { parent: Number(parent), startTime: startTime.join(' ') };
  } catch {
    return undefined;
  }
}

function environments(): readonly { pid: number; environ: string }[] {
  return process.platform === 'linux' ? environmentsFromProc() : environmentsFromPs();
}

function environmentsFromProc(): readonly { pid: number; environ: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), environ: readIfThere(`/proc/${name}/environ`) ?? '' }));
}

/** `ps -E` prints the environment after the command, split by blanks; good enough for values without blanks. */
function environmentsFromPs(): readonly { pid: number; environ: string }[] {
  const text = execFileSync('ps', ['-axwwE', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, ...words]) => ({ pid: Number(pid), environ: `${words.join('\0')}\0` }));
}

function parseEnvironment(environ: string): Record<string, string> {
  const pairs = environ.split('\0').filter((pair) => pair.includes('='));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** Processes come and go while they are looked at, and those of others may not be read. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
