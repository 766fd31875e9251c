import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createWeir } from '@weir/sdk';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';

// Makes a key with which one provider may register, and writes it to a file for its owner alone.
// A file that is there already is left as it is.

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:7070' },
    'admin-key-file': { type: 'string', default: '.weir/admin.key' },
    principal: { type: 'string', default: 'provider' },
    out: { type: 'string', default: 'provider.key' },
  },
});

if (existsSync(values.out)) {
  console.log(`kept ${values.out}`);
} else {
  const key = readFileSync(values['admin-key-file'], 'utf8').trim();
  const weir = createWeir({ url: values.url, key });
  try {
    const { principal } = values;
    const { secret } = await weir.admin.createKey({ principal, scopes: [Scope.REGISTER] });
    writeFileSync(values.out, `${secret}\n`, { flag: 'wx', mode: 0o600 });
    console.log(`made ${values.out}`);
  } finally {
    weir.close();
  }
}
