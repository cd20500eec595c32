import { type Logger as PinoLogger, pino } from 'pino';

export type Log = PinoLogger;

/**
 * Structured lines on stdout for a process of Kintsugi; the keeper captures and rotates them. What is logged is for
 * finding out; what must last goes to the ledger. Errors are logged once, at the top, with their chain of causes.
 */
export function createLog(name: string, level: string = process.env['KINTSUGI_LOG_LEVEL'] ?? 'info'): Log {
  return pino({ name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime });
}
