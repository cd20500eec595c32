import { z } from 'zod';
import { type Complaint, type ManifestSource, readDocuments } from './manifest-document.ts';
import { type ManifestProblem, manifestFault } from './manifest-problem.ts';
import { CLAIMS, type Claim, DEEDS, type Deed } from './move-rule-words.ts';
import { complaintsOf } from './schema-issue.ts';

const deeds = Object.keys(DEEDS) as [Deed, ...Deed[]];
const claims = Object.keys(CLAIMS) as [Claim, ...Claim[]];
const nameSchema = z.string().min(1).max(200);
const placesSchema = z.union([z.array(nameSchema).max(100), z.literal('unknown')]);

/** A move that somebody thinks of, as the gate is asked about it (`comply/gate.ts`). */
export const moveQuestionSchema = z.strictObject({
  move: nameSchema.describe('A name for it'),
  when: z.string().max(500).optional().describe('The situation, in words for people'),
  deeds: z.array(z.enum(deeds)).min(1).describe('What the law sees in it'),
  tenants: z.array(nameSchema).min(1).max(100_000).optional().describe('Whom it touches; everybody when left out'),
  after: z
    .strictObject({
      instances: placesSchema.optional(),
      data: placesSchema.optional(),
      backups: placesSchema.optional(),
      logs: placesSchema.optional(),
      keys: placesSchema.optional(),
      processors: placesSchema.optional(),
    })
    .default({})
    .describe('Where everything will stand; what is left out stays where it is, and `unknown` is a no'),
  claims: z
    .partialRecord(z.enum(claims), z.boolean())
    .default({})
    .describe('What can be shown of it; what is left out is not known'),
});
export type MoveQuestion = z.output<typeof moveQuestionSchema>;

/**
 * The questions in YAML or JSON documents, each of which is one or a list of them. Throws `manifest.invalid` with
 * everything that is wrong, each with its line.
 */
export function parseQuestions(sources: readonly ManifestSource[]): readonly MoveQuestion[] {
  const problems: ManifestProblem[] = [];
  const questions: MoveQuestion[] = [];
  for (const source of sources) {
    const read = readDocuments(source);
    problems.push(...read.problems);
    for (const document of read.documents) {
      for (const { value, path } of itemsOf(document.value)) {
        const parsed = moveQuestionSchema.safeParse(value);
        if (parsed.success) questions.push(parsed.data);
        else {
          const complaints = complaintsOf(moveQuestionSchema, value, parsed.error.issues);
          problems.push(...complaints.map((each) => document.problemAt(within(path, each))));
        }
      }
    }
  }
  if (problems.length > 0) throw manifestFault(problems);
  return questions;
}

function itemsOf(value: unknown): readonly { readonly value: unknown; readonly path: readonly number[] }[] {
  return Array.isArray(value) ? value.map((item: unknown, at) => ({ value: item, path: [at] })) : [{ value, path: [] }];
}

function within(path: readonly number[], complaint: Complaint): Complaint {
  return { ...complaint, path: [...path, ...complaint.path] };
}
