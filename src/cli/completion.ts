import { Argument, type Command } from 'commander';
import type { Binder } from './invocation.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function declareCompletion(program: Command, binder: Binder): void {
  const command = program
    .command('completion')
    .description('print the completion script of a shell; for example: source <(kintsugi completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS));
  binder.bind(command, async (invocation, _options, shell) => {
    const script = renderCompletion(program, shell as Shell);
    invocation.print({ shell, script }, () => script);
  });
}

/** What can follow after some words: `''` is the beginning, `incident` its subcommands. */
interface Place {
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly about: string }[];
}

function placesOf(program: Command): readonly Place[] {
  const visit = (command: Command, path: readonly string[]): Place[] => {
    const help = command.createHelp();
    const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help');
    const options = [...help.visibleOptions(command), ...program.options].flatMap(({ long, description }) =>
      long ? [{ word: long, about: description }] : [],
    );
    const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
    const words = [
      ...commands.map((each) => ({ word: each.name(), about: each.description() })),
      ...choices.map((word) => ({ word, about: '' })),
      ...new Map(options.map((option) => [option.word, option])).values(),
    ];
    return [{ path: path.join(' '), words }, ...commands.flatMap((each) => visit(each, [...path, each.name()]))];
  };
  return visit(program, []);
}

/** The whole script, from the commands and options as they are declared. */
export function renderCompletion(program: Command, shell: Shell): string {
  const places = placesOf(program);
  const name = program.name();
  if (shell === 'fish') return renderFish(name, places);
  const bash = renderBash(name, places);
  return shell === 'bash' ? bash : `#compdef ${name}\nautoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

function renderBash(name: string, places: readonly Place[]): string {
  const cases = places.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`);
  const paths = places.map(({ path }) => `'${path}'`).join('|');
  return `_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' words='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in ${paths}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
}
complete -o default -F _${name} ${name}
`;
}

function renderFish(name: string, places: readonly Place[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = places.flatMap(({ path, words }) => {
    const seen = path.split(' ').filter((word) => word !== '');
    const here = seen.map((word) => `__fish_seen_subcommand_from ${word}`);
    const inner = words.filter(({ word }) => !word.startsWith('-')).map(({ word }) => word);
    const notYet = inner.length > 0 ? [`not __fish_seen_subcommand_from ${inner.join(' ')}`] : [];
    const condition = [...here, ...notYet].join('; and ');
    const when = condition ? ` -n ${quote(condition)}` : '';
    return words.map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c ${name}${when} ${what}${about ? ` -d ${quote(about)}` : ''}`;
    });
  });
  return `${lines.join('\n')}\n`;
}
