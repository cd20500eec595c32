import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import type { BundleFiles } from './bundle.ts';

/** What a bundle may hold at the most: whoever verifies one got it from somebody else. */
const FILES_MAX = 100_000;
const BYTES_MAX = 1024 * 1024 * 1024;

/**
 * Writes a bundle into a folder that does not exist yet: beside it first, so that what is there under its name is whole.
 * Throws `state.unwritable`, or `resource.conflict` when there is something already.
 */
export function writeBundle(folder: string, files: BundleFiles): void {
  if (lstatSync(folder, { throwIfNoEntry: false })) {
    throw new KinError('resource.conflict', `${folder} exists; evidence is never written over`, {
      details: { path: folder },
    });
  }
  let beside: string | undefined;
  try {
    mkdirSync(dirname(folder), { recursive: true });
    beside = mkdtempSync(`${folder}.`);
    for (const [path, bytes] of files) {
      const target = join(beside, path);
      mkdirSync(dirname(target), { recursive: true });
      writeDurably(target, bytes, 0o644);
    }
    renameSync(beside, folder);
  } catch (cause) {
    if (beside) rmSync(beside, { recursive: true, force: true });
    throw new KinError('state.unwritable', `cannot write ${folder}`, { cause, details: { path: folder } });
  }
}

/**
 * Reads every file of a bundle. Throws `resource.unknown` when there is no such folder, and `request.invalid` when it holds
 * what no bundle has: links, or more than anybody would put into one.
 */
export function readBundle(folder: string): BundleFiles {
  const files: BundleFiles = new Map();
  let bytes = 0;
  for (const path of walk(folder)) {
    const stat = lstatSync(path);
    bytes += stat.size;
    const name = relative(folder, path).split(sep).join('/');
    if (!stat.isFile()) throw unfit(folder, `${name} is no plain file`);
    if (files.size >= FILES_MAX || bytes > BYTES_MAX) throw unfit(folder, 'it is too large');
    files.set(name, readFileSync(path));
  }
  return files;
}

function walk(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((each) => !each.isDirectory())
      .map((each) => join(each.parentPath, each.name))
      .sort();
  } catch (cause) {
    throw new KinError('resource.unknown', `there is no bundle in ${folder}`, { cause, details: { path: folder } });
  }
}

function unfit(folder: string, reason: string): KinError {
  return new KinError('request.invalid', `${folder} is no bundle of evidence: ${reason}`, {
    details: { path: folder },
  });
}
