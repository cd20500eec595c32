/** The visible table of everything that can be replaced or added to. Implementations are imported here and in main alone. */
import type { Clock } from './base/clock.ts';
import { describeError } from './base/errors.ts';
import { artefactDriftDetector } from './detect/artefact-drift.ts';
import { callGraphDetector } from './detect/call-graph.ts';
import { callsDetector } from './detect/calls.ts';
import { conditionDetector } from './detect/condition.ts';
import { crashLoopDetector } from './detect/crash-loop.ts';
import { beforeAfterDetector } from './detect/before-after.ts';
import { type RunningDetector, run } from './detect/detector.ts';
import type { DetectionTerms } from './detect/detection-terms.ts';
import { exhaustionDetector } from './detect/exhaustion.ts';
import { exitDetector } from './detect/exit.ts';
import { failedProbeDetector } from './detect/failed-probe.ts';
import { leakDetector } from './detect/leak.ts';
import { loadAheadDetector } from './detect/load-ahead.ts';
import { loadGoneDetector } from './detect/load-gone.ts';
import { routeDetector } from './detect/route.ts';
import { routeShiftDetector } from './detect/route-shift.ts';
import { mortalityDetector } from './detect/mortality.ts';
import { noisyTenantDetector } from './detect/noisy-tenant.ts';
import { objectiveDetector } from './detect/objective.ts';
import { overloadDetector } from './detect/overload.ts';
import { poisonDetector } from './detect/poison.ts';
import { seriesDetector } from './detect/series.ts';
import { siblingDetector } from './detect/sibling.ts';
import { startFailureDetector } from './detect/start-failure.ts';
import { versionDetector } from './detect/version.ts';
import { violationDetector } from './detect/violation.ts';
import { workloadDetector } from './detect/workload.ts';
import {
  type CollectorSituation,
  type OwnKeeping,
  type OwnPorts,
  postgresPlaces,
  publicDoor,
  tenantDoors,
  tlsListenersOf,
} from './drivers/collector-places.ts';
import type { Driver } from './drivers/driver.ts';
import { emergencyDoors, heldDoor, heldKeys } from './drivers/held-canary.ts';
import {
  backedStores,
  cardInstances,
  certificatePlaces,
  backupPrograms,
  declaredStores,
  erasureInstances,
  restrictionInstances,
  httpInstances,
  runningArtefacts,
  sessionInstances,
  tlsInstances,
  trialInstances,
} from './drivers/instance-places.ts';
import type { Parts, PartsSituation } from './drivers/parts.ts';
import { runningComponents, watchedProcesses } from './drivers/process-places.ts';
import { BackupParts } from './drivers/backup/backup-parts.ts';
import { FirstLooks } from './drivers/postgresql/first-looks.ts';
import { GoodLooks } from './drivers/postgresql/good-looks.ts';
import { RouteParts } from './drivers/gateway/route-parts.ts';
import { PostgresqlParts } from './drivers/postgresql/postgresql-parts.ts';
import { PostgresqlServerParts } from './drivers/postgresql/server-parts.ts';
import { processDriver } from './drivers/process/process-driver.ts';
import { ProgramParts } from './drivers/program/program-parts.ts';
import { secretFiles } from './drivers/secret-places.ts';
import { storeAddresses, writeRefusals } from './drivers/store-addresses.ts';
import { TenantParts } from './drivers/tenant/tenant-parts.ts';
import { gatewayCertificates } from './drivers/tls/gateway-certificate.ts';
import { TlsParts } from './drivers/tls/tls-parts.ts';
import type { Move } from './heal/move.ts';
import {
  backUp,
  deadLetter,
  failover,
  rotate,
  run as runProgram,
  syncClock,
  terminate,
} from './heal/moves/act-on-asset.ts';
import { quarantine, shed, throttle } from './heal/moves/limit-traffic.ts';
import { page } from './heal/moves/page.ts';
import { replace, restart } from './heal/moves/replace.ts';
import { revert, rollback } from './heal/moves/rollback.ts';
import { scale } from './heal/moves/scale.ts';
import { scaleIn } from './heal/moves/scale-in.ts';
import { suspend } from './heal/moves/suspend.ts';
import { recreate, reenable, reroute, resize } from './heal/moves/write-setting.ts';
import type { LedgerClient } from './ledger/client.ts';
import type { Collector } from './observe/collector.ts';
import { execProbe } from './observe/exec-probe.ts';
import { apiIsolation } from './observe/facts/api-isolation.ts';
import { auditCanary } from './observe/facts/audit-canary.ts';
import { backupAges, backupRestores } from './observe/facts/backups.ts';
import { certificates } from './observe/facts/certificates.ts';
import { loggedCardNumbers, storedCardNumbers } from './observe/facts/card-numbers.ts';
import { cardTrials } from './observe/facts/card-trials.ts';
import { columnKeys } from './observe/facts/column-keys.ts';
import { dataLosses } from './observe/facts/data-losses.ts';
import { declaredTiers } from './observe/facts/declared-tiers.ts';
import { emergencyAccess } from './observe/facts/emergency-access.ts';
import { encryptedColumns } from './observe/facts/encrypted-columns.ts';
import { erasureTrials } from './observe/facts/erasure-trials.ts';
import { restrictionTrials } from './observe/facts/restriction-trials.ts';
import { expiredRows } from './observe/facts/expired-rows.ts';
import { gatewayCredentials } from './observe/facts/gateway-credentials.ts';
import { hardcodedSecrets } from './observe/facts/hardcoded-secrets.ts';
import { instanceClocks } from './observe/facts/instance-clocks.ts';
import { ledgerCopies } from './observe/facts/ledger-copies.ts';
import { ledgerKeeping } from './observe/facts/ledger-keeping.ts';
import { networkListeners } from './observe/facts/network-listeners.ts';
import { ownPlaces } from './observe/facts/own-places.ts';
import { componentInventory } from './observe/facts/component-inventory.ts';
import { databaseClocks, postgresqlGrants } from './observe/facts/postgresql-grants.ts';
import { postgresqlIsolation } from './observe/facts/postgresql-isolation.ts';
import { defaultAccounts, postgresqlServers } from './observe/facts/postgresql-servers.ts';
import { readableBackups, readableLogs } from './observe/facts/readable-files.ts';
import { recordExports } from './observe/facts/record-exports.ts';
import { sessionTrials } from './observe/facts/session-trials.ts';
import { software } from './observe/facts/software.ts';
import { readableSecrets, secretAges } from './observe/facts/system-secrets.ts';
import { storedData } from './observe/facts/stored-data.ts';
import { tenantStores } from './observe/facts/tenant-stores.ts';
import { tlsListeners } from './observe/facts/tls-listeners.ts';
import { unusedAccounts } from './observe/facts/unused-accounts.ts';
import { vaultKeys } from './observe/facts/vault-keys.ts';
import { httpProbe } from './observe/http-probe.ts';
import type { Probe } from './observe/probe.ts';
import { tcpProbe } from './observe/tcp-probe.ts';
import type { MoveName } from './resources/playbook.ts';
import { OwnProcesses, ownSocket } from './drivers/process/own-processes.ts';
import { LimitParts } from './drivers/limits/limit-parts.ts';
import { LedgerParts } from './drivers/ledger/ledger-parts.ts';
import { retentionOf } from './resources/tenant.ts';
import { databaseNow } from './store/database.ts';

export const PROBES: readonly Probe[] = [httpProbe, tcpProbe, execProbe];

/** Detectors with fresh state. */
export function createDetectors({ promisedTo, numbers }: DetectionTerms): readonly RunningDetector[] {
  return [
    run(exitDetector),
    run(startFailureDetector),
    run(failedProbeDetector),
    run(crashLoopDetector(numbers)),
    run(mortalityDetector(numbers)),
    run(siblingDetector(numbers)),
    run(versionDetector(numbers)),
    run(objectiveDetector(promisedTo, numbers)),
    run(noisyTenantDetector(numbers)),
    run(overloadDetector(numbers)),
    run(leakDetector(numbers)),
    run(exhaustionDetector(numbers)),
    run(loadAheadDetector(numbers)),
    run(loadGoneDetector(numbers)),
    run(routeDetector(numbers)),
    run(routeShiftDetector),
    run(artefactDriftDetector),
    run(workloadDetector(numbers)),
    run(callsDetector(numbers)),
    run(conditionDetector),
    run(violationDetector),
    run(poisonDetector(numbers)),
    run(seriesDetector(numbers)),
    run(callGraphDetector),
    run(beforeAfterDetector),
  ];
}

/** Moves by name, in the order of what heals most. */
export const MOVES: ReadonlyMap<MoveName, Move> = new Map(
  [
    revert,
    rollback,
    quarantine,
    throttle,
    shed,
    suspend,
    reroute,
    restart,
    replace,
    scale,
    scaleIn,
    resize,
    recreate,
    reenable,
    terminate,
    rotate,
    syncClock,
    backUp,
    deadLetter,
    failover,
    runProgram,
    page,
  ].map((move) => [move.name, move]),
);

/** Eyes and hands for what is not an instance. */
export function createParts(situation: PartsSituation, ports: OwnPorts): readonly Parts[] {
  const { world, secrets, driver, database, state, clock, log } = situation;
  const goodLooks = new GoodLooks(situation);
  const firstLooks = new FirstLooks(situation);
  const addresses = () => storeAddresses(world, secrets);
  const onBlind = (store: string, error: unknown) => log.debug({ store, reason: describeError(error) }, 'not seen');
  const tenants = () => world.declared.tenants;
  return [
    new PostgresqlParts({
      addresses,
      clock,
      goodLooks,
      firstLooks,
      onBlind,
      refusals: (store) => writeRefusals(world, store),
    }),
    new PostgresqlServerParts({ addresses, clock, firstLooks, onBlind }),
    new TenantParts({ ...situation, file: state.tenantConfigFile, tenants }),
    new ProgramParts(state.programs),
    new TlsParts({
      places: () => [...certificatePlaces(world, state), ...gatewayCertificates(world, ports)],
      databaseNow: () => databaseNow(database),
      hangUp: async (id, signal) => {
        await driver.signal(id, { signal: 'SIGHUP', reason: 'a certificate was renewed' }, signal);
      },
      clock,
    }),
    new OwnProcesses({ ...situation, children: () => world.children(), socketOf: (id) => ownSocket(state, id) }),
    new LimitParts({
      ...situation,
      file: state.limitsFile,
      workloads: () => world.declared.workloads,
      tenants: () => tenants().map(({ metadata }) => metadata.name),
    }),
    new LedgerParts({ folder: state.ledger, clock }),
    new BackupParts({ programs: () => backupPrograms(world), clock }),
    new RouteParts({ world, snapshotFile: state.snapshotFile, publish: situation.publishRouting, clock }),
  ];
}

/** What is measured of accounts, keys and stored data of applications. */
function dataCollectors(situation: CollectorSituation, { keys: kekFolder }: OwnKeeping): readonly Collector[] {
  const { world, secrets, state, demanded, clock, random } = situation;
  const places = () => postgresPlaces(world, storeAddresses(world, secrets));
  const stores = () => declaredStores(world, places());
  const tenants = () => world.declared.tenants.map(({ metadata }) => metadata.name);
  const sessions = () => sessionInstances(world, secrets);
  const uid = process.getuid?.() ?? 0;
  return [
    sessionTrials({ instances: sessions, tenants, demanded, file: state.sessionTrials, clock, random }),
    cardTrials({ instances: () => cardInstances(world, places()), clock, random }),
    erasureTrials({ instances: () => erasureInstances(world, places()), logs: state.logs, clock, random }),
    restrictionTrials({ instances: () => restrictionInstances(world), clock, random }),
    encryptedColumns({ stores, clock }),
    columnKeys({ stores, clock, random }),
    vaultKeys({ folder: state.vault, kekFolder, uid, clock }),
    storedData({ stores, clock }),
    expiredRows({ stores, tenants: () => world.declared.tenants.map(retentionOf), clock }),
    unusedAccounts({ stores, tenants, clock }),
    hardcodedSecrets({ artefacts: () => runningArtefacts(world), clock }),
  ];
}

/** Who is let in at the gateways, and what of it is on record. */
function gatewayCollectors(
  { world, state, canary, clock, random }: CollectorSituation,
  ports: OwnPorts,
  ledger: LedgerClient,
): readonly Collector[] {
  const doors = () => tenantDoors(world, ports);
  return [
    auditCanary({
      doors,
      carried: () => publicDoor(world, ports),
      nobodysKey: canary.key,
      canaryToken: canary.token,
      ledger,
      clock,
      random,
    }),
    emergencyAccess({
      tenants: () => emergencyDoors(world, state.snapshotFile),
      held: () => heldDoor(ports),
      keys: () => heldKeys(canary.key()),
      canaryToken: canary.token,
      ledger,
      clock,
      random,
    }),
    gatewayCredentials({ doors, canaryToken: canary.token, foreignKey: canary.key, clock, random }),
  ];
}

/** What is measured for the posture, besides what the loop sees anyway. */
export function createCollectors(
  situation: CollectorSituation,
  ports: OwnPorts,
  own: OwnKeeping,
  ledger: LedgerClient,
): readonly Collector[] {
  const { world, secrets, state, clock, random } = situation;
  const addresses = () => storeAddresses(world, secrets);
  const places = () => postgresPlaces(world, addresses());
  const listeners = () => [...tlsListenersOf(world, addresses(), ports), ...tlsInstances(world, state)];
  const backed = () => backedStores(world, places(), state);
  const tenantNames = () => world.declared.tenants.map(({ metadata }) => metadata.name);
  const tenants = () =>
    world.declared.tenants.map(({ metadata, spec }) => ({ name: metadata.name, regions: spec.regions }));
  return [
    ...dataCollectors(situation, own),
    postgresqlIsolation({ places, clock, random }),
    postgresqlGrants({ places, clock }),
    postgresqlServers({ stores: places, clock, random }),
    defaultAccounts({ stores: places, clock, random }),
    databaseClocks({ places, clock }),
    instanceClocks({ instances: () => httpInstances(world), clock }),
    apiIsolation({ instances: () => trialInstances(world), tenants, clock, random }),
    ledgerKeeping({ ledger, folder: state.ledger, clock }),
    ...gatewayCollectors(situation, ports, ledger),
    tenantStores({ stores: places, tenants: tenantNames, clock }),
    backupAges({ stores: backed, clock }),
    backupRestores({ stores: backed, tenants: tenantNames, clock }),
    readableBackups({ stores: backed, clock }),
    dataLosses({ stores: places, file: state.dataLosses, clock }),
    software({ artefacts: () => runningArtefacts(world), folder: state.advisories, clock }),
    storedCardNumbers({ places, clock }),
    loggedCardNumbers({ folder: state.logs, clock }),
    ...ownCollectors(situation, ports, own, ledger),
    tlsListeners({ listeners, clock }),
    certificates({ listeners, listed: () => world.declared.policy?.spec.certificates, clock }),
  ];
}

/** What is measured of the stack itself: its processes, its secrets, its record and where that lies. */
function ownCollectors(
  { world, state, clock }: CollectorSituation,
  ports: OwnPorts,
  own: OwnKeeping,
  ledger: LedgerClient,
): readonly Collector[] {
  const tenants = () => world.declared.tenants.map(({ metadata }) => metadata.name);
  const policy = () => world.declared.policy?.spec;
  const secrets = () => secretFiles(state);
  const logs = [state.ledger, state.logs, state.transcripts, state.gatewayJournals];
  const keys = [state.vault, own.keys];
  const { command, elsewhere } = own;
  return [
    recordExports({ tenants, command, folder: state.ledger, clock }),
    ledgerCopies({ ledger, folder: state.ledger, copies: () => policy()?.ledgerCopies ?? [], clock }),
    declaredTiers({
      tenants: () => world.declared.tenants.map(({ metadata, spec }) => ({ name: metadata.name, tier: spec.tier })),
      clock,
    }),
    ownPlaces({ tenants, place: () => policy()?.place, logs, keys, elsewhere, clock }),
    componentInventory({ listed: () => policy()?.inventory, running: () => runningComponents(world), clock }),
    secretAges({ secrets, clock }),
    readableSecrets({ secrets, logs: state.logs, clock }),
    readableLogs({ folders: [state.logs, state.transcripts, state.gatewayJournals], clock }),
    networkListeners({ processes: () => watchedProcesses(world, ports), clock }),
  ];
}

export const DRIVERS: Readonly<Record<string, (keeperSocket: string, clock: Clock) => Driver>> = {
  process: processDriver,
};
