import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** Kept of what a program writes, for the fault that says why it did not start. */
const OUTPUT_CHARACTERS_MAX = 4_000;

/** A process of the bench's own. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  #output = '';

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#name = command;
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#child.on('error', (error) => keep(Buffer.from(String(error))));
  }

  /** undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /** Polls until `holds`. Throws, with what the program wrote, when it ends first or does not hold within `limitMs`. */
  async until(holds: () => Promise<boolean>, limitMs: number, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!(await holds().catch(() => false))) {
      if (this.#ended) throw new Error(`${this.#name} ended before it was ready\n${this.#output}`);
      if (performance.now() > deadline) throw new Error(`${this.#name} not ready in ${limitMs} ms\n${this.#output}`);
      await sleep(50, undefined, { signal });
    }
  }

  /** Asks it to end its own children and itself. Throws when it had to be killed: its children may be left then. */
  async stop(limitMs: number): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await exited;
    clearTimeout(timer);
    if (this.#child.signalCode === 'SIGKILL') throw new Error(`${this.#name} did not end within ${limitMs} ms`);
  }
}
