import { testTreeSource } from '@vzdump-format/file-tree/testing';
import { BufferSource } from '@vzdump-format/streams';
import { pack } from '../testing/packing.js';
import { openPxar } from './random-access.js';

testTreeSource('a pxar archive', async (entries) => {
  const { archive } = await pack(entries);
  return openPxar(new BufferSource(archive));
});

testTreeSource('a split pxar archive', async (entries) => {
  const { archive, payload } = await pack(entries, { split: true });
  return openPxar(new BufferSource(archive), { payload: new BufferSource(payload!) });
});
