import { BufferSource } from '@vzdump-format/streams';
import { testByteSource } from '@vzdump-format/streams/testing';
import { collect, noise } from '@vzdump-format/testing';
import { packVma } from '../write/pack.js';
import { openVma } from './random-access.js';

const KIBI = 1024;
const content = Buffer.concat([noise(100 * KIBI), Buffer.alloc(300 * KIBI), noise(70 * KIBI + 512, 2)]);

testByteSource('a drive in an archive', async () => {
  const drives = [
    { name: 'drive-scsi0', source: new BufferSource(noise(200 * KIBI, 3)) },
    { name: 'drive-scsi1', source: new BufferSource(content) },
  ];
  const bytes = await collect(packVma({ drives }));
  return { content, open: async () => (await openVma(new BufferSource(bytes))).device('drive-scsi1') };
});
