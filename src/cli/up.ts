import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { Binder, Invocation } from './invocation.ts';
import { portNumber, wholeNumber } from './number-option.ts';

interface UpFlags {
  readonly port: number;
  readonly apiPort: number;
  readonly internalPort: number;
  readonly gateways: number;
  readonly with?: string;
}

interface PostgresFlags {
  readonly data?: string;
  readonly host?: string;
  readonly port?: number;
}

export function declareUp(program: Command, binder: Binder, context: CliContext): void {
  const up = program
    .command('up')
    .description('start a stack and keep it alive until Ctrl-C')
    .argument('<stack>', 'manifest, or folder of manifests')
    .option('--port <number>', 'of the gateway, for tenants', portNumber, 7080)
    .option('--api-port <number>', 'of the HTTP API, on loopback', portNumber, 7070)
    .option('--internal-port <number>', 'of the gateway for calls between workloads', portNumber, 7081)
    .option('--gateways <number>', 'gateway processes', wholeNumber(1, 64), 2)
    .option('--with <command>', 'run this as long as the stack is up, for example the traffic of an example');
  binder.bind<UpFlags>(up, ({ state, json }, flags, stack = '') => {
    return context.runUp({ stack, state: state.root, json, ...flags, with: flags.with });
  });
}

export function declareProcesses(program: Command, binder: Binder, context: CliContext): void {
  const role = program
    .command('process', { hidden: true })
    .description("run one of Kintsugi's own processes; the keeper calls this")
    .argument('<role>', 'control, gateway, ledger or postgres')
    .argument('[args...]', 'of the process')
    .allowUnknownOption();
  binder.bind(role, ({ state }, _options, name = '', ...args) => {
    const words = args.filter((word) => word !== undefined);
    return context.runRole(name, { state: state.root, args: words, data: undefined, host: undefined, port: undefined });
  });
  const postgres = program
    .command('postgres')
    .description('run a PostgreSQL server in the foreground, as a workload or to try things')
    .option('--data <folder>', 'where its data are (default: KINTSUGI_DATA_DIR)')
    .option('--host <address>', 'to listen on (default: HOST)')
    .option('--port <number>', 'to listen on (default: PORT)', portNumber);
  binder.bind<PostgresFlags>(postgres, ({ state }: Invocation, { data, host, port }) =>
    context.runRole('postgres-server', { state: state.root, args: [], data, host, port }),
  );
}
