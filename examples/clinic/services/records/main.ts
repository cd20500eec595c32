import { runService } from '../kit/service.ts';
import { queries } from './queries.ts';
import { recordsService } from './records-service.ts';

await runService(recordsService(queries));
