import { Argument, type Command } from 'commander';
import { toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { draftOf } from '../evidence/breach-draft.ts';
import { openEvidenceKey, readSigningKey } from '../evidence/dsse.ts';
import { DECISION_TYPE, signStatement } from '../evidence/signed-statement.ts';
import { readEntries } from '../ledger/verify.ts';
import { type BreachAnswer, type BreachLine, renderBreach, renderBreaches } from './breach-story.ts';
import type { Binder, Invocation } from './invocation.ts';

interface ByOption {
  readonly by?: string;
}

interface ScopeOptions extends ByOption {
  readonly tenant?: string;
  readonly notice?: string;
}

interface DecideOptions extends ScopeOptions {
  readonly reason: string;
  readonly key?: string;
}

const ID = ['<id>', 'id or its beginning'] as const;
const BY = ['--by <name>', 'who says it, for the record'] as const;
const TENANT = ['--tenant <name>', 'only the notices of this one'] as const;
const NOTICE = ['--notice <control>', 'only this notice, such as gdpr-art33.1'] as const;

/** `kintsugi breach`: losses that people have to judge, and the clocks that run meanwhile. It sends nothing. */
export function declareBreach(program: Command, binder: Binder): void {
  const breach = program
    .command('breach')
    .description('losses of data or service that somebody may have to be told of, and their clocks');
  const list = breach
    .command('list', { isDefault: true })
    .description('what has to be judged, with the next deadline')
    .option('--all', 'those that are over too');
  binder.bind<{ all?: boolean }>(list, async (invocation, { all }) => {
    const breaches = await readBreaches(invocation, all === true);
    invocation.print({ breaches }, () => renderBreaches(breaches, invocation, invocation.context.clock.now()));
  });
  const show = breach
    .command('show')
    .description('everything known of one, and every clock')
    .argument(...ID);
  binder.bind(show, async (invocation, _options, id = '') => {
    print(invocation, await read(invocation, id));
  });
  declareWords(breach, binder);
  const draft = breach
    .command('draft')
    .description('print the text of a notice, filled with what is known; only a person sends it')
    .argument(...ID)
    .option(...TENANT)
    .option(...NOTICE);
  binder.bind<ScopeOptions>(draft, printDrafts);
}

/** What people say. Each is on record with who said it. */
function declareWords(breach: Command, binder: Binder): void {
  const aware = breach
    .command('aware')
    .description('say that somebody is aware of it: clocks that run from awareness start')
    .argument(...ID)
    .option(...BY)
    .option('--at <time>', 'since when, ISO 8601; now when left out')
    .option('--real', 'it was no drill, whatever the mark says');
  binder.bind<ByOption & { at?: string; real?: boolean }>(aware, async (invocation, { by, at, real }, id = '') => {
    await say(invocation, id, { kind: 'aware', by: invocation.actor(by), at, real: real === true });
  });
  const classify = breach
    .command('classify')
    .description('say that it is a major incident: the clock of DORA that runs from that starts')
    .argument(...ID)
    .option(...BY);
  binder.bind<ByOption>(classify, async (invocation, { by }, id = '') => {
    await say(invocation, id, { kind: 'classified', by: invocation.actor(by) });
  });
  const decide = breach
    .command('decide')
    .description('decide, signed, whether notices are sent')
    .argument(...ID)
    .addArgument(new Argument('<choice>', 'what is decided').choices(['notify', 'no-notice']))
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .option(...BY)
    .option(...TENANT)
    .option(...NOTICE)
    .option('--key <file>', "the person's Ed25519 key (PEM); without it this installation signs");
  binder.bind<DecideOptions>(decide, decideOn);
  const sent = breach
    .command('sent')
    .description('say that a person has sent a notice')
    .argument(...ID)
    .option(...BY)
    .option('--at <time>', 'when, ISO 8601; now when left out')
    .option(...TENANT)
    .option(...NOTICE);
  binder.bind<ScopeOptions & { at?: string }>(sent, async (invocation, { by, at, tenant, notice }, id = '') => {
    await say(invocation, id, { kind: 'sent', by: invocation.actor(by), at, tenant, notice });
  });
  const close = breach
    .command('close')
    .description('close one that turned out harmless, or of which all is done')
    .argument(...ID)
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .option(...BY);
  binder.bind<ByOption & { reason: string }>(close, async (invocation, { by, reason }, id = '') => {
    await say(invocation, id, { kind: 'closed', by: invocation.actor(by), reason });
  });
}

async function decideOn(invocation: Invocation, options: DecideOptions, given = '', choice?: string): Promise<void> {
  const { tenant, notice, reason, key, by } = options;
  const assessment = await resolveId(invocation, given);
  const at = toIso(invocation.context.clock.now());
  const statement = { assessment, choice, by: invocation.actor(by), reason, at, tenant, notice };
  const signingKey = key === undefined ? openEvidenceKey(invocation.state.secrets) : readSigningKey(key);
  await say(invocation, assessment, {
    kind: 'decided',
    envelope: signStatement(DECISION_TYPE, JSON.stringify(statement), signingKey),
  });
}

async function say(invocation: Invocation, given: string, word: unknown): Promise<void> {
  const id = await resolveId(invocation, given);
  print(invocation, await invocation.ask<BreachAnswer>('POST', `/v1/breaches/${encodeURIComponent(id)}/words`, word));
}

function print(invocation: Invocation, breach: BreachAnswer): void {
  invocation.print(breach, () => renderBreach(breach, invocation, invocation.context.clock.now()));
}

async function printDrafts(invocation: Invocation, { tenant, notice }: ScopeOptions, given = ''): Promise<void> {
  const breach = await read(invocation, given);
  const clocks = breach.clocks.filter(
    (clock) =>
      clock.control !== null &&
      (tenant === undefined || clock.tenant === tenant) &&
      (notice === undefined || clock.control === notice),
  );
  if (clocks.length === 0) {
    const keys = breach.clocks.flatMap(({ control, key }) => (control === null ? [] : [key]));
    const known = keys.length === 0 ? 'it asks for none' : `it has ${keys.join('; ')}`;
    throw new KinError('resource.unknown', `${breach.id} has no such notice; ${known}`);
  }
  const entries = await invocation.waiting('the ledger', entriesAbout(invocation, breach));
  const drafts = clocks.map((clock) => {
    const { key } = clock;
    // Entries that are about another tenant alone are nobody else's.
    const own = (subject: string) =>
      (entries.get(subject) ?? []).flatMap(({ index, of }) => (of === undefined || of === clock.tenant ? [index] : []));
    return { key, text: draftOf(breach, clock, own) };
  });
  invocation.print({ drafts }, () => drafts.map(({ text }) => text).join(`\n${'-'.repeat(72)}\n\n`));
}

/** Number of an entry, and the tenant that it is about. */
interface EntryAbout {
  readonly index: number;
  readonly of: string | undefined;
}

/** Which entries of the ledger are about the assessment and about what was done. */
async function entriesAbout(
  { state }: Invocation,
  breach: BreachAnswer,
): Promise<ReadonlyMap<string, readonly EntryAbout[]>> {
  const subjects = new Set([
    breach.id,
    ...breach.measures.flatMap(({ incident, repairs }) => [incident.id, ...repairs.map(({ id }) => id)]),
  ]);
  const entries = new Map<string, readonly EntryAbout[]>();
  for await (const { index, event } of readEntries(state.ledger)) {
    if (!subjects.has(event.subject)) continue;
    entries.set(event.subject, [...(entries.get(event.subject) ?? []), { index, of: event.tenant }]);
  }
  return entries;
}

async function read(invocation: Invocation, given: string): Promise<BreachAnswer> {
  const id = await resolveId(invocation, given);
  return invocation.ask<BreachAnswer>('GET', `/v1/breaches/${encodeURIComponent(id)}`);
}

async function readBreaches(invocation: Invocation, all: boolean): Promise<readonly BreachLine[]> {
  return (await invocation.ask<{ breaches: readonly BreachLine[] }>('GET', `/v1/breaches?all=${all}`)).breaches;
}

/** A whole id is taken as it is: it may be older than what is looked through. */
async function resolveId(invocation: Invocation, given: string): Promise<string> {
  if (/^brc_[0-9a-z]{16}$/.test(given)) return given;
  const fitting = (await readBreaches(invocation, true)).filter(
    ({ id }) => id.startsWith(given) || id.startsWith(`brc_${given}`),
  );
  const [first, ...others] = fitting;
  if (first && others.length === 0) return first.id;
  const reason = first ? `${fitting.length} assessments begin with ${given}` : `no breach assessment ${given}`;
  throw new KinError('resource.unknown', reason, { details: { id: given } });
}
