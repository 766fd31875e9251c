import { tmpdir } from 'node:os';
import { dumpNewDatabase, openPglite } from '../../store/pglite.ts';
import { describeAuditStore } from './conformance.ts';

describeAuditStore('PGlite', async () => openPglite({ dump: await dumpNewDatabase(tmpdir()) }));
