import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { isFault, KinError } from '../base/errors.ts';
import { Redacted } from '../base/redacted.ts';
import { type SocketClient, socketClient, tokenClient } from '../base/socket-http.ts';
import { type StateDirectory, stateDirectory } from '../base/state-directory.ts';
import type { ProcessDriver } from '../drivers/process/process-driver.ts';
import type { CliContext } from './context.ts';
import { createPrintTime, type PrintTime } from './moment.ts';
import { createPaint, type Paint } from './paint.ts';
import { withProgress } from './progress.ts';

/** Longest time that control may take for one answer. */
const ANSWER_MS = 30_000;

/** Where the API is on this machine unless it was started elsewhere. */
const API_DEFAULT = 'http://127.0.0.1:7070';

/** One run of one command: what was asked for in general, and the doors that it may use. */
export class Invocation {
  readonly context: CliContext;
  readonly json: boolean;
  readonly state: StateDirectory;
  readonly paint: Paint;
  readonly time: PrintTime;
  readonly keeper: ProcessDriver;
  /** It asks with a token (KINTSUGI_TOKEN) at an address (KINTSUGI_API), and has nothing of the state directory. */
  readonly hasToken: boolean;
  readonly #control: SocketClient;

  constructor(context: CliContext, command: Command) {
    const { json, state } = command.optsWithGlobals<{ json?: boolean; state: string }>();
    const isGiven = command.getOptionValueSourceWithGlobals('state') !== 'default';
    this.context = context;
    this.json = json === true;
    this.state = stateDirectory(isGiven ? state : (context.env['KINTSUGI_STATE'] ?? state));
    this.paint = createPaint(context.isTty && !this.json, context.env);
    this.time = createPrintTime(context.timeZone);
    this.keeper = context.openKeeper(this.state.socket('keeper'));
    const token = context.env['KINTSUGI_TOKEN'] || undefined;
    this.hasToken = token !== undefined;
    this.#control =
      token === undefined
        ? socketClient(this.state.socket('control'), 'control.unreachable')
        : tokenClient(context.env['KINTSUGI_API'] ?? API_DEFAULT, new Redacted(token), 'control.unreachable');
  }

  /**
   * Asks control. Rejects with the fault that it answers with, `control.unreachable`, or `state.absent` when there is no
   * keeper either that could bring it back. A person sees that it is waited for after a second.
   */
  async ask<T>(method: 'GET' | 'POST', path: string, body?: unknown, answerMs = ANSWER_MS): Promise<T> {
    const signal = this.context.clock.deadline(answerMs);
    try {
      return await this.waiting('control', this.#control.call<T>(method, path, body, signal));
    } catch (error) {
      if (isFault(error, 'control.unreachable') && !this.hasToken && !this.isKept()) throw this.absent(error);
      throw error;
    }
  }

  /** Whether there is a keeper's socket. */
  isKept(): boolean {
    return existsSync(this.state.socket('keeper'));
  }

  /** Throws `state.absent` when there is no keeper's socket. */
  requireKeeper(): void {
    if (!this.isKept()) throw this.absent();
  }

  absent(cause?: unknown): KinError {
    const { root } = this.state;
    return new KinError('state.absent', `no keeper on ${root}`, { cause, details: { path: root } });
  }

  /** Lets a person see what is waited for. */
  waiting<T>(label: string, promise: Promise<T>): Promise<T> {
    return this.json ? promise : withProgress(this.context, label, promise);
  }

  /** Prints the result: one JSON document, or a text for people. */
  print(document: unknown, text: () => string): void {
    this.context.stdout.write(this.json ? `${JSON.stringify(document, null, 2)}\n` : text());
  }

  /** Tells people something besides the result. */
  note(text: string): void {
    if (!this.json) this.context.stderr.write(`${text}\n`);
  }

  /** Who acts, for the record: as given, or the name of the account. */
  actor(given: string | undefined): string {
    return given ?? this.context.env['USER'] ?? userInfo().username;
  }

  async close(): Promise<void> {
    await Promise.all([this.keeper.close(), this.#control.close()]);
  }
}

/** Runs one command. A number is its exit code; anything else is 0. */
export type Run<Options> = (
  invocation: Invocation,
  options: Options,
  ...args: readonly (string | undefined)[]
) => Promise<unknown>;

/** Connects commands with what they do. */
export interface Binder {
  /** Sets the action of `command`: opens an invocation, runs, closes it, and notes the exit code. */
  bind<Options = object>(command: Command, run: Run<Options>): void;
}

/** `exited` hears the exit code of the command that ran. */
export function createBinder(context: CliContext, exited: (code: number) => void): Binder {
  return {
    bind<Options>(command: Command, run: Run<Options>) {
      command.action(async (...given: unknown[]) => {
        const args = given.slice(0, -2).flat() as (string | undefined)[];
        const invocation = new Invocation(context, command);
        try {
          const result = await run(invocation, command.opts() as Options, ...args);
          exited(typeof result === 'number' ? result : 0);
        } finally {
          await invocation.close();
        }
      });
    },
  };
}
