import { z } from 'zod';
import { contactSchema } from './contact.ts';
import { nameSchema, resourceSchema } from './metadata.ts';
import { AUTONOMY, MOVES } from './playbook.ts';
import { signerKeySchema } from './signer.ts';
import { DETECTION_NUMBERS, type DetectionName } from './detection-number.ts';
import { gatewayCertificateSchema } from './tls.ts';
import { THRESHOLDS, type Threshold, type ThresholdName } from './threshold.ts';

export const ENVIRONMENTS = ['development', 'staging', 'production'] as const;

/** Numbers of a table, each optional and inside its bounds. */
function numbersSchema<Name extends string>(table: Readonly<Record<Name, Threshold>>) {
  return z.strictObject(
    Object.fromEntries(
      Object.entries<Threshold>(table).map(([name, { min, max, what }]) => [
        name,
        z.number().min(min).max(max).optional().describe(what),
      ]),
    ) as Record<Name, z.ZodOptional<z.ZodNumber>>,
  );
}

const thresholdsSchema = numbersSchema<ThresholdName>(THRESHOLDS);
const detectionSchema = numbersSchema<DetectionName>(DETECTION_NUMBERS);

const breachSchema = z.strictObject({
  assessHours: z
    .number()
    .min(0.1)
    .max(720)
    .default(24)
    .describe('How long people may take to say what a loss is; policy default, no law'),
  awareAfterHours: z
    .number()
    .min(0)
    .max(720)
    .nullable()
    .default(null)
    .describe('Aware of a loss without anybody saying so, this long after its detection; null: a person says it'),
  outageSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .default(60)
    .describe('A tenant whose requests all fail for so long has lost availability (GDPR Art. 4(12))'),
  remindShare: z.number().min(0.1).max(0.99).default(0.8).describe('Share of a clock after which it reminds'),
});

/** What holds where nobody declared a policy. */
export const DEFAULT_BREACH = breachSchema.parse({});

/** What people allow the healer on this fleet. There is at most one, and its name is `default`. */
export const policySchema = resourceSchema(
  'Policy',
  z.strictObject({
    environment: z
      .enum(ENVIRONMENTS)
      .default('development')
      .describe('production: a repair runs unattended only while its drill passed within 30 days'),
    autonomy: z.enum(AUTONOMY).default('auto').describe('No playbook goes further than this without a person'),
    drills: z
      .strictObject({
        ageDaysMax: z
          .int()
          .min(1)
          .max(366)
          .nullable()
          .optional()
          .describe('Drills older than this no longer count; null asks for none'),
      })
      .prefault({}),
    harm: z
      .strictObject({
        failedRequestsMax: z
          .int()
          .min(0)
          .default(1_000)
          .describe('Requests that the repairs of one playbook may cost in the window; then it asks for a person'),
        windowDays: z.int().min(1).max(366).default(28),
      })
      .prefault({}),
    errorBudget: z
      .strictObject({
        availability: z.enum(['tell', 'freeze']).default('tell').describe('freeze: no new release of what spent it'),
        latency: z.enum(['tell', 'freeze']).default('tell'),
      })
      .prefault({})
      .describe('What a spent error budget of a tenant does to releases; repairs, going back included, go on'),
    destructive: z.array(z.enum(MOVES)).default([]).describe('Moves that lose data and are allowed all the same'),
    thresholds: thresholdsSchema.prefault({}).describe('Numbers of guards that are not the default'),
    breach: breachSchema.prefault({}).describe('Clocks of breach assessments'),
    processor: z
      .strictObject({
        office: contactSchema,
        representative: contactSchema.optional(),
        dataProtectionOfficer: contactSchema.optional(),
      })
      .optional()
      .describe('Who runs this fleet, for the record of processing and for notices (GDPR Art. 30(2)(a))'),
    signers: z
      .array(z.strictObject({ name: nameSchema, publicKey: signerKeySchema }))
      .max(1_000)
      .default([])
      .describe('Whose signatures under records and decisions count; without any, only those of this installation'),
    place: z
      .strictObject({
        region: nameSchema.describe(
          'Region in which this machine stands, with the ledger, logs and keys that lie on it',
        ),
        processors: z
          .array(z.string().min(1).max(200))
          .max(100)
          .optional()
          .describe('Third parties that run it; empty: none does; left out: nobody said'),
      })
      .optional()
      .describe('Where Kintsugi itself runs: its record of every tenant is a copy that is there too'),
    ledgerCopies: z
      .array(z.string().min(1).max(1_000))
      .max(20)
      .default([])
      .describe('Addresses and folders elsewhere to which the ledger is exported (PCI DSS 10.3.3)'),
    certificates: z
      .array(
        z.strictObject({
          sha256: z
            .string()
            .regex(/^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/, 'must be the SHA-256 fingerprint, in hex')
            .describe(
              'Fingerprint of the certificate, or of the authority that signs it, as openssl x509 -fingerprint -sha256 prints it',
            ),
          what: z.string().min(1).max(200).describe('What it is for'),
          standby: z.boolean().default(false).describe('It need not be seen: the next one, or the last'),
        }),
      )
      .max(1_000)
      .optional()
      .describe('The list of certificates that listeners may show (PCI DSS 4.2.1.1); left out: nobody keeps one'),
    inventory: z
      .array(
        z.strictObject({
          component: z
            .string()
            .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'must be a workload and its region, such as records/eu')
            .describe('A workload and the region in which it runs'),
          what: z.string().min(1).max(200).describe('What it is for, and whose data it has'),
          standby: z.boolean().default(false).describe('It need not run: a place to fail over to'),
        }),
      )
      .max(10_000)
      .optional()
      .describe('The list of components (PCI DSS 12.5.1, 45 CFR 164.308(a)(1)(ii)(A)); left out: nobody keeps one'),
    gatewayCertificate: gatewayCertificateSchema
      .optional()
      .describe('How the certificate of the gateways (KINTSUGI_TLS_CERT) is renewed, in the folder in which it lies'),
    detection: detectionSchema.prefault({}).describe('Numbers of detectors that are not the default'),
  }),
).refine((policy) => policy.metadata.name === 'default', {
  path: ['metadata', 'name'],
  message: 'must be `default`: there is one policy',
});

export type Policy = z.output<typeof policySchema>;
