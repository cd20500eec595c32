import { execFile } from 'node:child_process';
import type { Probe } from './probe.ts';

/** Runs a command with the environment of the instance; exit code 0 is good. No shell. */
export const execProbe: Probe = {
  type: 'exec',
  read: (spec, target, signal) =>
    new Promise((resolve) => {
      if (spec.type !== 'exec') return resolve({ ok: false, reason: 'wrong probe' });
      const [file, ...args] = spec.command;
      const env = { ...target.env, HOST: target.host, PORT: String(target.port) };
      try {
        execFile(file!, args, { cwd: target.cwd, env, signal, killSignal: 'SIGKILL' }, (error) => {
          if (!error) return resolve({ ok: true, reason: '' });
          resolve({ ok: false, reason: signal.aborted ? 'timeout' : `exit ${String(error.code ?? 'unknown')}` });
        });
      } catch {
        // Thrown for what no system could run, such as a null byte in an argument.
        resolve({ ok: false, reason: 'not a command' });
      }
    }),
};
