import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';

// Makes a random secret in each file named on the command line, for its owner alone. A file that
// is there already is left as it is.

const secretBytes = 48;

for (const path of process.argv.slice(2)) {
  try {
    const secret = randomBytes(secretBytes).toString('base64url');
    writeFileSync(path, `${secret}\n`, { flag: 'wx', mode: 0o600 });
    console.log(`made ${path}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    console.log(`kept ${path}`);
  }
}
