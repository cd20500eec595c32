import { runService } from '../kit/service.ts';
import { staffService } from './staff-service.ts';

await runService(staffService());
