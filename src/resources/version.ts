import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { digestOfJson, digestOfPath } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { resourceKey } from './resource.ts';
import type { Workload } from './workload.ts';

/*
 * What makes a new immutable version of a workload: only what changes the process that runs. The artefact's content and
 * the configuration are told apart because they are healed by different moves (rollback, revert). Number and place of
 * instances, routing, probes, start, stop, rollout, dependencies, stores, labels and notes say how instances are treated;
 * they take effect without a new version.
 */

export interface MeasuredArtefact {
  /** Absolute. */
  readonly path: string;
  /** Of the content as it is on disk now; where the artefact lies is not part of it. */
  readonly digest: string;
}

/**
 * Measures the artefact of a workload, whose path is relative to `baseFolder`. Rejects with `artefact.missing` when it is
 * not there or cannot be read, `artefact.drifted` when it is not what `spec.artefact.digest` declares.
 */
export async function artefactDigest(workload: Workload, baseFolder: string): Promise<MeasuredArtefact> {
  const declared = workload.spec.artefact;
  const path = resolve(baseFolder, declared.path);
  const digest = await measure(workload, path);
  if (declared.digest !== undefined && declared.digest !== digest) {
    throw new KinError(
      'artefact.drifted',
      `${resourceKey(workload)} declares ${declared.digest}, but ${path} is ${digest}`,
      {
        details: { resource: resourceKey(workload), path, declared: declared.digest, found: digest },
      },
    );
  }
  return { path, digest };
}

async function measure(workload: Workload, path: string): Promise<string> {
  try {
    await stat(path);
    return await digestOfPath(path);
  } catch (cause) {
    throw new KinError('artefact.missing', `${resourceKey(workload)} has no artefact at ${path}`, {
      cause,
      details: { resource: resourceKey(workload), path },
    });
  }
}

/**
 * Digest of how the artefact is run: command, environment, names of its secrets (never their values), what the system
 * grants it. Equal for equal meaning, whatever the order of keys.
 */
export function configDigest(workload: Workload): string {
  const { driver, command, config, secrets, keepsData, resources } = workload.spec;
  return digestOfJson({ driver, command, config, secrets, keepsData, resources });
}
