import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { expect, test } from 'vitest';
import { readVzdumpConf } from './read-vzdump-conf.js';

test('reads the file, which has to be there when it is named', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vzdump-conf-'));
  const warnings: ArchiveWarning[] = [];
  try {
    const path = join(directory, 'vzdump.conf');
    await expect(readVzdumpConf(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(path, 'mode: stop\nionice: 9\ntmpdir: /ü\n');
    expect(await readVzdumpConf(path, (warning) => warnings.push(warning))).toEqual({
      mode: 'stop',
      tmpdir: '/ü',
    });
    expect(warnings).toMatchObject([{ code: 'VZDUMP_CONF_VALUE', entry: path }]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
