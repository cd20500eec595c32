import { KinError } from '../../base/errors.ts';
import { digestOfPath } from '../../base/digest.ts';
import { Child, type Household, newStatus, specDigestOf } from './child.ts';
import type { ChildRecord } from './keeper-record.ts';
import { removeLogs } from './log-capture.ts';
import type { PortAllocator } from './port-allocator.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { ChildStatus, ProcessSpec, StartCommand } from './protocol.ts';

/** Instances that ended are remembered, so that their ids are not started again; the oldest are forgotten. */
const ENDED_KEPT_MAX = 500;

/** The instances of workloads: started once, stopped on command, reported when they end, and never started again. */
export class Instances {
  readonly #home: Household;
  readonly #ports: PortAllocator;
  readonly #children = new Map<string, Child>();
  /** Starts that are under way, so that the same command twice at a time is one start. */
  readonly #starting = new Map<string, Promise<ChildStatus>>();

  constructor(home: Household, ports: PortAllocator) {
    this.#home = home;
    this.#ports = ports;
  }

  list(): readonly Child[] {
    return [...this.#children.values()];
  }

  get(id: string): Child | undefined {
    return this.#children.get(id);
  }

  /** Takes over what an earlier keeper recorded: adopts it when `identity` lives, reports its end otherwise. */
  restore(record: ChildRecord, identity: ProcessIdentity | undefined): void {
    const child = this.#add(record);
    const over = record.status.state === 'exited' || record.status.state === 'failed';
    if (over || (identity && child.adopt(identity))) return;
    child.foundGone();
  }

  /** As `PUT /v1/children/:id` promises; the epoch was judged before. */
  async start(id: string, command: StartCommand): Promise<ChildStatus> {
    const known = this.#children.get(id);
    const underWay = this.#starting.get(id);
    if (underWay) return underWay;
    if (known) return this.#again(known, command);
    const started = this.#startNew(id, command);
    this.#starting.set(id, started);
    try {
      return await started;
    } finally {
      this.#starting.delete(id);
    }
  }

  #again(child: Child, { spec }: StartCommand): ChildStatus {
    if (child.record.specDigest !== specDigestOf(specOf(child.status, spec))) {
      this.#home.log.warn({ id: child.id }, 'a start with another specification was ignored: the id is used');
    }
    return child.status;
  }

  async #startNew(id: string, command: StartCommand): Promise<ChildStatus> {
    await checkArtefact(command.artefact);
    const port = command.port === 0 ? await this.#ports.allocate(command.host) : command.port;
    if (command.port !== 0) this.#ports.note(port);
    const { workload, version, region, host } = command;
    const status = newStatus({ id, role: 'instance' }, { workload, version, region, host, port });
    const child = this.#add({ status, startTime: null, specDigest: '' });
    try {
      await child.launch(specOf(child.status, command.spec));
    } catch (error) {
      // Nothing runs, so the id is not used up.
      this.#children.delete(id);
      this.#home.file.saveSoon();
      throw error;
    }
    return child.status;
  }

  /** Resolves when it is gone; a start that is under way is waited for first. */
  async stop(id: string, signal: NodeJS.Signals, killAfterMs: number): Promise<ChildStatus> {
    await this.#starting.get(id)?.catch(() => undefined);
    const child = this.#children.get(id);
    if (!child) throw new KinError('resource.unknown', `no instance ${id}`, { details: { id } });
    await child.stop(signal, killAfterMs);
    return child.status;
  }

  /** Waits until no start is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#starting.values());
  }

  #add(record: ChildRecord): Child {
    const child = new Child(record, this.#home, () => this.#forgetOldest());
    this.#children.set(child.id, child);
    return child;
  }

  #forgetOldest(): void {
    const ended = this.list().filter(({ status }) => status.state === 'exited' || status.state === 'failed');
    if (ended.length <= ENDED_KEPT_MAX) return;
    const byEnd = ended.toSorted((a, b) => (a.status.exit?.at ?? '').localeCompare(b.status.exit?.at ?? ''));
    for (const child of byEnd.slice(0, ended.length - ENDED_KEPT_MAX)) {
      this.#children.delete(child.id);
      removeLogs(this.#home.state.logs, child.id);
    }
  }
}

function specOf({ id, workload, version, region, host, port }: ChildStatus, spec: ProcessSpec): ProcessSpec {
  const env = {
    ...spec.env,
    PORT: String(port),
    HOST: host,
    KINTSUGI_INSTANCE: id,
    KINTSUGI_WORKLOAD: workload,
    KINTSUGI_VERSION: String(version),
    KINTSUGI_REGION: region,
  };
  return { ...spec, env };
}

async function checkArtefact({ path, digest }: StartCommand['artefact']): Promise<void> {
  let found: string;
  try {
    found = await digestOfPath(path);
  } catch (cause) {
    throw new KinError('artefact.missing', `cannot read the artefact ${path}`, { cause, details: { path } });
  }
  if (found === digest) return;
  throw new KinError('artefact.drifted', `the artefact ${path} is not what was declared`, {
    details: { path, declared: digest, found },
  });
}
