import { spawn } from 'node:child_process';
import type { StateDirectory } from '../base/state-directory.ts';
import type { UpOptions } from './context.ts';
import type { LiveStatus } from './live-status.ts';

/** A command that runs beside a stack, such as one that sends it traffic. */
export interface Companion {
  kill(signal: NodeJS.Signals): void;
}

/** Runs the command in a shell of its own, with the gateway's address, and shows what it prints. */
export function startCompanion(
  command: string,
  options: UpOptions,
  state: StateDirectory,
  live: LiveStatus,
  root: string,
): Companion {
  const env = {
    ...process.env,
    KINTSUGI_GATEWAY: `http://127.0.0.1:${options.port}`,
    KINTSUGI_STATE: state.root,
    PATH: `${root}/node_modules/.bin:${process.env['PATH'] ?? ''}`,
  };
  const child = spawn(command, { shell: true, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim()) live.line(line);
    });
  }
  return {
    kill: (signal: NodeJS.Signals) => {
      if (child.pid === undefined || child.exitCode !== null) return;
      try {
        // The shell and what it runs: they are a group of their own.
        process.kill(-child.pid, signal);
      } catch {
        // Gone already.
      }
    },
  };
}
