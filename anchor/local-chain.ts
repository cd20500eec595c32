import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A chain in a process of its own on this machine (Hardhat Network), which forgets everything when it ends. */
export interface LocalChain {
  readonly rpc: string;
  /** Private keys of accounts with money, in hex. */
  readonly keys: readonly string[];
  end(): Promise<void>;
}

const HARDHAT = fileURLToPath(new URL('node_modules/hardhat/dist/src/cli.js', import.meta.url));
const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Starts it on a free port. Throws what it printed when it ends instead. */
export async function startLocalChain(): Promise<LocalChain> {
  const args = [HARDHAT, 'node', '--hostname', '127.0.0.1', '--port', '0'];
  const child = spawn(process.execPath, args, { cwd: FOLDER, stdio: ['ignore', 'pipe', 'pipe'] });
  const { rpc, keys } = await readStart(child);
  return {
    rpc,
    keys,
    async end() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/** It prints its address first and then its accounts, each with its key. */
async function readStart(child: ChildProcess): Promise<{ rpc: string; keys: string[] }> {
  const said: string[] = [];
  child.stderr?.on('data', (text: Buffer) => said.push(text.toString('utf8')));
  let rpc: string | undefined;
  const keys: string[] = [];
  for await (const line of createInterface(child.stdout!)) {
    said.push(line);
    rpc ??= /server at (http:\S+?)\/?$/.exec(line)?.[1];
    const [, key] = /^Private Key: (0x[0-9a-f]{64})$/.exec(line) ?? [];
    if (key !== undefined) keys.push(key);
    if (rpc !== undefined && keys.length === 4) {
      // What it goes on to print is not needed, but somebody has to take it.
      child.stdout?.resume();
      return { rpc, keys };
    }
  }
  throw new Error(`the chain did not start:\n${said.join('\n')}`);
}
