import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SocketClient, socketClient } from '../../src/base/socket-http.ts';
import { stateDirectory } from '../../src/base/state-directory.ts';
import { freePorts, type Stack } from './stack.ts';
import { ROOT } from './program.ts';

/** Marks by which a keeper knows its children: this process is nobody's child. */
const MARKS = ['KINTSUGI_KEEPER', 'KINTSUGI_INSTANCE'];

/**
 * One more replica of control, beside the one that the keeper of a stack runs: the same database, keeper, ledger and
 * gateways, and a socket of its own.
 */
export class Replica {
  readonly control: SocketClient;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    this.control = socketClient(stateDirectory(folder).socket('control'), 'control.unreachable');
  }

  static async start(stack: Stack): Promise<Replica> {
    const control = (await stack.keeper.list()).find(({ id }) => id === 'control');
    if (control?.pid == null) throw new Error('the stack has no control');
    const folder = mkdtempSync(join(tmpdir(), 'kin-r-'));
    linkAll(stack.state.root, folder);
    const [port] = await freePorts(1);
    const own = { KINTSUGI_STATE: folder, KINTSUGI_API_PORT: String(port) };
    const env = { ...environmentOf(control.pid), ...own };
    const args = [join('src', 'main.ts'), 'process', 'control'];
    return new Replica(folder, spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'ignore' }));
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await ended;
    await this.control.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Everything of a state directory but the socket of control, by links. */
function linkAll(from: string, to: string): void {
  for (const name of readdirSync(from)) if (name !== 'run') symlinkSync(join(from, name), join(to, name));
  mkdirSync(join(to, 'run'), { mode: 0o700 });
  for (const name of ['keeper.sock', 'ledger.sock']) symlinkSync(join(from, 'run', name), join(to, 'run', name));
}

function environmentOf(pid: number): NodeJS.ProcessEnv {
  const pairs = readFileSync(join('/proc', String(pid), 'environ'), 'utf8')
    .split('\0')
    .filter(Boolean);
  const entries = pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
  return Object.fromEntries(entries.filter(([name]) => !MARKS.includes(name)));
}
