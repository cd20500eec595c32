import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from '../base/state-directory.ts';
import type { SecretFile } from '../observe/facts/system-secrets.ts';

/** Secrets of Kintsugi's own, beside those of workloads. */
const OWN = ['token', 'canary-token', 'canary-key'];

/** Every secret that was generated in a state directory; what is just being written is not one yet. */
export function secretFiles({ root, secrets }: StateDirectory): readonly SecretFile[] {
  const own = OWN.map((name) => ({ name, path: join(root, name) })).filter(({ path }) => existsSync(path));
  const names = existsSync(secrets) ? readdirSync(secrets).filter((name) => !name.endsWith('.tmp')) : [];
  return [...own, ...names.map((name) => ({ name, path: join(secrets, name) }))];
}
