import { request } from 'undici';
import { readPid } from './health.ts';

/** The instance that is broken. */
export interface Victim {
  readonly url: string;
  readonly pid: number;
}

/** A way to break one instance. `lift` ends what still can be ended; a victim that was replaced is left alone. */
export interface Fault {
  readonly name: string;
  readonly description: string;
  /** An answer that takes longer is counted as late. */
  readonly lateMs: number;
  /** Watched so long at most, while it is not repaired. */
  readonly watchMsMax: number;
  inject(victim: Victim): Promise<void>;
  lift(victim: Victim): Promise<void>;
}

const SLOW_MS = 500;

async function slowDown({ url }: Victim, ms: number): Promise<void> {
  const response = await request(`${url}/_slow`, { method: 'PUT', body: String(ms) });
  await response.body.dump();
}

/** Runs `act` unless the process is gone. */
function ifAlive(act: () => void): void {
  try {
    act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'crash',
    description: 'SIGKILL to one of three instances',
    lateMs: 1_000,
    watchMsMax: 8_000,
    inject: async ({ pid }) => void process.kill(pid, 'SIGKILL'),
    lift: async () => {},
  },
  {
    name: 'hang',
    description: 'SIGSTOP to one of three instances: its port stays open, nothing answers',
    lateMs: 1_000,
    watchMsMax: 13_000,
    inject: async ({ pid }) => void process.kill(pid, 'SIGSTOP'),
    lift: async ({ pid }) => ifAlive(() => void process.kill(pid, 'SIGCONT')),
  },
  {
    name: 'slow',
    description: `one of three instances adds ${SLOW_MS} ms to every request; its health checks stay fast`,
    lateMs: 400,
    watchMsMax: 10_000,
    inject: (victim) => slowDown(victim, SLOW_MS),
    lift: async (victim) => {
      if ((await readPid(victim.url)) === victim.pid) await slowDown(victim, 0);
    },
  },
];
