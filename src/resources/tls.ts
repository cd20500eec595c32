import { z } from 'zod';

const fileSchema = z
  .string()
  .regex(/^[\w-]+(?:\.[\w-]+)*$/, 'must be the name of a file')
  .describe('In its data directory (keepsData)');

const issueFields = {
  authority: z
    .strictObject({ file: fileSchema, keyFile: fileSchema })
    .optional()
    .describe('An authority of its own that signs: certificate and key in PEM'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .refine(([program]) => program?.startsWith('/'), 'must begin with an absolute path')
    .optional()
    .describe('A program that reads a request (PKCS #10, PEM) and writes the chain (PEM); no shell'),
  days: z.int().min(1).max(825).default(90).describe('Asked of the authority; a program decides by itself'),
  names: z.array(z.string().min(1).max(253)).max(100).default([]).describe('Further names, besides serverName'),
};

const ONE_ISSUER = { error: 'needs either `authority` or `command`: who issues it' };
const hasOneIssuer = ({ authority, command }: { readonly authority?: unknown; readonly command?: unknown }) =>
  (authority === undefined) !== (command === undefined);

const renewSchema = z
  .strictObject({
    ...issueFields,
    reload: z
      .union([
        z.strictObject({ signal: z.literal('SIGHUP') }),
        z.strictObject({ path: z.string().startsWith('/').describe('Gets a POST on its own port') }),
      ])
      .optional()
      .describe('How it takes up new files; left out, its instance is replaced'),
  })
  .refine(hasOneIssuer, ONE_ISSUER);

/** How the port of a workload speaks TLS, and how its certificate is renewed, if Kintsugi is to do that. */
export const tlsSchema = z.strictObject({
  serverName: z.string().min(1).max(253).describe('Name that its certificate has to be for'),
  authorityFile: fileSchema
    .optional()
    .describe('Roots to trust, in PEM, in its data directory (keepsData); those of Node when left out'),
  certificate: z
    .strictObject({ file: fileSchema, keyFile: fileSchema, renew: renewSchema })
    .optional()
    .describe('Where it has its certificate (chain) and key, in PEM, and how they are renewed'),
});

/** How the certificate of the gateways is renewed. They read their files by themselves when these change. */
export const gatewayCertificateSchema = z.strictObject({
  serverName: z.string().min(1).max(253).describe('Name that it has to be for; further ones are in `names`'),
  authorityFile: fileSchema
    .optional()
    .describe('Roots that clients trust, in PEM, in the folder of KINTSUGI_TLS_CERT; those of Node when left out'),
  renew: z.strictObject(issueFields).refine(hasOneIssuer, ONE_ISSUER),
});

export type RenewableCertificate = NonNullable<z.output<typeof tlsSchema>['certificate']>;
