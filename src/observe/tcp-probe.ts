import { connect } from 'node:net';
import { codeOf } from './http-probe.ts';
import type { Probe } from './probe.ts';

/** A connection that is accepted is good; with `sendHex`, an answer is. The system accepts for a process that hangs. */
export const tcpProbe: Probe = {
  type: 'tcp',
  read: (spec, target, signal) =>
    new Promise((resolve) => {
      const socket = connect({ host: target.host, port: target.port });
      const end = (ok: boolean, reason: string) => {
        signal.removeEventListener('abort', onAbort);
        socket.destroy();
        resolve({ ok, reason });
      };
      const onAbort = () => end(false, 'timeout');
      signal.addEventListener('abort', onAbort, { once: true });
      const request = spec.type === 'tcp' ? spec.sendHex : undefined;
      socket.once('connect', () => (request === undefined ? end(true, '') : socket.write(Buffer.from(request, 'hex'))));
      socket.once('data', () => end(true, ''));
      socket.once('end', () => end(false, 'closed'));
      socket.once('error', (error) => end(false, codeOf(error)));
    }),
};
