import { BufferSource } from '@vzdump-format/streams';
import { testByteSource } from '@vzdump-format/streams/testing';
import { chunked, collect } from '@vzdump-format/testing';
import { codecs } from './registry.js';
import { mixedBytes, randomBytes } from './testing/bytes.js';

const content = Buffer.concat([mixedBytes(500_000), Buffer.alloc(300_000), randomBytes(100_000)]);

for (const row of codecs.filter(({ canCompress }) => canCompress)) {
  const open = async () => {
    const compressed = await collect(row.compress({ frameSize: 128 << 10 })(chunked(content, 65_536)));
    const source = new BufferSource(compressed);
    const index = await row.buildIndex(source);
    return { content, open: () => row.openSeekable(source, { index }) };
  };
  testByteSource(`what ${row.name} compressed, by an index,`, open);
}

for (const row of codecs.filter(({ name }) => ['none', 'lzo', 'zstd'].includes(name))) {
  testByteSource(`what ${row.name} compressed, as it is,`, async () => {
    const compressed = await collect(row.compress({ frameSize: 128 << 10 })(chunked(content, 65_536)));
    return { content, open: () => row.openSeekable(new BufferSource(compressed)) };
  });
}
