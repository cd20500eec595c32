import { z } from 'zod';

const port = z.coerce.number().int().min(1).max(65_535);
const milliseconds = z.coerce.number().int().min(1).max(60_000);

const environmentSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  DRILLS: z.enum(['on', 'off']).default('off'),
  DRAIN_DEADLINE_MS: milliseconds.default(4_000),
  DB_HOST: z.string().min(1),
  DB_PORT: port,
  DB_NAME: z.string().min(1).default('postgres'),
  DB_OWNER_USER: z.string().min(1).default('postgres'),
  DB_OWNER_PASSWORD: z.string().min(1),
  DB_APP_PASSWORD: z.string().min(1),
  DB_POOL_MAX: z.coerce.number().int().min(1).max(8).default(8),
  DB_CONNECT_TIMEOUT_MS: milliseconds.default(1_000),
  DB_STATEMENT_TIMEOUT_MS: milliseconds.default(2_000),
});

/** Where the database is, and with which two roles it is entered. */
export interface DatabaseConfig {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** Logs in for migrations only. */
  readonly ownerUser: string;
  readonly ownerPassword: string;
  readonly appPassword: string;
  readonly poolMax: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** What every service of the clinic is configured by. */
export interface ServiceConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly drills: boolean;
  /** Longest time from SIGTERM until requests that are still running are given up. */
  readonly drainDeadlineMs: number;
  readonly database: DatabaseConfig;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and checks the environment. Throws with the names of the variables that are missing or wrong, never with values. */
export function readEnvironment<Schema extends z.ZodType>(schema: Schema, environment: Environment): z.output<Schema> {
  const result = schema.safeParse(environment);
  if (result.success) return result.data;
  throw new Error(
    `configuration: ${result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`).join(', ')}`,
  );
}

/** The configuration that all services share. Throws as `readEnvironment` does. */
export function readServiceConfig(environment: Environment): ServiceConfig {
  const env = readEnvironment(environmentSchema, environment);
  return {
    host: env.HOST,
    port: env.PORT,
    logLevel: env.LOG_LEVEL,
    drills: env.DRILLS === 'on',
    drainDeadlineMs: env.DRAIN_DEADLINE_MS,
    database: {
      host: env.DB_HOST,
      port: env.DB_PORT,
      name: env.DB_NAME,
      ownerUser: env.DB_OWNER_USER,
      ownerPassword: env.DB_OWNER_PASSWORD,
      appPassword: env.DB_APP_PASSWORD,
      poolMax: env.DB_POOL_MAX,
      connectTimeoutMs: env.DB_CONNECT_TIMEOUT_MS,
      statementTimeoutMs: env.DB_STATEMENT_TIMEOUT_MS,
    },
  };
}
