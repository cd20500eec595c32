import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Argument, Command, Option } from 'commander';
import { renderErrorDocs } from '../base/error-docs.ts';
import { CATALOGUE, type ErrorCode } from '../base/error-catalogue.ts';
import type { Binder } from './invocation.ts';

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));

export function declareDocs(program: Command, binder: Binder): void {
  const command = program
    .command('docs', { hidden: true })
    .description('write the pages that are made from the sources')
    .option('--out <folder>', 'where to', DOCS);
  binder.bind<{ out: string }>(command, async (invocation, { out }) => {
    const pages = { 'errors.md': renderErrorDocs(), 'cli.md': renderCliDocs(program) };
    const files = Object.entries(pages).map(([name, text]) => {
      writeFileSync(join(out, name), text);
      return join(out, name);
    });
    invocation.print({ files }, () => files.map((file) => `${file}\n`).join(''));
  });
}

/** The whole of docs/cli.md, from the commands as they are declared. The same commands, the same text. */
export function renderCliDocs(program: Command): string {
  const sections = [
    INTRODUCTION,
    '## Options of every command',
    optionTable(program.options),
    ...commandsOf(program, []).map(renderCommand),
    '## Exit codes',
    'A command that fails prints the fault with its code; [errors](errors.md) says more about each.',
    exitTable(),
  ];
  return `${sections.join('\n\n')}\n`;
}

const INTRODUCTION = `# Command line

\`kintsugi <command>\`, or \`bin/kintsugi.js <command>\` in a checkout. Results go to standard output; faults, warnings and what
is waited for go to standard error. With \`--json\`, standard output is exactly one JSON document, and a fault is one problem
document (RFC 9457) on standard error. Times for people are in the local time zone; in JSON they are ISO 8601 in UTC.
Colours and redrawn lines appear on a terminal only, and no colours at all with \`NO_COLOR\` set.

This page is made from \`src/cli\` by \`npm run docs\`; a test compares the two.`;

interface Declared {
  readonly command: Command;
  readonly path: readonly string[];
}

/** Commands that do something, in the order in which help shows them. */
function commandsOf(command: Command, path: readonly string[]): Declared[] {
  const inner = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
  if (inner.length === 0) return [{ command, path }];
  return inner.flatMap((each) => commandsOf(each, [...path, each.name()]));
}

function renderCommand({ command, path }: Declared): string {
  const { registeredArguments: declared } = command;
  const parts = [
    `## ${path.join(' ')}`,
    `\`kintsugi ${[...path, command.usage()].join(' ')}\``,
    sentence(command.description()),
  ];
  if (declared.length > 0) parts.push(argumentTable(declared));
  const options = command.options.filter(({ hidden }) => !hidden);
  if (options.length > 0) parts.push(optionTable(options));
  return parts.join('\n\n');
}

function argumentTable(declared: readonly Argument[]): string {
  const rows = declared.map((each) => {
    const choices = each.argChoices ? `: ${each.argChoices.join(', ')}` : '';
    return [`\`${each.name()}\`${each.required ? '' : ' (optional)'}`, `${each.description}${choices}`];
  });
  return table(['Argument', ''], rows);
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map(({ flags, description, defaultValue, mandatory }) => {
    const byDefault = defaultValue === undefined || flags.includes('--out') ? '' : `\`${String(defaultValue)}\``;
    return [`\`${flags}\``, mandatory ? 'required' : byDefault, description];
  });
  return table(['Option', 'Default', ''], rows);
}

function exitTable(): string {
  const codes = Object.keys(CATALOGUE) as ErrorCode[];
  const byExit = Map.groupBy(codes, (code) => CATALOGUE[code].exit);
  const rows = [...byExit]
    .sort(([a], [b]) => a - b)
    .map(([exit, group]) => [String(exit), group.map((code) => `\`${code}\``).join(', ')]);
  return table(['Exit code', 'Faults'], [['0', 'none'], ...rows]);
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), `|${titles.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
