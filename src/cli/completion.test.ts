import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renderCompletion } from './completion.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-s-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(): Command {
  const root = new Command('tool').option('--json', 'as JSON');
  root.command('show').description("it's a list").option('--limit <n>', 'how many');
  root.command('stop').description('stop it');
  root.command('secret', { hidden: true });
  root.command('log').command('verify').description('check it');
  return root;
}

/** What a real bash offers after these words. */
function completed(...words: string[]): string[] {
  const script = join(folder, 'completion.bash');
  writeFileSync(script, renderCompletion(program(), 'bash'));
  const list = words.map((word) => `'${word}'`).join(' ');
  const ask = `source '${script}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _tool; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', ask], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

test('bash completes commands, commands of commands, and options', () => {
  expect(completed('tool', 's')).toEqual(['show', 'stop']);
  expect(completed('tool', 'log', '')).toContain('verify');
  expect(completed('tool', 'show', '--l')).toEqual(['--limit']);
  expect(completed('tool', '--json', 'sh')).toEqual(['show']);
  expect(completed('tool', 'sec')).toEqual([]);
});

test('zsh takes the script of bash; fish has a line a word, safely quoted', () => {
  expect(renderCompletion(program(), 'zsh')).toMatch(
    /^#compdef tool\n[\s\S]*bashcompinit[\s\S]*complete -o default -F _tool tool/,
  );
  const fish = renderCompletion(program(), 'fish');
  expect(fish).toContain(
    "complete -c tool -n 'not __fish_seen_subcommand_from show stop log' -a show -d 'it\\'s a list'",
  );
  expect(fish).toContain("-n '__fish_seen_subcommand_from log; and not __fish_seen_subcommand_from verify' -a verify");
  expect(fish).not.toContain('secret');
});
