import { testByteSource } from '@vzdump-format/streams/testing';
import { noise } from '@vzdump-format/testing';
import { entryOf, fileOf, pack, ROOT } from '../testing/packing.js';
import { open } from '../testing/walk.js';

const content = noise(100_000);

for (const split of [false, true]) {
  testByteSource(split ? 'a file whose content is in a payload file' : 'a file', async () => {
    const file = entryOf({ path: 'file', type: 'file', content });
    const bytes = await pack([ROOT, fileOf('before', 'x'), file], { split });
    return { content, open: async () => (await open(bytes)).open('file') };
  });
}
