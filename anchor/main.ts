#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type Account, type Address, getAddress, isAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { systemClock, toIso } from '../src/base/clock.ts';
import { KinError } from '../src/base/errors.ts';
import { faultOf, renderFault } from '../src/cli/fault.ts';
import { plain } from '../src/cli/paint.ts';
import { TRUST_OPTIONS, type TrustOptions } from '../src/cli/log-target.ts';
import { type AnchoredLog, continuation, openLog } from './anchored-log.ts';
import {
  type AnchorChain,
  AnchorRefused,
  type AnchoredHead,
  type AnchorPlace,
  ChainFault,
  openChain,
  type Sent,
} from './chain.ts';
import { recordAnchoring } from './record.ts';

interface ChainOptions {
  readonly rpc: string;
  readonly json?: true;
}
interface KeyOptions extends ChainOptions {
  readonly keyFile?: string;
}
interface PlaceOptions extends ChainOptions, TrustOptions {
  readonly contract: Address;
}

const KEY_VARIABLE = 'KINTSUGI_ANCHOR_KEY';
const RPC_DEFAULT = 'http://127.0.0.1:8545';
const EXITS = { usage: 64, unreachable: 69, internal: 70 } as const;

const program = new Command('kintsugi-anchor')
  .description('Anchors checkpoints of logs in an EVM chain, and checks logs against what is anchored.')
  .exitOverride()
  .configureOutput({ outputError: () => {} });

command('deploy', 'put the contract on a chain; its address is what the other commands need')
  .option('--key-file <file>', keyHelp())
  .action(runDeploy);
place(
  'anchor',
  'anchor the newest checkpoint of a log; over the socket of a running ledger, that goes on its record too',
)
  .option('--key-file <file>', keyHelp())
  .action(runAnchor);
place('verify', 'check that a log continues what is anchored of it; exit code 2 when it does not')
  .requiredOption('--by <address>', 'the account that anchors', address)
  .action(runVerify);

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--rpc <url>', 'JSON-RPC of a node of the chain', RPC_DEFAULT)
    .option('--json', 'one JSON document instead of text');
}

function place(name: string, description: string): Command {
  return command(name, description)
    .argument('<log>', 'a URL, the folder or the socket of a ledger, or an export')
    .requiredOption('--contract <address>', 'what `deploy` printed', address)
    .option(...TRUST_OPTIONS[0])
    .option(...TRUST_OPTIONS[1]);
}

function keyHelp(): string {
  return `the private key of the account that pays, in hex; ${KEY_VARIABLE} when left out`;
}

function address(text: string): Address {
  if (isAddress(text)) return getAddress(text);
  throw new KinError('usage.invalid', `${text} is not an address`);
}

function accountOf({ keyFile }: KeyOptions): Account {
  const text = keyFile === undefined ? process.env[KEY_VARIABLE] : readKey(keyFile);
  if (text === undefined) throw new KinError('usage.invalid', `give --key-file or ${KEY_VARIABLE}`);
  const hex = text.trim().replace(/^0x/, '');
  // The text is a secret: it is not repeated.
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw new KinError('usage.invalid', 'the private key is not 64 hex digits');
  return privateKeyToAccount(`0x${hex}`);
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KinError('resource.unknown', `cannot read ${path}`, { cause, details: { path } });
  }
}

function print({ json }: ChainOptions, document: object, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''));
}

async function runDeploy(options: KeyOptions): Promise<void> {
  const chain = openChain(options.rpc);
  const account = accountOf(options);
  const sent = await chain.deploy(account);
  const document = { chain: await chain.id(), ...sent, by: account.address };
  print(options, document, [
    `contract ${sent.contract} on chain ${document.chain}`,
    `by ${account.address}, ${sent.gas} gas`,
  ]);
}

async function runAnchor(word: string, options: PlaceOptions & KeyOptions): Promise<void> {
  const chain = openChain(options.rpc);
  const account = accountOf(options);
  const log = await openLog(word, options, systemClock);
  const { origin, size, root } = log.checkpoint;
  const place = { contract: options.contract, by: account.address, origin };
  const head = await chain.head(place);
  const path = await continuation(log, head);
  const sent = head?.size === size ? undefined : await chain.anchor(place, account, { size, root }, path);
  const recordedAs = await record(chain, log, place, sent);
  const document = { chain: await chain.id(), ...place, size, root: root.toString('base64'), ...sent, recordedAs };
  print(options, { kind: sent ? 'anchored' : 'unchanged', ...document }, [
    `${sent ? 'anchored' : 'already anchored'}: ${size} entries of ${origin}`,
    ...(sent ? [`transaction ${sent.transaction} in block ${sent.block}, ${sent.gas} gas`] : []),
    ...(recordedAs === undefined ? [] : [`on record as entry ${recordedAs}`]),
  ]);
}

/**
 * Puts the newest anchoring on the record of a running ledger. Also one that was sent before: the run that sent it may have
 * ended too early for that.
 */
async function record(chain: AnchorChain, log: AnchoredLog, place: AnchorPlace, sent: Sent | undefined) {
  const { socketPath, checkpoint } = log;
  if (socketPath === undefined) return undefined;
  const head = await chain.head(place);
  const anchoring =
    sent && head
      ? { ...head, transaction: sent.transaction, block: sent.block }
      : (await chain.anchorings(place)).findLast(({ size }) => size === checkpoint.size);
  if (!anchoring) throw new ChainFault('the node does not tell of the anchoring that it took');
  return await recordAnchoring(socketPath, { chain: await chain.id(), place, anchoring });
}

async function runVerify(word: string, options: PlaceOptions & { readonly by: Address }): Promise<void> {
  const chain = openChain(options.rpc);
  const log = await openLog(word, options, systemClock);
  const { origin, size } = log.checkpoint;
  const place = { contract: options.contract, by: options.by, origin };
  const head = await chain.head(place);
  if (!head)
    throw new KinError('resource.unknown', `${options.by} has anchored nothing of ${origin} in ${options.contract}`);
  await continuation(log, head);
  const anchored = { size: head.size, root: head.root.toString('base64'), at: toIso(head.timeS * 1000) };
  print(options, { kind: 'continued', ...place, size, anchored }, continuedLines(origin, size, head));
}

function continuedLines(origin: string, size: number, head: AnchoredHead): string[] {
  return [
    'continued',
    `  log       ${origin}`,
    `  anchored  ${head.size} entries, on the chain since ${toIso(head.timeS * 1000)}`,
    `  entries   ${size} under the signed checkpoint, which begin with the anchored ones`,
  ];
}

function exitOf(error: unknown): number {
  if (error instanceof KinError) return error.entry.exit;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXITS.usage;
  if (error instanceof AnchorRefused) return 2;
  return error instanceof ChainFault ? EXITS.unreachable : EXITS.internal;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitOf(error);
  const fault = faultOf(error);
  if (fault !== undefined) process.stderr.write(textOf(fault));
}

function textOf(fault: unknown): string {
  const isOwn = fault instanceof ChainFault || fault instanceof AnchorRefused;
  return isOwn ? `error: ${fault.message}\n` : renderFault(fault, plain);
}
