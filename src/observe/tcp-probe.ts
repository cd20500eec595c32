import { connect } from 'node:net';
import { codeOf } from './http-probe.ts';
import type { Probe } from './probe.ts';

/** A connection that is accepted is good. */
export const tcpProbe: Probe = {
  type: 'tcp',
  read: (_spec, target, signal) =>
    new Promise((resolve) => {
      const socket = connect({ host: target.host, port: target.port });
      const end = (ok: boolean, reason: string) => {
        signal.removeEventListener('abort', onAbort);
        socket.destroy();
        resolve({ ok, reason });
      };
      const onAbort = () => end(false, 'timeout');
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('connect', () => end(true, ''));
      socket.once('error', (error) => end(false, codeOf(error)));
    }),
};
