import {
  archive,
  END,
  GNU_MAGIC,
  globalPax,
  header,
  member,
  padded,
  pax,
  V7_MAGIC,
} from './built-archive.js';

/** An archive made by hand, of what no writer makes or not all readers agree on. */
export interface Crafted {
  readonly name: string;
  readonly bytes: Buffer;
  /** What we make of it: the paths of its members and the codes of warnings, or the code of the error. */
  readonly ours: readonly string[];
}

const FILE = member({ name: 'file' }, 'hello');
const AFTER = member({ name: 'after' }, 'x');
const SIZE_OF_FIVE = '00000000005\0';

/** A member, and one behind it that shows whether readers found the way on. */
function thenMore(...members: Uint8Array[]): Buffer {
  return archive(...members, AFTER);
}

/** A pax sparse file of the form 1.0. */
function sparseFile(map: string, data: string, size: number): Buffer {
  const records = pax(
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', 'sparse'],
    ['GNU.sparse.realsize', String(size)],
  );
  return Buffer.concat([
    records,
    member({ name: 'GNUSparseFile.0/sparse' }, padded(map).toString('latin1') + data),
  ]);
}

const block = (letter: string, length = 512) => letter.repeat(length);

export const CRAFTED: readonly Crafted[] = [
  // Pax records
  { name: 'pax-path-with-equals', bytes: thenMore(pax(['path', 'a=b']), FILE), ours: ['a=b', 'after'] },
  { name: 'pax-global-path', bytes: thenMore(globalPax(['path', 'all']), FILE), ours: ['TAR_PAX_GLOBAL'] },
  { name: 'pax-global-size', bytes: thenMore(globalPax(['size', '1']), FILE), ours: ['TAR_PAX_GLOBAL'] },
  {
    name: 'pax-global-xattr',
    bytes: thenMore(globalPax(['SCHILY.xattr.user.a', '1']), FILE),
    ours: ['TAR_PAX_GLOBAL'],
  },
  {
    name: 'pax-global-owner',
    bytes: thenMore(globalPax(['uid', '7'], ['comment', 'x']), FILE),
    ours: ['file', 'after'],
  },
  { name: 'pax-size-no-number', bytes: thenMore(pax(['size', 'xyz']), FILE), ours: ['TAR_PAX_RECORD'] },
  { name: 'pax-size-negative', bytes: thenMore(pax(['size', '-5']), FILE), ours: ['TAR_PAX_RECORD'] },
  {
    name: 'pax-size-2-to-53',
    bytes: thenMore(pax(['size', '9007199254740992']), FILE),
    ours: ['TAR_PAX_RECORD'],
  },
  { name: 'pax-path-with-nul', bytes: thenMore(pax(['path', 'a\0b']), FILE), ours: ['TAR_NAME'] },
  {
    name: 'pax-linkpath-with-nul',
    bytes: thenMore(pax(['linkpath', 'a\0b']), header({ name: 's', type: '2' })),
    ours: ['TAR_NAME'],
  },
  { name: 'pax-record-past-end', bytes: thenMore(pax('99 path=abc\n'), FILE), ours: ['TAR_PAX_RECORD'] },
  { name: 'pax-record-no-length', bytes: thenMore(pax('x path=abc\n'), FILE), ours: ['TAR_PAX_RECORD'] },
  { name: 'pax-record-no-equals', bytes: thenMore(pax('11 pathabc\n'), FILE), ours: ['TAR_PAX_RECORD'] },
  {
    name: 'pax-record-no-newline',
    bytes: thenMore(pax('12 path=abcX', ['mtime', '5']), FILE),
    ours: ['TAR_PAX_RECORD'],
  },
  { name: 'pax-record-length-zero', bytes: thenMore(pax('0 path=abc\n'), FILE), ours: ['TAR_PAX_RECORD'] },
  {
    name: 'pax-record-length-huge',
    bytes: thenMore(pax(`${'9'.repeat(400)} path=abc\n`), FILE),
    ours: ['TAR_PAX_RECORD'],
  },
  { name: 'pax-path-empty', bytes: thenMore(pax(['path', '']), FILE), ours: ['file', 'after'] },
  {
    name: 'pax-path-twice',
    bytes: thenMore(pax(['path', 'one'], ['path', 'two']), FILE),
    ours: ['two', 'after'],
  },
  {
    name: 'pax-mtime-empty',
    bytes: thenMore(globalPax(['mtime', '77']), pax(['mtime', '']), FILE),
    ours: ['file', 'after'],
  },
  { name: 'pax-mtime-no-number', bytes: thenMore(pax(['mtime', '1e3']), FILE), ours: ['TAR_PAX_RECORD'] },
  { name: 'pax-mtime-no-digit-first', bytes: thenMore(pax(['mtime', '.5']), FILE), ours: ['TAR_PAX_RECORD'] },
  { name: 'pax-uid-33-bits', bytes: thenMore(pax(['uid', '4294967296']), FILE), ours: ['TAR_PAX_RECORD'] },
  {
    name: 'pax-unknown',
    bytes: thenMore(pax(['VENDOR.key', '1']), FILE),
    ours: ['TAR_UNKNOWN_RECORD', 'file', 'after'],
  },
  {
    name: 'pax-header-twice',
    bytes: thenMore(pax(['path', 'one']), pax(['mtime', '5']), FILE),
    ours: ['TAR_HEADER_ORDER'],
  },
  {
    name: 'pax-header-then-global',
    bytes: thenMore(pax(['path', 'one']), globalPax(['mtime', '5']), FILE),
    ours: ['one', 'after'],
  },
  { name: 'pax-header-alone', bytes: archive(FILE, pax(['path', 'one'])), ours: ['TAR_HEADER_ORDER'] },
  {
    name: 'pax-header-of-solaris',
    bytes: thenMore(member({ type: 'X' }, '11 path=abc\n'.replace('11', '12')), FILE),
    ours: ['abc', 'after'],
  },
  {
    name: 'pax-acl-malformed',
    bytes: thenMore(pax(['SCHILY.acl.access', 'user::rwz']), FILE),
    ours: ['TAR_ACL'],
  },
  {
    name: 'pax-xattr-without-name',
    bytes: thenMore(pax(['SCHILY.xattr.', '1']), FILE),
    ours: ['TAR_PAX_RECORD'],
  },
  {
    name: 'pax-xattr-not-base-64',
    bytes: thenMore(pax(['LIBARCHIVE.xattr.user.a', '?']), FILE),
    ours: ['TAR_PAX_RECORD'],
  },
  // Names
  {
    name: 'long-name-and-pax-path',
    bytes: thenMore(member({ name: '././@LongLink', type: 'L' }, 'long\0'), pax(['path', 'pax']), FILE),
    ours: ['TAR_HEADER_ORDER'],
  },
  {
    name: 'long-link-and-pax-linkpath',
    bytes: thenMore(
      member({ type: 'K' }, 'long\0'),
      pax(['linkpath', 'pax']),
      header({ name: 's', type: '2', linkName: 'l' }),
    ),
    ours: ['TAR_HEADER_ORDER'],
  },
  { name: 'long-name-alone', bytes: archive(FILE, member({ type: 'L' }, '')), ours: ['TAR_HEADER_ORDER'] },
  {
    name: 'long-name-twice',
    bytes: thenMore(member({ type: 'L' }, 'one\0'), member({ type: 'L' }, 'two\0'), FILE),
    ours: ['TAR_HEADER_ORDER'],
  },
  {
    name: 'long-name-behind-nul',
    bytes: thenMore(member({ type: 'L' }, 'a\0bcd\0'), FILE),
    ours: ['TAR_NAME'],
  },
  {
    name: 'long-name-without-nul',
    bytes: thenMore(member({ type: 'L' }, 'long'), FILE),
    ours: ['long', 'after'],
  },
  {
    name: 'long-link-of-a-file',
    bytes: thenMore(member({ type: 'K' }, 'target\0'), FILE),
    ours: ['file', 'after'],
  },
  { name: 'name-empty', bytes: thenMore(member({ name: '' }, 'x')), ours: ['TAR_NAME'] },
  {
    name: 'name-garbage-behind-nul',
    bytes: thenMore(member({ name: 'name\0garbage' }, 'x')),
    ours: ['name', 'after'],
  },
  { name: 'link-to-nothing', bytes: thenMore(header({ name: 's', type: '2' })), ours: ['TAR_NAME'] },
  {
    name: 'name-absolute',
    bytes: thenMore(member({ name: '/etc/passwd' }, 'x')),
    ours: ['/etc/passwd', 'after'],
  },
  { name: 'name-dot-dot', bytes: thenMore(member({ name: './../up' }, 'x')), ours: ['../up', 'after'] },
  {
    name: 'prefix-of-v7',
    bytes: thenMore(member({ name: 'n', magic: V7_MAGIC, prefix: 'pre' }, 'x')),
    ours: ['n', 'after'],
  },
  {
    name: 'prefix-of-gnu',
    bytes: thenMore(member({ name: 'n', magic: GNU_MAGIC, prefix: 'pre' }, 'x')),
    ours: ['n', 'after'],
  },
  {
    name: 'prefix-of-ustar',
    bytes: thenMore(member({ name: 'n', prefix: 'pre' }, 'x')),
    ours: ['pre/n', 'after'],
  },
  {
    name: 'slash-directory-of-v7',
    bytes: thenMore(header({ name: 'd/', type: '\0', magic: V7_MAGIC })),
    ours: ['d', 'after'],
  },
  {
    name: 'slash-directory-of-ustar',
    bytes: thenMore(header({ name: 'd/', type: '0' })),
    ours: ['d', 'after'],
  },
  { name: 'slash-with-content', bytes: thenMore(member({ name: 'd/' }, 'x')), ours: ['TAR_SIZE'] },
  // Types and sizes
  {
    name: 'type-unknown',
    bytes: thenMore(member({ name: 'u', type: 'W' }, 'x')),
    ours: ['TAR_UNKNOWN_TYPE', 'u', 'after'],
  },
  { name: 'type-contiguous', bytes: thenMore(member({ name: 'c', type: '7' }, 'x')), ours: ['c', 'after'] },
  {
    name: 'type-multi-volume',
    bytes: thenMore(member({ name: 'm', type: 'M', magic: GNU_MAGIC }, 'x')),
    ours: ['TAR_MULTI_VOLUME'],
  },
  {
    name: 'pax-multi-volume',
    bytes: thenMore(globalPax(['GNU.volume.filename', 'f'], ['GNU.volume.size', '1']), FILE),
    ours: ['TAR_MULTI_VOLUME'],
  },
  {
    name: 'type-volume-label',
    bytes: thenMore(header({ name: 'label', type: 'V', magic: GNU_MAGIC })),
    ours: ['after'],
  },
  {
    name: 'type-dump-directory',
    bytes: thenMore(member({ name: 'd/', type: 'D', magic: GNU_MAGIC }, 'Yfile\0\0')),
    ours: ['TAR_INCREMENTAL', 'd', 'after'],
  },
  {
    name: 'directory-with-size',
    bytes: thenMore(header({ name: 'd/', type: '5', size: 512 })),
    ours: ['d', 'after'],
  },
  {
    name: 'hardlink-with-size',
    bytes: thenMore(FILE, header({ name: 'h', type: '1', linkName: 'file', size: 5 })),
    ours: ['file', 'h', 'after'],
  },
  {
    name: 'hardlink-with-content',
    bytes: thenMore(FILE, member({ name: 'h', type: '1', linkName: 'file' }, 'hello')),
    ours: ['TAR_CHECKSUM'],
  },
  {
    name: 'symlink-with-size',
    bytes: thenMore(header({ name: 's', type: '2', linkName: 't', size: 512 })),
    ours: ['TAR_SIZE'],
  },
  {
    name: 'symlink-with-content',
    bytes: thenMore(member({ name: 's', type: '2', linkName: 't' }, 'x')),
    ours: ['TAR_SIZE'],
  },
  {
    name: 'fifo-with-size',
    bytes: thenMore(header({ name: 'p', type: '6', size: 512 })),
    ours: ['TAR_SIZE'],
  },
  {
    name: 'device-with-size',
    bytes: thenMore(header({ name: 'c', type: '3', size: 512 })),
    ours: ['TAR_SIZE'],
  },
  // Numbers
  {
    name: 'size-negative',
    bytes: thenMore(header({ size: Buffer.from(`${'ff'.repeat(11)}fb`, 'hex') })),
    ours: ['TAR_SIZE'],
  },
  {
    name: 'size-past-2-to-53',
    bytes: thenMore(header({ size: Buffer.from(`8000000000${'ff'.repeat(7)}`, 'hex') })),
    ours: ['TAR_NUMBER'],
  },
  {
    name: 'size-minus',
    bytes: thenMore(header({ size: Buffer.from('-0000000005\0') })),
    ours: ['TAR_NUMBER'],
  },
  {
    name: 'size-garbage',
    bytes: thenMore(header({ size: Buffer.from('0000000000z\0') })),
    ours: ['TAR_NUMBER'],
  },
  {
    name: 'size-digit-8',
    bytes: thenMore(header({ size: Buffer.from('00000000008\0') })),
    ours: ['TAR_NUMBER'],
  },
  {
    name: 'size-blank',
    bytes: thenMore(header({ size: Buffer.from(' '.repeat(12)) })),
    ours: ['TAR_NUMBER'],
  },
  { name: 'size-nul', bytes: thenMore(header({ size: Buffer.alloc(12) })), ours: ['file', 'after'] },
  {
    name: 'size-with-spaces',
    bytes: thenMore(member({ size: Buffer.from('         5 \0') }, 'hello')),
    ours: ['file', 'after'],
  },
  {
    name: 'size-without-end',
    bytes: thenMore(member({ size: Buffer.from('000000000005') }, 'hello')),
    ours: ['file', 'after'],
  },
  {
    name: 'size-nul-first',
    bytes: thenMore(member({ size: Buffer.from(`\0${SIZE_OF_FIVE.slice(0, 11)}`) }, 'hello')),
    ours: ['file', 'after'],
  },
  {
    name: 'size-base-256',
    bytes: thenMore(member({ size: Buffer.from(`80${'00'.repeat(10)}05`, 'hex') }, 'hello')),
    ours: ['file', 'after'],
  },
  {
    name: 'uid-negative',
    bytes: thenMore(header({ uid: Buffer.from(`${'ff'.repeat(7)}fe`, 'hex') })),
    ours: ['TAR_NUMBER'],
  },
  {
    name: 'mtime-negative',
    bytes: thenMore(header({ mtime: Buffer.from(`${'ff'.repeat(11)}fb`, 'hex') })),
    ours: ['file', 'after'],
  },
  // Beginning, middle and end
  { name: 'empty-file', bytes: Buffer.alloc(0), ours: ['TAR_TRUNCATED'] },
  { name: 'empty-archive', bytes: Buffer.alloc(10240), ours: [] },
  {
    name: 'junk-first',
    bytes: Buffer.concat([Buffer.alloc(512, 'JUNK'), archive(FILE)]),
    ours: ['TAR_MAGIC'],
  },
  { name: 'junk-amid', bytes: thenMore(FILE, Buffer.alloc(512, 'JUNK')), ours: ['TAR_CHECKSUM'] },
  {
    name: 'junk-behind',
    bytes: Buffer.concat([archive(FILE), Buffer.alloc(512, 'JUNK')]),
    ours: ['file', 'TAR_TRAILING_DATA'],
  },
  {
    name: 'joined',
    bytes: Buffer.concat([archive(FILE), archive(AFTER)]),
    ours: ['file', 'TAR_TRAILING_DATA'],
  },
  {
    name: 'zero-block-amid',
    bytes: Buffer.concat([FILE, Buffer.alloc(512), AFTER, END]),
    ours: ['TAR_ZERO_BLOCK'],
  },
  { name: 'zero-block-at-end', bytes: Buffer.concat([FILE, Buffer.alloc(512)]), ours: ['file', 'TAR_END'] },
  { name: 'no-end', bytes: FILE, ours: ['TAR_TRUNCATED'] },
  // Sparse files
  {
    name: 'sparse-no-last-stretch',
    bytes: thenMore(sparseFile('1\n0\n512\n', block('A'), 2000)),
    ours: ['sparse', 'after'],
  },
  {
    name: 'sparse-stretch-amid-not-whole',
    bytes: thenMore(sparseFile('3\n0\n100\n1000\n50\n2000\n0\n', block('A', 100) + block('B', 50), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-unsorted',
    bytes: thenMore(sparseFile('3\n1024\n512\n0\n512\n2000\n0\n', block('A') + block('B'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-overlapping',
    bytes: thenMore(sparseFile('3\n0\n512\n256\n512\n2000\n0\n', block('A') + block('B'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-past-end',
    bytes: thenMore(sparseFile('2\n0\n512\n1900\n512\n', block('A') + block('B'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-more-data',
    bytes: thenMore(sparseFile('1\n0\n512\n', block('A') + block('B'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-less-data',
    bytes: thenMore(sparseFile('2\n0\n512\n1024\n512\n', block('A'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-count-huge',
    bytes: thenMore(sparseFile('99999999\n0\n512\n', block('A'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-map-no-number',
    bytes: thenMore(sparseFile('1\n0\n5x2\n', block('A'), 2000)),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-0.1-odd',
    bytes: thenMore(
      pax(['GNU.sparse.size', '2000'], ['GNU.sparse.numblocks', '2'], ['GNU.sparse.map', '0,512,1024']),
      member({}, block('A') + block('B')),
    ),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-0.1-count-lies',
    bytes: thenMore(
      pax(['GNU.sparse.size', '2000'], ['GNU.sparse.numblocks', '3'], ['GNU.sparse.map', '0,512,1024,512']),
      member({}, block('A') + block('B')),
    ),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-0.0-order',
    bytes: thenMore(
      pax(
        ['GNU.sparse.size', '2000'],
        ['GNU.sparse.numblocks', '1'],
        ['GNU.sparse.numbytes', '512'],
        ['GNU.sparse.offset', '0'],
      ),
      member({}, block('A')),
    ),
    ours: ['TAR_PAX_RECORD'],
  },
  {
    name: 'sparse-version-unknown',
    bytes: thenMore(
      pax(['GNU.sparse.major', '2'], ['GNU.sparse.minor', '0'], ['GNU.sparse.realsize', '9']),
      member({}, block('A')),
    ),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-directory',
    bytes: thenMore(
      pax(['GNU.sparse.size', '0'], ['GNU.sparse.numblocks', '0']),
      header({ name: 'd', type: '5' }),
    ),
    ours: ['TAR_SPARSE_MAP'],
  },
  {
    name: 'sparse-type-in-ustar',
    bytes: thenMore(member({ type: 'S' }, block('A'))),
    ours: ['TAR_SPARSE_MAP'],
  },
];
