import { type Command, InvalidArgumentError } from 'commander';
import { KinError } from '../base/errors.ts';
import { MOVES } from '../resources/playbook.ts';
import type { Binder, Invocation } from './invocation.ts';
import { parseDuration, printDuration } from '../base/duration.ts';

const MINUTE_MS = 60_000;

interface StopOptions {
  readonly reason: string;
  readonly by?: string;
  /** Milliseconds. */
  readonly for?: number;
}

export function declareStop(program: Command, binder: Binder): void {
  const scope = ['[scope...]', 'workload NAME, tenant NAME or move NAME; everything when left out'] as const;
  const stop = program
    .command('stop')
    .description('heal nothing until it is resumed; what runs goes on')
    .argument(...scope)
    .option('--reason <text>', 'why, for the others', 'no reason given')
    .option('--for <duration>', 'ends by itself after 90s, 30m, 2h or 1d', durationOption)
    .option('--by <name>', 'who stops, for the record');
  binder.bind<StopOptions>(stop, runStop);
  const resume = program
    .command('resume')
    .description('lift the stop of a scope')
    .argument(...scope)
    .option('--reason <text>', 'why, for the record', 'no reason given')
    .option('--by <name>', 'who resumes, for the record');
  binder.bind<StopOptions>(resume, runResume);
}

function durationOption(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('must be like 90s, 30m, 2h or 1d.');
  return ms;
}

async function runStop(
  invocation: Invocation,
  options: StopOptions,
  ...words: readonly (string | undefined)[]
): Promise<void> {
  const scope = parseScope(words);
  const { reason, for: forMs } = options;
  const by = invocation.actor(options.by);
  const minutes = forMs === undefined ? {} : { minutes: forMs / MINUTE_MS };
  const { id } = await invocation.ask<{ id: string }>('POST', '/v1/stop', { scope, reason, by, ...minutes });
  const until = forMs === undefined ? 'until `kintsugi resume`' : `for ${printDuration(forMs)}`;
  const what = scope === 'global' ? 'nothing' : `nothing of ${scope}`;
  invocation.print({ id, scope, reason, by, forMs: forMs ?? null }, () => `${what} is healed ${until}\n`);
}

async function runResume(
  invocation: Invocation,
  options: StopOptions,
  ...words: readonly (string | undefined)[]
): Promise<void> {
  const scope = parseScope(words);
  const by = invocation.actor(options.by);
  const body = { scope, reason: options.reason, by };
  const { lifted } = await invocation.ask<{ lifted: number }>('POST', '/v1/resume', body);
  invocation.print({ scope, lifted }, () => (lifted > 0 ? `${scope} is healed again\n` : `${scope} was not stopped\n`));
}

/** `global`, `workload records`, `tenant shop` or `move restart`. Throws `usage.invalid` for anything else. */
function parseScope(words: readonly (string | undefined)[]): string {
  const [kind, name, ...rest] = words.filter((word) => word !== undefined).flatMap((word) => word.split(/\s+/));
  if (kind === undefined || (kind === 'global' && name === undefined)) return 'global';
  const isNamed = name !== undefined && rest.length === 0;
  if (isNamed && (kind === 'workload' || kind === 'tenant')) return `${kind} ${name}`;
  if (isNamed && kind === 'move' && MOVES.some((move) => move === name)) return `move ${name}`;
  const moves = MOVES.join(', ');
  throw new KinError('usage.invalid', `no such scope: give workload NAME, tenant NAME, or move NAME of ${moves}`);
}
