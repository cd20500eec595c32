import { sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { World } from '../drivers/world.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { Collector, KeepTranscript } from '../observe/collector.ts';
import type { Fact } from '../observe/fact.ts';
import { counted, unknown } from '../observe/facts/place-collector.ts';
import type { Database } from '../store/database.ts';
import { applyKey, ChangeScan, moveKey, planKey } from './change-scan.ts';

const NAME = 'change-record';
const DAYS = 90;
/** What is younger may be on its way to the ledger. */
const SETTLED_SECONDS = 60;
/** More than that is not looked at in one round; the newest are. */
const ROWS_MAX = 20_000;

export interface ChangeFactsOptions {
  readonly database: Pick<Database, 'kysely'>;
  readonly ledger: Pick<LedgerClient, 'entries'>;
  readonly world: World;
  readonly clock: Clock;
}

/** A move that was made in a repair, and what is known of how it came about. */
interface MadeMove {
  readonly repair: string;
  readonly step: number;
  readonly move: string;
  readonly plan: string;
  readonly playbook: string | null;
  readonly isJudged: boolean;
  readonly needsApproval: boolean;
  readonly approvedBy: string | null;
  readonly tenants: readonly string[];
  readonly isOver: boolean;
  readonly isChecked: boolean;
}

interface MadeApply {
  readonly kind: string;
  readonly name: string;
  readonly generation: number;
}

/**
 * Whether what was changed is on record. Every move and apply of 90 days in PostgreSQL is looked for in the ledger, which is
 * read from its beginning in small parts; until it was read to its end, nothing is told. A move counts as checked when a
 * verification, its undo or the call of a person who judges it follows it in the journal, and as instructed when the ledger has its plan, the plan names a playbook
 * that people declared and the ruling of the regulations, and who approved it where somebody had to. Nothing is proven
 * of changes that were made past Kintsugi.
 */
export function changeRecord(options: ChangeFactsOptions): Collector {
  const { database, ledger, world, clock } = options;
  const scan = new ChangeScan(ledger);
  return {
    name: NAME,
    facts: ['change.unrecorded', 'change.unchecked', 'instructions.unlogged'],
    everyMs: 60_000,
    timeoutMs: 50_000,
    async collect(signal, keep) {
      // First what was changed, then the record of it: what is written meanwhile is no gap.
      const moves = await readMoves(database);
      const applies = await readApplies(database);
      const seen = await scan.goOn(signal);
      const tenants = world.declared.tenants.map(({ metadata }) => metadata.name);
      return factsOf({ moves, applies, seen, tenants, at: clock.now(), keep });
    },
  };
}

interface Material {
  readonly moves: readonly MadeMove[];
  readonly applies: readonly MadeApply[];
  /** Undefined until the ledger was read to its end. */
  readonly seen: ReadonlySet<string> | string;
  readonly tenants: readonly string[];
  readonly at: number;
  readonly keep: KeepTranscript | undefined;
}

function factsOf({ moves, applies, seen, tenants, at, keep = () => null }: Material): readonly Fact[] {
  const about = { measuredAt: at, collector: NAME };
  const fact = (
    name: Fact['name'],
    subject: string,
    scope: Fact['tenants'],
    names: readonly string[] | string,
  ): Fact => {
    const measured = typeof names === 'string' ? unknown(names) : counted(names);
    const transcript = { collector: NAME, name, subject, measured, moves: moves.length, applies: applies.length };
    return { name, subject, tenants: scope, measured, evidence: keep(transcript), ...about };
  };
  const unrecorded = typeof seen === 'string' ? seen : unrecordedOf(moves, applies, seen);
  const unchecked = moves.filter(({ isOver, isChecked, move }) => isOver && !isChecked && move !== 'page');
  return [
    fact('change.unrecorded', 'changes', 'all', unrecorded),
    fact('change.unchecked', 'moves', 'all', unchecked.map(tellMove)),
    ...tenants.map((tenant) => {
      const own = moves.filter((move) => move.tenants.includes(tenant));
      const names = typeof seen === 'string' ? seen : own.filter((move) => !isInstructed(move, seen)).map(tellMove);
      return fact('instructions.unlogged', tenant, [tenant], names);
    }),
  ];
}

function unrecordedOf(
  moves: readonly MadeMove[],
  applies: readonly MadeApply[],
  seen: ReadonlySet<string>,
): readonly string[] {
  const lostMoves = moves.filter(({ repair, step }) => !seen.has(moveKey(repair, step)));
  const lostApplies = applies.filter(
    ({ kind, name, generation }) => !seen.has(applyKey(`${kind}/${name}`, generation)),
  );
  return [
    ...lostMoves.map(tellMove),
    ...lostApplies.map(({ kind, name, generation }) => `${kind}/${name} generation ${generation}`),
  ];
}

function isInstructed(move: MadeMove, seen: ReadonlySet<string>): boolean {
  const isAgreed = !move.needsApproval || move.approvedBy !== null;
  return Boolean(move.playbook) && move.isJudged && isAgreed && seen.has(planKey(move.plan));
}

function tellMove({ move, repair }: MadeMove): string {
  return `${move} of ${repair}`;
}

async function readMoves({ kysely }: ChangeFactsOptions['database']): Promise<readonly MadeMove[]> {
  const { rows } = await sql<MadeMove>`
    select made.repair_id as repair, made.move_index as step, plan.id as plan, plan.body ->> 'playbook' as playbook,
      plan.body -> 'verdicts' @> '[{"guard": "regulation"}]' as "isJudged",
      (plan.body ->> 'needsApproval')::boolean as "needsApproval", plan.approved_by as "approvedBy",
      coalesce(plan.body -> 'steps' -> made.move_index ->> 'move', '') as move,
      coalesce(plan.body -> 'steps' -> made.move_index -> 'touch' -> 'tenants', '[]') as tenants,
      repair.ended_at is not null as "isOver",
      exists (select from repair_journal later where later.repair_id = made.repair_id and later.seq > made.seq
        and (later.event in ('verified', 'verify-failed', 'undone', 'undo-failed', 'kept') or later.event = 'applied'
          and plan.body -> 'steps' -> later.move_index ->> 'move' = 'page')) as "isChecked"
    from repair_journal made join repair on repair.id = made.repair_id join plan on plan.id = repair.plan_id
    where made.event = 'applied' and made.at > now() - make_interval(days => ${DAYS})
      and made.at < now() - make_interval(secs => ${SETTLED_SECONDS})
    order by made.at desc limit ${ROWS_MAX}`.execute(kysely);
  return rows;
}

async function readApplies({ kysely }: ChangeFactsOptions['database']): Promise<readonly MadeApply[]> {
  const { rows } = await sql<MadeApply>`
    select kind, name, generation from resource_history
    where changed_at > now() - make_interval(days => ${DAYS})
      and changed_at < now() - make_interval(secs => ${SETTLED_SECONDS})
    order by changed_at desc limit ${ROWS_MAX}`.execute(kysely);
  return rows;
}
