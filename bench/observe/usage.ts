import { readFileSync } from 'node:fs';

/** What a process has used so far, as Linux counts it. */
export interface Usage {
  readonly cpuMs: number;
  readonly residentMiB: number;
}

/** Of USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Undefined when the process is gone. */
export function readUsage(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold spaces and brackets: state is the first field, utime and stime the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, residentMiB: Math.round(kib / 1_024) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
