import { runProvider } from '../process/run.ts';
import { sqlProvider } from './provider.ts';

await runProvider({
  command: 'sql',
  purpose: 'Offers the schema of a PostgreSQL database as SQLSchema. It only reads.',
  flags: {
    sql: {
      value: 'URL',
      doc: 'the database; with a password, better in the variable',
      variable: 'WEIR_SQL_URL',
      required: true,
    },
    database: { value: 'NAME', doc: 'what it is called in keys (default: its own name)' },
  },
  open: ({ sql = '', database, name }) =>
    sqlProvider({ url: sql, ...(database && { database }), ...(name && { name }) }),
});
