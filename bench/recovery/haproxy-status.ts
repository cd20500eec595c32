import { once } from 'node:events';
import { createConnection } from 'node:net';

const TIMEOUT_MS = 1_000;

/** State of each server of the backend, such as `UP`, `UP 1/2` or `DOWN`, by its name, from the CSV of `show stat`. */
export function parseServerStates(csv: string): ReadonlyMap<string, string> {
  const [head = '', ...lines] = csv.trim().replace(/^# /, '').split('\n');
  const columns = head.split(',');
  const [proxy, server, status] = ['pxname', 'svname', 'status'].map((name) => columns.indexOf(name));
  const states = new Map<string, string>();
  for (const line of lines) {
    const cells = line.split(',');
    const name = cells[server!] ?? '';
    if (cells[proxy!] === 'service' && name !== 'BACKEND') states.set(name, cells[status!] ?? '');
  }
  return states;
}

/** Asks a running HAProxy. Rejects when it does not answer. */
export async function readServerStates(statsSocket: string): Promise<ReadonlyMap<string, string>> {
  const socket = createConnection(statsSocket);
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer from the stats socket')));
  await once(socket, 'connect');
  socket.write('show stat\n');
  let csv = '';
  for await (const chunk of socket) csv += String(chunk);
  return parseServerStates(csv);
}
