// Release 2 of records. It takes release 1 as a library, as it takes Fastify, and brings what it changes.
import { runService } from '../../services/kit/service.ts';
import { recordsService } from '../../services/records/records-service.ts';
import { queries } from './queries.ts';

await runService(recordsService(queries));
