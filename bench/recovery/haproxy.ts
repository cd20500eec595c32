import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Contestant, type Entry, INSTANCES } from './contestant.ts';
import { haproxyConfig, type Tuning } from './haproxy-config.ts';
import { readServerStates } from './haproxy-status.ts';
import type { Machine } from './machine.ts';
import { Program } from './program.ts';
import { SERVICE_FILE } from './service-file.ts';
import { supervisorConfig } from './supervisor-config.ts';

const PORT = 17_180;
const SERVER_PORT_FIRST = 17_191;
const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 20_000;

const DESCRIPTIONS: Record<Tuning, string> = {
  default: 'HAProxy with its own health check times (2 s, fall 3, rise 2), asking /health; supervisor with autorestart',
  tuned:
    'HAProxy with checks every 250 ms (fall 2, rise 1), leastconn, passive checks and retries on other servers; supervisor with autorestart',
};

function whyNot(machine: Machine): string | undefined {
  if (machine.haproxy === undefined) return 'haproxy is not installed (Debian: apt-get install haproxy)';
  if (machine.supervisor === undefined) return 'supervisord is not installed (Debian: apt-get install supervisor)';
  return undefined;
}

/** HAProxy on one machine, three instances on ports of their own, and Debian's supervisor, which restarts what exits. */
export function haproxyEntry(tuning: Tuning, machine: Machine): Entry {
  return {
    name: `HAProxy, ${tuning}`,
    description: DESCRIPTIONS[tuning],
    skipped: whyNot(machine),
    start: (folder, signal) => start(tuning, folder, signal),
  };
}

async function start(tuning: Tuning, folder: string, signal: AbortSignal): Promise<Contestant> {
  const statsSocket = join(folder, 'haproxy.sock');
  const servers = Array.from({ length: INSTANCES }, (_, n) => ({ name: `service-${n}`, port: SERVER_PORT_FIRST + n }));
  await copyFile(SERVICE_FILE, join(folder, 'service.mts'));
  await writeFile(join(folder, 'haproxy.cfg'), haproxyConfig({ tuning, statsSocket, port: PORT, servers }));
  await writeFile(join(folder, 'supervisord.conf'), supervisorConfig(folder, servers));
  const supervisor = new Program('supervisord', ['-c', join(folder, 'supervisord.conf')]);
  const contestant: Contestant = {
    target: { origin: `http://127.0.0.1:${PORT}`, headers: {} },
    async instances() {
      const states = await readServerStates(statsSocket);
      return servers.map(({ name, port }) => ({
        url: `http://127.0.0.1:${port}`,
        inRotation: states.get(name)?.startsWith('UP') ?? false,
      }));
    },
    close: () => supervisor.stop(STOP_LIMIT_MS),
  };
  const isUp = async () => (await contestant.instances()).every(({ inRotation }) => inRotation);
  try {
    await supervisor.until(isUp, START_LIMIT_MS, signal);
  } catch (error) {
    await contestant.close();
    throw error;
  }
  return contestant;
}
