import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { AssetView } from '../../diagnose/fleet-view.ts';
import type { AssetOrder, Replacement } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import type { ConditionSample } from '../../observe/sample.ts';
import type { TlsEndpoint } from '../../observe/facts/tls-handshake.ts';
import type { RenewableCertificate } from '../../resources/tls.ts';
import { notOf, type Parts, type PartsView } from '../parts.ts';
import { describeCertificate, issueChain } from './issuer.ts';
import { Renewal } from './renewal.ts';
import { postReload, shownBy, untilShown, validityOf, type Wanted } from './take-up.ts';
import { timeDoubt, type Validity } from './time-doubt.ts';

/** A listener whose certificate people let be renewed: of one instance of a workload, or of the gateways. */
export interface CertificatePlace extends TlsEndpoint {
  /** `portal/eu/0`: as the facts name the listener. */
  readonly subject: string;
  /** Workloads that are reached by it. */
  readonly workloads: readonly string[];
  /** Null for the gateways, which serve every region. */
  readonly region: string | null;
  /** Null while nobody has the slot, and for the gateways. */
  readonly instance: string | null;
  readonly serverName: string;
  /** In which its files lie: the data directory of the slot. */
  readonly folder: string;
  readonly certificate: RenewableCertificate;
  /** Set for who reads its files by itself when they change: so many processes behind one port. */
  readonly readers?: number;
}

export interface TlsPartsOptions {
  /** Listeners of all slots, also of those that do not serve now. */
  readonly places: () => readonly CertificatePlace[];
  /** The time by the clock of the database. */
  readonly databaseNow: () => Promise<number>;
  readonly hangUp: (instance: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  /** How long a process may take until it shows what it was given; 15 s when left out. */
  readonly shownWithinMs?: number;
}

const VANTAGE = 'tls';
const LISTENER = 'listener ';
/** Nothing here changes by itself within a minute, and what violates a control is to be on record before it is healed. */
const LOOK_MS = 60_000;
/** What was claimed has to be taken back soon once it is renewed. */
const AFTER_RENEWAL_LOOK_MS = 3_000;
const AFTER_RENEWAL_MS = 30_000;
/** Of many listeners the others have their turn a second later. */
const AT_ONCE_MAX = 20;
const DAY_MS = 86_400_000;
/** The system picks one of those behind a port by chance: that one of them is missed in so many is less likely than 1 in 100,000. */
const HANDSHAKES_EACH = 12;
/** The last third of its life, as ACME clients do, and a month at most. */
const LAST_SHARE = 1 / 3;
const LAST_MS_MAX = 30 * DAY_MS;

/** What was seen of a listener last. */
interface Seen {
  readonly at: number;
  readonly validity: Validity | undefined;
  readonly isBad: boolean;
}

/**
 * The certificates that workloads let be renewed: looked at by a handshake with each instance, and renewed with overlap.
 * The new key and certificate are written beside the old ones, which stay on disk; the process takes them up; and the
 * renewal has worked once a handshake shows the new certificate with a chain, names and dates that clients take. Taking it
 * back puts the old files back byte for byte, and has worked once the old certificate is shown again.
 */
export class TlsParts implements Parts {
  readonly name = 'tls';
  readonly #options: TlsPartsOptions;
  readonly #seen = new Map<string, Seen>();
  /** Until when each listener is looked at often, because it was renewed while something was claimed of it. */
  readonly #busyUntil = new Map<string, number>();

  constructor(options: TlsPartsOptions) {
    this.#options = options;
  }

  owns(id: string): boolean {
    return id.startsWith(LISTENER);
  }

  async look(signal: AbortSignal): Promise<PartsView> {
    const places = this.#options.places();
    const due = places.filter((place) => this.#isDue(idOf(place))).slice(0, AT_ONCE_MAX);
    const samples = await Promise.all(due.map((place) => this.#lookAt(place, signal)));
    return { settings: [], assets: places.map(assetOf), actors: [], samples: samples.flat() };
  }

  /** Throws `certificate.time-doubted` before anything is done, `certificate.not-issued` or `certificate.not-shown`. */
  async act(order: AssetOrder, context: MoveContext): Promise<JsonObject> {
    if (order.verb !== 'rotate') notOf(this.name, order.asset);
    const place = this.#place(order.asset);
    const before = await shownBy(place, context.signal);
    const renewal = new Renewal(filesOf(place), order.key);
    const chain = renewal.issued ?? (await this.#issue(place, before && validityOf(before), renewal, order, context));
    context.signal.throwIfAborted();
    renewal.install();
    await this.#takeUp(order, context, { fingerprint: fingerprintOf(chain), sound: true });
    return { certificate: describeCertificate(chain) };
  }

  async unact(order: AssetOrder, context: MoveContext): Promise<void> {
    const place = this.#place(order.asset);
    const chain = new Renewal(filesOf(place), order.key).restore();
    if (chain === undefined) return;
    // Who does not run holds nothing: it reads the old files when it starts.
    const isServed = (await shownBy(place, context.signal)) !== undefined;
    const wanted = chain === null || !isServed ? undefined : { fingerprint: fingerprintOf(chain), sound: false };
    if (isServed || order.input['replacement'] !== undefined) await this.#takeUp(order, context, wanted, 'undo');
  }

  async #issue(
    place: CertificatePlace,
    own: Validity | undefined,
    renewal: Renewal,
    order: AssetOrder,
    { signal }: MoveContext,
  ): Promise<string> {
    const { clock, databaseNow } = this.#options;
    const others = [...this.#seen].flatMap(([id, seen]) => (id === order.asset ? [] : (seen.validity ?? [])));
    const doubt = timeDoubt({ databaseNow: await databaseNow(), now: clock.now(), own, others });
    if (doubt) throw new KinError('certificate.time-doubted', doubt);
    const { folder, serverName, certificate } = place;
    const { renew } = certificate;
    const names = [...new Set([serverName, ...renew.names])];
    const about = { folder, renew, names, key: renewal.key(), orderKey: order.key };
    const chain = await issueChain({ ...about, now: () => clock.now(), signal });
    signal.throwIfAborted();
    renewal.keepIssued(chain);
    return chain;
  }

  /** Lets the process read its files, unless it shows already what is wanted, and waits until it does. */
  async #takeUp(order: AssetOrder, context: MoveContext, wanted: Wanted | undefined, way: 'apply' | 'undo' = 'apply') {
    const { clock, hangUp, shownWithinMs = 15_000 } = this.#options;
    const place = this.#place(order.asset);
    const { reload } = place.certificate.renew;
    if (this.#seen.get(order.asset)?.isBad) this.#busyUntil.set(order.asset, clock.now() + AFTER_RENEWAL_MS);
    const shown = await shownBy(place, context.signal);
    if (wanted !== undefined && shown?.fingerprint === wanted.fingerprint) return;
    context.signal.throwIfAborted();
    if (reload && 'signal' in reload) await hangUp(instanceOf(place), context.signal);
    else if (reload) await postReload(place, reload.path, context.signal);
    else if (place.readers === undefined) await replaceFor(order, context, way);
    if (wanted === undefined) return;
    const find = () => this.#options.places().find(({ subject }) => subject === place.subject);
    const inRow = HANDSHAKES_EACH * (place.readers ?? 0) || 1;
    await untilShown(find, wanted, { withinMs: shownWithinMs, inRow, clock, signal: context.signal });
  }

  #isDue(asset: string): boolean {
    const now = this.#options.clock.now();
    const isBusy = (this.#busyUntil.get(asset) ?? 0) > now;
    const last = this.#seen.get(asset);
    return last === undefined || now - last.at >= (isBusy ? AFTER_RENEWAL_LOOK_MS : LOOK_MS);
  }

  async #lookAt(place: CertificatePlace, signal: AbortSignal): Promise<readonly ConditionSample[]> {
    const { clock } = this.#options;
    const asset = idOf(place);
    const shown = await shownBy(place, signal);
    const at = clock.now();
    const validity = shown && validityOf(shown);
    const samples = validity ? conditionsOf(asset, validity, at) : [];
    this.#seen.set(asset, { at, validity, isBad: samples.some(({ holds }) => holds) });
    return samples;
  }

  #place(asset: string): CertificatePlace {
    const found = this.#options.places().find((place) => idOf(place) === asset);
    if (found) return found;
    throw new KinError('resource.unknown', `nobody declares how the certificate of ${asset} is renewed`);
  }
}

function conditionsOf(asset: string, { startsAt, endsAt }: Validity, at: number): readonly ConditionSample[] {
  const leftMs = endsAt - at;
  const lastMs = Math.min((endsAt - startsAt) * LAST_SHARE, LAST_MS_MAX);
  const sample = { kind: 'condition', at, vantage: VANTAGE, asset, detail: { leftMs } } as const;
  const days = (leftMs / DAY_MS).toFixed(1);
  return [
    { ...sample, condition: 'expired', holds: leftMs <= 0, reason: `the certificate of ${asset} has expired` },
    {
      ...sample,
      condition: 'expiring',
      holds: leftMs > 0 && leftMs < lastMs,
      reason: `the certificate of ${asset} ends in ${days} days, within the last third of its life`,
    },
  ];
}

function idOf({ subject }: CertificatePlace): string {
  return `${LISTENER}${subject}`;
}

function instanceOf({ instance, subject }: CertificatePlace): string {
  if (instance !== null) return instance;
  throw new KinError('certificate.not-shown', `nobody serves at ${subject}`);
}

function filesOf({ folder, certificate: { file, keyFile } }: CertificatePlace) {
  return { folder, file, keyFile };
}

function assetOf(place: CertificatePlace): AssetView {
  const { workloads, region, instance, certificate, readers } = place;
  const takesUpBy = certificate.renew.reload || readers !== undefined ? 'reload' : 'restart';
  return {
    id: idOf(place),
    kind: 'certificate',
    workloads,
    tenants: [],
    region,
    host: null,
    partOf: null,
    settings: [],
    detail: { renewable: true, instance, takesUpBy },
  };
}

function fingerprintOf(chain: string): string {
  return new X509Certificate(chain).fingerprint256;
}

/**
 * A process that takes nothing up while it runs is replaced. On the way back the one that was put in its place is, too:
 * it holds what was taken away.
 */
async function replaceFor({ asset, input }: AssetOrder, context: MoveContext, way: 'apply' | 'undo'): Promise<void> {
  const order = input['replacement'] as unknown as Replacement | undefined;
  if (!order) throw new KinError('certificate.not-shown', `${asset} takes up no new files while it runs`);
  if (way === 'apply') await context.fleet.replace(order, context);
  else await context.fleet.undoReplace({ ...order, rereads: asset }, context);
}
