import { request } from 'undici';
import type { Probe } from './probe.ts';

/** `GET path`; 2xx is good. The connection is not reused: a probe that rides on an old connection misses a dead listener. */
export const httpProbe: Probe = {
  type: 'http',
  async read(spec, target, signal) {
    if (spec.type !== 'http') return { ok: false, reason: 'wrong probe' };
    try {
      const answer = await request(`http://${target.host}:${target.port}${spec.path}`, { signal, reset: true });
      // To its end, not dumped: an instance that hangs in the middle of its answer hangs.
      for await (const _ of answer.body);
      const ok = answer.statusCode >= 200 && answer.statusCode < 300;
      return { ok, reason: ok ? '' : `status ${answer.statusCode}` };
    } catch (error) {
      return { ok: false, reason: signal.aborted ? 'timeout' : codeOf(error) };
    }
  },
};

/** The system's error code in words: `refused`, `reset`, or the code itself. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'reset';
  return typeof code === 'string' ? code.toLowerCase() : 'failed';
}
