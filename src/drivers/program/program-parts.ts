import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOfJson } from '../../base/digest.ts';
import { writeDurably } from '../../base/durable-file.ts';
import { KinError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { AssetOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import { NO_PARTS, type Parts } from '../parts.ts';
import { type Program, readProgram } from './program.ts';

const OUTPUT_LINES_MAX = 20;
const OUTPUT_CHARS_MAX = 4_000;
/** All that a program gets of this process's environment: no secret of ours is in it. */
const ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ'] as const;

/**
 * Runs what people bring: a script, a webhook, an Ansible playbook, `terraform apply -replace`. What has ended well is
 * noted under its key and not run again; what was broken off runs again under the same key, which the program finds in
 * KINTSUGI_KEY (or the Idempotency-Key header), so a program that cannot be run twice has to look there.
 */
export class ProgramParts implements Parts {
  readonly name = 'program';
  readonly #folder: string;

  /** `folder` keeps what has ended; it is made when it is not there. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  owns(id: string): boolean {
    return id.startsWith('program ');
  }

  async look() {
    return NO_PARTS;
  }

  async act(order: AssetOrder, context: MoveContext): Promise<JsonObject> {
    const program = readProgram(order.input, 'apply');
    if (!program) throw new KinError('move.invalid', `there is nothing to run for ${order.asset}`);
    return this.#once(program, order, context);
  }

  async unact(order: AssetOrder, context: MoveContext): Promise<void> {
    const program = readProgram(order.input, 'undo');
    if (program) await this.#once(program, order, context);
  }

  async #once(program: Program, order: AssetOrder, context: MoveContext): Promise<JsonObject> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const note = join(this.#folder, `${digestOfJson([context.key]).replace(/^sha256:/, '')}.json`);
    if (existsSync(note)) return JSON.parse(readFileSync(note, 'utf8')) as JsonObject;
    const result =
      program.kind === 'webhook' ? await post(program.url, order, context) : await run(program, order, context);
    writeDurably(note, JSON.stringify(result));
    return result;
  }
}

async function post(url: string, order: AssetOrder, { key, signal }: MoveContext): Promise<JsonObject> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ source: 'kintsugi', key, asset: order.asset, undo: key.endsWith(':undo') }),
    redirect: 'error',
    signal,
  });
  const text = (await answer.text()).slice(0, OUTPUT_CHARS_MAX);
  if (!answer.ok) throw new KinError('move.failed', `${url} answered ${answer.status}`, { details: { output: text } });
  return { status: answer.status };
}

async function run(
  { argv }: Exclude<Program, { kind: 'webhook' }>,
  order: AssetOrder,
  { key, signal }: MoveContext,
): Promise<JsonObject> {
  const [file = '', ...args] = argv;
  const env: Record<string, string> = { KINTSUGI_KEY: key, KINTSUGI_ASSET: order.asset };
  for (const name of ENVIRONMENT) if (process.env[name] !== undefined) env[name] = process.env[name];
  // In a group of its own: what a script started ends with it.
  const child = spawn(file, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const output: string[] = [];
  const keep = (chunk: Buffer) => {
    output.push(...chunk.toString('utf8').split('\n').filter(Boolean));
    output.splice(0, Math.max(0, output.length - OUTPUT_LINES_MAX));
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | string>((resolve, reject) => {
    const stop = () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', stop, { once: true });
    child.once('error', (cause) => reject(new KinError('move.failed', `cannot run ${file}`, { cause })));
    child.once('close', (exit, by) => {
      signal.removeEventListener('abort', stop);
      resolve(exit ?? by ?? 'unknown');
    });
  });
  signal.throwIfAborted();
  const told = output.join('\n').slice(-OUTPUT_CHARS_MAX);
  if (code !== 0) throw new KinError('move.failed', `${file} ended with ${code}`, { details: { output: told } });
  return { output: told };
}
