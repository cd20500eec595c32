import { execFile } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the figures depend on. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  /** Of the last minute, when the bench began: what else ran on the machine disturbs every figure. */
  readonly loadAverage: number;
  readonly kernel: string;
  readonly node: string;
  /** undefined where it is not installed. */
  readonly haproxy: string | undefined;
  readonly supervisor: string | undefined;
}

/** The first line that a program says about its version; undefined when there is no such program. */
async function versionLine(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, [...args]);
    return stdout.split('\n', 1)[0]?.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function readMachine(): Promise<Machine> {
  const haproxy = await versionLine('haproxy', ['-v']);
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    kernel: `${type()} ${release()}`,
    node: process.version,
    haproxy: haproxy?.match(/version (\S+)/)?.[1],
    supervisor: await versionLine('supervisord', ['--version']),
  };
}
