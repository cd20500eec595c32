import { Option, type Command } from 'commander';
import type { RegisterVersion } from '../evidence/register.ts';
import { registerMarkdown, registerPage } from '../evidence/register-page.ts';
import { diffValues, fieldText } from '../resources/diff.ts';
import type { Binder, Invocation } from './invocation.ts';
import { wholeNumber } from './number-option.ts';

interface RopaOptions {
  readonly format: 'markdown' | 'html';
  readonly of?: number;
  readonly diff?: boolean;
  readonly by?: string;
}

/** `kintsugi ropa`: the record of processing, from what is known at this moment. */
export function declareRopa(program: Command, binder: Binder): void {
  const ropa = program
    .command('ropa')
    .description('record of processing of a processor (GDPR Art. 30(2)), made from what was measured and declared')
    .addOption(new Option('--format <format>', 'how it is printed').choices(['markdown', 'html']).default('markdown'))
    .option('--of <number>', 'an earlier version, instead of making one', wholeNumber(1, 1_000_000))
    .option('--diff', 'only what differs from the version before')
    .option('--by <name>', 'who asks for it, for the record');
  binder.bind<RopaOptions>(ropa, runRopa);
}

async function runRopa(invocation: Invocation, { format, of, diff, by }: RopaOptions): Promise<void> {
  const { current, before } = of === undefined ? await make(invocation, by) : await readTwo(invocation, of);
  const changes = before ? diffValues([], before.register, current.register) : [];
  const document = { ...current, before: before && { version: before.version, digest: before.digest }, changes };
  invocation.print(document, () => {
    if (diff) return renderDiff(current, before, changes.map(fieldText));
    return format === 'html' ? registerPage(current) : registerMarkdown(current);
  });
}

interface Two {
  readonly current: RegisterVersion;
  readonly before?: RegisterVersion | undefined;
}

async function make(invocation: Invocation, by: string | undefined): Promise<Two> {
  return invocation.ask<Two>('POST', '/v1/register', { by: invocation.actor(by) });
}

async function readTwo(invocation: Invocation, version: number): Promise<Two> {
  const read = (number: number) => invocation.ask<RegisterVersion>('GET', `/v1/register/${number}`);
  const current = await read(version);
  return version === 1 ? { current } : { current, before: await read(version - 1) };
}

function renderDiff(current: RegisterVersion, before: RegisterVersion | undefined, changes: readonly string[]): string {
  if (!before) return `version ${current.version} is the first\n`;
  if (changes.length === 0) return `version ${current.version} says what version ${before.version} said\n`;
  return `version ${before.version} -> ${current.version}\n${changes.map((each) => `  ${each}\n`).join('')}`;
}
