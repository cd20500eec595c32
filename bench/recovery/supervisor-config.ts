import { join } from 'node:path';

/** Seconds that supervisord waits after SIGTERM before it kills. */
const STOP_WAIT_S = 3;

function program(name: string, command: string, environment = ''): string {
  return `[program:${name}]
command=${command}
autorestart=true
stopwaitsecs=${STOP_WAIT_S}
stdout_logfile=NONE
stderr_logfile=NONE
${environment}`;
}

/** For supervisord: HAProxy and the instances, in the foreground; what exits is started again, with its default times. */
export function supervisorConfig(
  folder: string,
  servers: readonly { readonly name: string; readonly port: number }[],
): string {
  const isRoot = process.getuid?.() === 0;
  const head = `[supervisord]
nodaemon=true
logfile=${join(folder, 'supervisord.log')}
pidfile=${join(folder, 'supervisord.pid')}
${isRoot ? 'user=root\n' : ''}`;
  const instances = servers.map(({ name, port }) =>
    program(
      name,
      `${process.execPath} ${join(folder, 'service.mts')}`,
      `environment=HOST="127.0.0.1",PORT="${port}"\n`,
    ),
  );
  return [head, program('haproxy', `haproxy -db -f ${join(folder, 'haproxy.cfg')}`), ...instances].join('\n');
}
