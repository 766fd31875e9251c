import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { createFixtureServer } from './fixture-server.ts';

// The fixture as a process that speaks revision 2026-07-28 alone.

serveStdio(createFixtureServer, { legacy: 'reject' });
