import { describeStore } from './conformance.ts';
import { openPglite } from './pglite.ts';

describeStore('PGlite', () => openPglite({ dump: undefined }));
