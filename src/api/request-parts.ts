import { z } from 'zod';

export const bySchema = z.string().min(1).max(200).describe('Who does it; kept in the ledger');
export const reasonSchema = z.string().min(1).max(500).describe('Why; kept in the ledger');
export const limitQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(50) });
