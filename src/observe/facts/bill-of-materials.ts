import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** A package as it lies on disk. */
export interface Component {
  readonly name: string;
  readonly version: string;
}

/** What npm writes (lockfileVersion 2 and 3); keys are folders, `node_modules/a/node_modules/@b/c`. */
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), dev: z.boolean().optional() })),
});
const packageSchema = z.object({ name: z.string(), version: z.string() });

const PACKAGES_MAX = 20_000;

/**
 * The packages that an artefact can load, by the `package-lock.json` that is nearest above it, with the versions that are
 * installed and not those that were wished for. Left out is what serves development only and what is not installed. Undefined
 * without a lock file that can be read: then nobody knows of what it is made.
 */
export async function readBill(artefactPath: string): Promise<readonly Component[] | undefined> {
  const found = await stat(artefactPath).catch(() => undefined);
  if (!found) return undefined;
  const folder = lockedFolder(found.isDirectory() ? artefactPath : dirname(artefactPath));
  if (folder === undefined) return undefined;
  const lock = await parsed(join(folder, 'package-lock.json'), lockSchema);
  if (!lock) return undefined;
  const wanted = Object.entries(lock.packages).filter(([key, { dev }]) => key.includes('node_modules/') && !dev);
  const installed = wanted
    .slice(0, PACKAGES_MAX)
    .map(([key]) => parsed(join(folder, key, 'package.json'), packageSchema));
  return (await Promise.all(installed)).flatMap((each) => each ?? []);
}

/** As Node looks for modules: in the folder itself, then in those above it. */
function lockedFolder(folder: string): string | undefined {
  if (existsSync(join(folder, 'package-lock.json'))) return folder;
  const above = dirname(folder);
  return above === folder ? undefined : lockedFolder(above);
}

async function parsed<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
