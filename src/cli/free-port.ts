import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { KinError } from '../base/errors.ts';

/**
 * Rejects with `port.in-use` when somebody else listens on a loopback port. When `ownSocket` answers, the port is held by a
 * process of this very state directory that outlived its keeper, and is fine.
 */
export async function refusePortInUse(port: number, ownSocket: string, host = '127.0.0.1'): Promise<void> {
  if (await isFree(port, host)) return;
  if (await answers(ownSocket)) return;
  throw new KinError('port.in-use', `cannot listen on ${host}:${port}`, { details: { host, port } });
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Whether somebody listens on a Unix socket. */
export async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
