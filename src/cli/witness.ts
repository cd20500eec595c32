import { join } from 'node:path';
import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { readPolicyFile } from '../ledger/policy-file.ts';
import { formatVkey, type NoteKey, parseVkey } from '../ledger/tlog/note-key.ts';
import { openWitnessDirectory } from '../ledger/witness-directory.ts';
import { startWitness } from '../ledger/witness-server.ts';
import { untilInterrupted } from './interruption.ts';
import type { Binder, Invocation } from './invocation.ts';
import { portNumber } from './number-option.ts';

interface WitnessOptions {
  readonly dir?: string;
  readonly name?: string;
  readonly log?: readonly string[];
  readonly policy?: string;
  readonly host: string;
  readonly port: number;
  readonly showKey?: boolean;
}

export function declareWitness(program: Command, binder: Binder): void {
  const witness = program
    .command('witness')
    .description('watch ledgers of others: cosign each checkpoint that continues the last one, refuse any other')
    .option('--dir <folder>', 'keys and what was seen last; `witness` in the state directory when left out')
    .option('--name <name>', 'of the witness in its signatures, for example witness.example/1; needed once')
    .option('--log <vkey...>', 'keys of the ledgers to watch (`kintsugi ledger key`)')
    .option('--policy <file>', 'take the ledgers from the log lines of a trust policy (C2SP tlog-policy)')
    .option('--host <address>', 'to listen on', '127.0.0.1')
    .option('--port <number>', 'to listen on; 0 takes any free one', portNumber, 8391)
    .option('--show-key', 'print the keys of the witness and end');
  binder.bind<WitnessOptions>(witness, runWitness);
}

async function runWitness(invocation: Invocation, options: WitnessOptions): Promise<void> {
  const { name, host, port } = options;
  const dir = options.dir ?? join(invocation.state.root, 'witness');
  if (options.showKey) return showKey(invocation, dir, name);
  const logs = logsOf(options);
  const { clock } = invocation.context;
  await untilInterrupted(async (signal) => {
    const running = await startWitness({ dir, name, logs, host, port, clock, log: createLog('witness', 'warn') });
    const { url, vkeys } = running;
    const lines = [`witness on ${url} for ${logs.map((key) => key.name).join(', ')}`, ...vkeys.map(keyLine)];
    invocation.print({ url, vkeys }, () => `${lines.join('\n')}\n`);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await running.close();
  });
}

function showKey(invocation: Invocation, dir: string, name: string | undefined): void {
  const { signers, release } = openWitnessDirectory(dir, name);
  release();
  const vkeys = signers.map(({ key }) => formatVkey(key));
  invocation.print({ vkeys }, () => `${vkeys.map(keyLine).join('\n')}\n`);
}

const keyLine = (vkey: string) => `key ${vkey}`;

function logsOf({ log = [], policy }: WitnessOptions): NoteKey[] {
  const given = log.map((vkey) => {
    const key = parseVkey(vkey);
    if (key?.kind === 'ed25519' || key?.kind === 'ml-dsa-44') return key;
    throw new KinError('usage.invalid', `${vkey} is not the vkey of a log`);
  });
  const keys = [...given, ...(policy === undefined ? [] : readPolicyFile(policy).logs.map(({ key }) => key))];
  if (keys.length === 0) throw new KinError('usage.invalid', 'name the ledgers to watch by --log or --policy');
  return keys;
}
