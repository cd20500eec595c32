import { resolve } from 'node:path';
import { digestOfPath } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import type { Workload } from '../resources/workload.ts';

/** Where the artefact of a workload is, and its digest now. Rejects with `artefact.missing` or `artefact.drifted`. */
export async function measureArtefact(
  workload: Workload,
  baseFolder: string,
): Promise<{ readonly path: string; readonly digest: string }> {
  const { name } = workload.metadata;
  const path = resolve(baseFolder, workload.spec.artefact.path);
  const declared = workload.spec.artefact.digest;
  const digest = await digestOfPath(path).catch((cause: unknown) => {
    throw new KinError('artefact.missing', `workload ${name}: cannot read ${path}`, { cause, details: { path } });
  });
  if (declared !== undefined && declared !== digest) {
    throw new KinError('artefact.drifted', `workload ${name}: ${path} has digest ${digest}, declared is ${declared}`, {
      details: { path, digest, declared },
    });
  }
  return { path, digest };
}
