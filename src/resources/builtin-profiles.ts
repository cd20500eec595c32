import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readDocuments } from './manifest-document.ts';
import { type ManifestProblem, manifestFault } from './manifest-problem.ts';
import { type Profile, profileSchema } from './profile.ts';
import { complaintsOf } from './schema-issue.ts';

const FOLDER = new URL('../../profiles/', import.meta.url);

let loaded: readonly Profile[] | undefined;

/**
 * The profiles that come with Kintsugi, from the folder `profiles` at its root, in the order of their files: known by name
 * to every manifest. Read once. Throws `manifest.invalid` with file, line and column when one of them is damaged.
 */
export function builtinProfiles(): readonly Profile[] {
  loaded ??= parseProfiles(
    readdirSync(FOLDER)
      .filter((file) => file.endsWith('.yaml'))
      .sort()
      .map((file) => {
        const path = fileURLToPath(new URL(file, FOLDER));
        return { file: path, text: readFileSync(path, 'utf8') };
      }),
  );
  return loaded;
}

/** Profiles from texts. Throws `manifest.invalid` with everything that is wrong. */
function parseProfiles(files: readonly { readonly file: string; readonly text: string }[]): readonly Profile[] {
  const problems: ManifestProblem[] = [];
  const profiles: Profile[] = [];
  for (const { file, text } of files) {
    const read = readDocuments({ file, folder: '', text });
    problems.push(...read.problems);
    for (const document of read.documents) {
      const parsed = profileSchema.safeParse(document.value);
      if (parsed.success) profiles.push(parsed.data);
      else {
        const complaints = complaintsOf(profileSchema, document.value, parsed.error.issues);
        problems.push(...complaints.map((complaint) => document.problemAt(complaint)));
      }
    }
  }
  if (problems.length > 0) throw manifestFault(problems);
  return profiles;
}
