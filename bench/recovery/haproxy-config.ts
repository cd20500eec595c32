/** How HAProxy is set up. `default` leaves every time as HAProxy and Debian ship it, but asks for `/health`. */
export type Tuning = 'default' | 'tuned';

const CONNECT_AND_SERVER_TIMEOUTS: Record<Tuning, string> = {
  default: 'timeout connect 5s\n  timeout server 50s', // Debian's haproxy.cfg.
  tuned: 'timeout connect 250ms\n  timeout server 2s\n  timeout check 250ms', // 2 s: as Kintsugi's own try of a request.
};

const BACKENDS: Record<Tuning, string> = {
  default: '  default-server check',
  tuned: `  balance leastconn
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response response-timeout 502 503 504
  default-server check inter 250ms fall 2 rise 1 observe layer7 error-limit 5 on-error mark-down`,
};

/** The configuration file. Requests that may not be repeated do not come in this bench, so no method is exempt. */
export function haproxyConfig(options: {
  readonly tuning: Tuning;
  readonly statsSocket: string;
  readonly port: number;
  readonly servers: readonly { readonly name: string; readonly port: number }[];
}): string {
  const servers = options.servers.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}`).join('\n');
  return `global
  stats socket ${options.statsSocket} mode 600 level operator
  maxconn 4000

defaults
  mode http
  timeout client 50s
  ${CONNECT_AND_SERVER_TIMEOUTS[options.tuning]}

frontend entry
  bind 127.0.0.1:${options.port}
  default_backend service

backend service
  option httpchk GET /health
${BACKENDS[options.tuning]}
${servers}
`;
}
