import { KinError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';

/** A program that people bring, as a rung of a playbook names it in its parameters. */
export type Program =
  | { readonly kind: 'script'; readonly argv: readonly string[] }
  | { readonly kind: 'webhook'; readonly url: string }
  | { readonly kind: 'ansible'; readonly argv: readonly string[] }
  | { readonly kind: 'terraform'; readonly argv: readonly string[] };

/**
 * Reads the parameters of a rung. `undo: true` asks for the way back, undefined when none was given.
 *
 * - `command` (and `undoCommand`): words separated by blanks, no shell; the first is an absolute path.
 * - `url`: posted to, for undo too, with `undo: true` in the body. HTTPS, or plain HTTP on this machine.
 * - `ansiblePlaybook`, `inventory` (and `undoPlaybook`).
 * - `terraformDirectory`, `replace`: the address of a resource to be made anew. There is no way back.
 *
 * Throws `move.invalid` and says which parameter is wrong.
 */
export function readProgram(parameters: JsonObject, way: 'apply' | 'undo'): Program | undefined {
  const text = (name: string) => (typeof parameters[name] === 'string' ? parameters[name] : undefined);
  const isUndo = way === 'undo';
  const command = text(isUndo ? 'undoCommand' : 'command');
  if (command) return { kind: 'script', argv: wordsOf(command) };
  const url = text('url');
  if (url) return { kind: 'webhook', url: safeUrl(url) };
  const playbook = text(isUndo ? 'undoPlaybook' : 'ansiblePlaybook');
  if (playbook) {
    const inventory = text('inventory');
    const where = inventory ? ['--inventory', absolute('inventory', inventory)] : [];
    return { kind: 'ansible', argv: ['ansible-playbook', ...where, absolute('ansiblePlaybook', playbook)] };
  }
  const directory = text('terraformDirectory');
  if (isUndo) return undefined;
  if (!directory) throw new KinError('move.invalid', 'run needs command, url, ansiblePlaybook or terraformDirectory');
  const replace = text('replace');
  if (!replace) throw new KinError('move.invalid', 'terraform needs `replace`, the address of one resource');
  const chdir = `-chdir=${absolute('terraformDirectory', directory)}`;
  return {
    kind: 'terraform',
    argv: ['terraform', chdir, 'apply', '-auto-approve', '-input=false', `-replace=${replace}`],
  };
}

function wordsOf(command: string): readonly string[] {
  const [program = '', ...rest] = command.trim().split(/\s+/);
  return [absolute('command', program), ...rest];
}

function absolute(name: string, path: string): string {
  if (path.startsWith('/')) return path;
  throw new KinError('move.invalid', `${name} must be an absolute path, and is ${path}`);
}

function safeUrl(text: string): string {
  const url = URL.parse(text);
  const isLocal = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || isLocal) return text;
  throw new KinError('move.invalid', `url must be https, or http on this machine, and is ${text}`);
}
