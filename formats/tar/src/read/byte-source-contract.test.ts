import { BufferSource } from '@vzdump-format/streams';
import { testByteSource } from '@vzdump-format/streams/testing';
import { noise } from '@vzdump-format/testing';
import { archive, member } from '../testing/built-archive.js';
import { CRAFTED } from '../testing/crafted.js';
import { openTar } from './random-access.js';

testByteSource('a member', () => {
  const content = noise(100_000);
  const bytes = archive(member({ name: 'before' }, 'x'), member({ name: 'file' }, content));
  return { content, open: async () => (await openTar(new BufferSource(bytes))).open('file') };
});

testByteSource('a member with holes', () => {
  const { bytes } = CRAFTED.find(({ name }) => name === 'sparse-no-last-stretch')!;
  const content = Buffer.alloc(2000).fill('A', 0, 512);
  return { content, open: async () => (await openTar(new BufferSource(bytes))).open('sparse') };
});
