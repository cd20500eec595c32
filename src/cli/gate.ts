import type { Command } from 'commander';
import { type GateAnswer, gateAnswers } from '../api/gate-answers.ts';
import { KinError } from '../base/errors.ts';
import type { TenantRuling } from '../comply/gate.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import { readManifests, readSources } from '../resources/manifest.ts';
import { type MoveQuestion, parseQuestions } from '../resources/move-question.ts';
import { CLAIMS, DEEDS, DUTIES } from '../resources/move-rule-words.ts';
import { rulesOf } from '../resources/profile.ts';
import { bondsOf } from '../resources/tenant.ts';
import { declareDuties } from './duties.ts';
import type { Binder, Invocation } from './invocation.ts';
import type { Paint } from './paint.ts';
import { renderRows } from './table.ts';

/** Not every move is permitted. */
const NOT_PERMITTED = 2;

interface GateOptions {
  readonly file?: readonly string[];
  readonly from?: readonly string[];
  readonly words?: boolean;
}

/** What the law says of moves, before and after they were made. */
export function declareLaw(program: Command, binder: Binder): void {
  declareGate(program, binder);
  declareDuties(program, binder);
}

function declareGate(program: Command, binder: Binder): void {
  const command = program
    .command('gate')
    .description('ask whether moves are lawful for each tenant; does nothing; exit code 2 when one is not permitted')
    .option('-f, --file <path...>', 'the moves, as YAML or JSON: docs/gate.md')
    .option('--from <path...>', 'manifests that declare tenants and profiles; left out: those that run')
    .option('--words', 'the words that moves are described in');
  binder.bind<GateOptions>(command, async (invocation, options) => {
    if (options.words) return printWords(invocation);
    if (!options.file) throw new KinError('usage.invalid', 'gate needs -f FILE with the moves, or --words');
    const questions = parseQuestions(await readSources(options.file));
    if (questions.length === 0) {
      throw new KinError('manifest.missing', `no move in ${options.file.join(', ')}`);
    }
    const answers = await answersTo(questions, invocation, options.from);
    invocation.print({ answers }, () => answers.map((each) => renderAnswer(each, invocation.paint)).join('\n'));
    return answers.every(({ kind }) => kind === 'permit') ? 0 : NOT_PERMITTED;
  });
}

async function answersTo(
  questions: readonly MoveQuestion[],
  invocation: Invocation,
  from: readonly string[] | undefined,
): Promise<readonly GateAnswer[]> {
  if (!from) {
    const { answers } = await invocation.ask<{ answers: readonly GateAnswer[] }>('POST', '/v1/gate', { questions });
    return answers;
  }
  const resources = (await readManifests(from)).resources.map(({ resource }) => resource);
  const own = resources.filter((each) => each.kind === 'Profile');
  const tenants = resources.filter((each) => each.kind === 'Tenant').map(bondsOf);
  return gateAnswers(questions, tenants, [...builtinProfiles(), ...own].map(rulesOf));
}

function renderAnswer({ move, when, tenants, kind, permitted, held }: GateAnswer, paint: Paint): string {
  const head = `${paint('bold', move)}${when === null ? '' : `  ${when}`}\n`;
  if (tenants.length === 0) return `${head}  it touches no tenant\n`;
  const rows = tenants.flatMap((ruling) => [
    ['', ruling.tenant, paintKind(ruling, paint), ruling.kind === 'permit' ? '' : ruling.clause],
    ...reasonsOf(ruling).map((text) => ['', '', '', text]),
  ]);
  const splits = kind !== 'permit' && permitted.length > 0;
  const rest = held.length === 1 ? 'stays where it is and is told' : 'stay where they are and are told';
  const split = `  lawful for ${permitted.join(', ')} alone; ${held.join(', ')} ${rest}\n`;
  return head + renderRows(rows) + (splits ? split : '');
}

function reasonsOf(ruling: TenantRuling): readonly string[] {
  if (ruling.kind !== 'permit') return [ruling.reason];
  return ruling.duties.map(({ duty, clause }) => `then ${DUTIES[duty]} (${clause})`);
}

function paintKind({ kind }: TenantRuling, paint: Paint): string {
  return paint(kind === 'permit' ? 'green' : kind === 'deny' ? 'red' : 'yellow', kind);
}

function printWords(invocation: Invocation): void {
  const words = { deeds: DEEDS, claims: CLAIMS, duties: DUTIES };
  invocation.print(words, () =>
    Object.entries(words)
      .map(([title, meanings]) => `${invocation.paint('bold', title)}\n${renderRows(Object.entries(meanings))}`)
      .join('\n'),
  );
}
