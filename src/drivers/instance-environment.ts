import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { Redacted } from '../base/redacted.ts';
import { regionAddress } from '../base/region-address.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { Slot, StoredVersion } from './declared.ts';
import type { World } from './world.ts';

/** Secrets that Kintsugi generates for workloads: made once, kept in files that only the owner reads. */
export class Secrets {
  readonly #folder: string;
  readonly #random: Random;
  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }
  /** The secret of this name; made when it is asked for the first time. */
  read(name: string): Redacted<string> {
    const path = join(this.#folder, name);
    if (!existsSync(path)) writeDurably(path, this.#random.token(40));
    return new Redacted(readFileSync(path, 'utf8').trim());
  }
}

/**
 * The environment of one instance: its configuration with addresses filled in, its secrets, and what Kintsugi tells
 * every instance. Throws `instance.start-failed` for an address that is not known yet.
 */
export function instanceEnvironment(options: {
  readonly version: StoredVersion;
  readonly slot: Slot;
  readonly world: World;
  readonly secrets: Secrets;
  readonly state: StateDirectory;
  readonly internalPort: number;
}): Record<string, string> {
  const { version, slot, world, secrets, state, internalPort } = options;
  const env: Record<string, string> = {
    KINTSUGI_SERVICE_TOKEN: secrets.read('service-token').reveal(),
    KINTSUGI_TENANT_CONFIG: state.tenantConfigFile,
    KINTSUGI_LIMITS: state.limitsFile,
  };
  for (const [name, value] of Object.entries(version.spec.config)) {
    env[name] = value.replace(
      /\$\{dependency\.([-a-z0-9]+)\.(host|port|url)\}/g,
      (_, dependency: string, part: string) => addressPart(dependency, part),
    );
  }
  for (const [name, { generate }] of Object.entries(version.spec.secrets)) env[name] = secrets.read(generate).reveal();
  if (version.spec.keepsData) env['KINTSUGI_DATA_DIR'] = dataFolder(state, slot);
  return env;

  function addressPart(dependency: string, part: string): string {
    if (part === 'url') return `http://${regionAddress(slot.region)}:${internalPort}/${dependency}`;
    if (part === 'host') return regionAddress(slot.region);
    const there = world.workload(dependency)?.slots.find((each) => each.region === slot.region && each.port > 0);
    if (there) return String(there.port);
    const reason = `${dependency} has no address in ${slot.region} yet`;
    throw new KinError('instance.start-failed', reason, { details: { workload: slot.workload, dependency } });
  }
}

/** One folder per slot: the data outlive the instances that come and go there. */
function dataFolder(state: StateDirectory, slot: Slot): string {
  const folder = join(state.data, slot.workload, `${slot.region}-${slot.ordinal}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}
