import { z } from 'zod';

export const API_VERSION = 'kintsugi.dev/v1alpha1';

/** RFC 1123 label: what Kubernetes accepts as a name, so that the same manifests can be custom resources there. */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'must be lower-case letters, digits and hyphens, at most 63 characters',
  )
  // The one name of this form that every plain object already has: states and tables are keyed by names.
  .refine((name) => name !== 'constructor', 'must not be a word of the language');

/** RFC 1123 subdomain: labels with dots between them, because frameworks carry their version in their name. */
export const profileNameSchema = z
  .string()
  .max(63)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'must be lower-case letters, digits, hyphens and dots, at most 63 characters',
  )
  .refine((name) => name !== 'constructor', 'must not be a word of the language');

/** OSCAL's token: other tools refuse a control with another form of id. */
export const controlIdSchema = z
  .string()
  .max(128)
  .regex(
    /^[A-Za-z][A-Za-z0-9._-]*$/,
    'must be an OSCAL id: a letter, then letters, digits, `.`, `-` and `_`, such as pci-8.2.8',
  );

const metadataFields = {
  labels: z.record(z.string(), z.string()).default({}).describe('Free labels for people and selectors'),
  annotations: z.record(z.string(), z.string()).default({}).describe('Notes that Kintsugi does not interpret'),
};

/** The envelope of every resource: `apiVersion`, `kind`, `metadata`, `spec`. */
export function resourceSchema<Kind extends string, Spec extends z.ZodType>(
  kind: Kind,
  spec: Spec,
  name: z.ZodType<string, string> = nameSchema,
) {
  return z.strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind),
    metadata: z.strictObject({ name: name.describe('Unique among resources of its kind'), ...metadataFields }),
    spec,
  });
}

/** A whole number of milliseconds, at most a day: what every deadline, interval and soak is given in. */
export const durationMsSchema = z.int().min(0).max(86_400_000);
