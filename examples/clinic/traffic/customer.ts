import type { Account, Operation } from './accounts.ts';
import { type Answer, type Call, isIdempotent, type TenantClient } from './client.ts';
import { type Random, weighted } from './random.ts';
import type { Tally } from './tally.ts';

const FOLDERS_MAX = 100;
const CREATED_MAX = 200;
const WAITING_MAX = 500;
const UNCERTAIN_MAX = 20;

/** A record that this customer keeps writing and reading. One request at a time, so that it knows what must be in it. */
interface Folder {
  readonly id: string;
  readonly kind: 'note' | 'invoice';
  readonly amountCents: number;
  /** The number that was last acknowledged; undefined before the first. */
  acknowledged: number | undefined;
  /** Writes without a good answer, the last few: they may have happened, or may yet. A read may find them too. */
  uncertain: number[];
  busy: boolean;
}

interface Step {
  readonly call: Call;
  /** Statuses that the customer is content with. */
  readonly content: readonly number[];
  /** Looks at the answer; false when what it holds is wrong. */
  readonly check: (answer: Answer) => boolean;
  readonly folder?: Folder;
}

type Body = { readonly tenant?: unknown; readonly number?: unknown };

function recordBody(document: unknown): Body {
  return (document as { body?: Body } | undefined)?.body ?? {};
}

/** All that one tenant does: chooses what to do next, does it, and checks what it gets back. */
export class Customer {
  readonly account: Account;
  readonly tally: Tally;
  readonly #clients: readonly TenantClient[];
  readonly #random: Random;
  readonly #run: string;
  readonly #folders: Folder[];
  #created: string[] = [];
  #sequence = 0;
  #waiting = 0;
  #interrupted = false;

  constructor(account: Account, clients: readonly TenantClient[], tally: Tally, random: Random, run: string) {
    this.account = account;
    this.tally = tally;
    this.#clients = clients;
    this.#random = random;
    this.#run = run;
    this.#folders = Array.from({ length: FOLDERS_MAX }, (_, index) => ({
      id: folderId(run, account.tenant, index),
      kind: index % 4 === 0 ? 'invoice' : 'note',
      amountCents: 100 + index,
      acknowledged: undefined,
      uncertain: [],
      busy: false,
    }));
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** From now on what fails may fail because everything is being stopped; it counts as unfinished. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** One request that was due at `dueMs`. Never rejects. */
  async act(dueMs: number): Promise<void> {
    if (this.#waiting >= WAITING_MAX) return this.tally.count('unsent');
    const step = this.#step(weighted(this.account.mix, this.#random));
    const client = this.#clients[this.#sequence % this.#clients.length]!;
    if (step.folder) step.folder.busy = true;
    this.#waiting += 1;
    this.tally.count('requests');
    const answer = await client.send(step.call);
    this.#waiting -= 1;
    if (step.folder) step.folder.busy = false;
    this.#judge(step, answer, dueMs);
  }

  #judge(step: Step, answer: Answer, dueMs: number): void {
    if (answer.retried) this.tally.count('retried');
    if (answer.status === 429) return this.tally.count('limited');
    const right = step.check(answer);
    const content = typeof answer.status === 'number' && step.content.includes(answer.status);
    if (content && right) return this.tally.success(dueMs, performance.now());
    if (this.#interrupted) return this.tally.count('unfinished');
    this.tally.failure(isIdempotent(step.call), `${step.call.method} ${answer.status}`);
  }

  #step(wish: Operation): Step {
    this.#sequence += 1;
    const free = this.#folders.filter((folder) => !folder.busy);
    const written = free.filter((folder) => folder.acknowledged !== undefined);
    const invoices = written.filter((folder) => folder.kind === 'invoice');
    const folder = wish === 'charge' ? this.#one(invoices) : wish === 'read' ? this.#one(written) : this.#one(free);
    if (wish === 'read' && folder) return this.#read(folder);
    if (wish === 'charge' && folder) return this.#charge(folder);
    if (wish === 'create' && this.#created.length < CREATED_MAX) return this.#create();
    if (wish === 'remove' && this.#created.length > 0) return this.#remove(this.#created.shift()!);
    if (wish === 'trespass') return this.#trespass();
    const target = folder ?? this.#one(free);
    return wish === 'list' || !target ? this.#list() : this.#write(target);
  }

  #one<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#random() * from.length)];
  }

  #draft(kind: string): { patientRef: string; kind: string; body: Body } {
    const patientRef = `p-${Math.floor(this.#random() * 1_000)}`;
    return { patientRef, kind, body: { tenant: this.account.tenant, number: this.#sequence } };
  }

  #write(folder: Folder): Step {
    const number = this.#sequence;
    const check = (answer: Answer): boolean => {
      if (answer.status === 200 || answer.status === 201) {
        folder.acknowledged = number;
      } else folder.uncertain = [...folder.uncertain, number].slice(-UNCERTAIN_MAX);
      return true;
    };
    const call: Call = { method: 'PUT', path: `/records/${folder.id}`, body: this.#draft(folder.kind) };
    return { call, content: [200, 201], check, folder };
  }

  #read(folder: Folder): Step {
    const check = (answer: Answer): boolean => {
      if (answer.status === 404) this.tally.count('missing');
      if (answer.status !== 200) return true;
      if (!this.#isOurs(answer.body)) return false;
      const number = recordBody(answer.body).number as number;
      const fresh = number === folder.acknowledged || folder.uncertain.includes(number);
      if (!fresh) this.tally.count('stale');
      return fresh;
    };
    return { call: { method: 'GET', path: `/records/${folder.id}` }, content: [200], check, folder };
  }

  #list(): Step {
    const path = this.#random() < 0.25 ? '/records?limit=20&kind=invoice' : '/records?limit=20';
    const check = (answer: Answer): boolean => {
      const { records = [] } = (answer.status === 200 ? answer.body : {}) as { records?: unknown[] };
      return records.every((record) => this.#isOurs(record));
    };
    return { call: { method: 'GET', path }, content: [200], check };
  }

  #create(): Step {
    const idempotencyKey = `${this.#run}-${this.#sequence}`;
    const check = (answer: Answer): boolean => {
      if (answer.status !== 201) return true;
      this.#created.push((answer.body as { id: string }).id);
      return this.#isOurs(answer.body);
    };
    const call: Call = { method: 'POST', path: '/records', body: this.#draft('observation'), idempotencyKey };
    return { call, content: [201], check };
  }

  /** A repeated DELETE finds nothing left to do: 404 is the answer to the second one. */
  #remove(id: string): Step {
    return { call: { method: 'DELETE', path: `/records/${id}` }, content: [204, 404], check: () => true };
  }

  #charge(folder: Folder): Step {
    const body = { amountCents: folder.amountCents, currency: this.account.currency };
    const check = (answer: Answer): boolean =>
      answer.status !== 200 || (answer.body as { amountCents?: number }).amountCents === folder.amountCents;
    return { call: { method: 'POST', path: `/records/${folder.id}/charge`, body }, content: [200], check, folder };
  }

  /** Asks for a record that another tenant of this run has under the same number. */
  #trespass(): Step {
    const index = Math.floor(this.#random() * FOLDERS_MAX);
    const other = this.account.tenant === 'clinic-de' ? 'shop' : 'clinic-de';
    const check = (answer: Answer): boolean => answer.status !== 200 || this.#isOurs(answer.body);
    return { call: { method: 'GET', path: `/records/${folderId(this.#run, other, index)}` }, content: [404], check };
  }

  #isOurs(record: unknown): boolean {
    const ours = recordBody(record).tenant === this.account.tenant;
    if (!ours) this.tally.count('leaks');
    return ours;
  }
}

function folderId(run: string, tenant: string, index: number): string {
  return `${run}-${tenant}-${index}`;
}
