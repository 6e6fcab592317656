import { chunked, testInDirectory } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { formatListing, ListingColumns } from './listing.js';
import { unpackTar } from './read/unpack.js';
import { archive, type BuiltHeader, header, pax } from './testing/built-archive.js';
import { readEntries } from './testing/entries.js';
import { runTool } from './testing/tools.js';

process.env.TZ = 'UTC'; // as the real tool runs in these tests

function named(fields: BuiltHeader, mtime?: string): Buffer {
  return Buffer.concat([mtime === undefined ? Buffer.alloc(0) : pax(['mtime', mtime]), header(fields)]);
}

const MEMBERS = [
  named({ name: 'd', type: '5', mode: 0o755 }),
  named({ name: '/absolute' }),
  named({ name: '../up' }),
  named({ name: Buffer.from('ünï\u2028\u0378\u{1f480}') }),
  named({ name: Buffer.from('not-utf8-\xff\xfe', 'latin1') }),
  named({ name: 'bell\x07\b\v\f\r\n\t\\"\'\x7f \x1b?' }),
  named({ name: 'a', userName: 'alice', groupName: 'users', uid: 1, gid: 2 }),
  named({ name: 'wide', userName: 'a-very-very-long-user-name', groupName: 'g' }, '1600000000.123456789'),
  named({ name: 'of-a-domain', userName: 'DOMAIN\\some user', groupName: 'domain users' }),
  named({ name: 'narrow-again', uid: 0o1750 }, '1600000000.1'),
  named({ name: 'device', type: '3', major: 8, minor: 17 }),
  named({ name: 'block', type: '4', major: 259, minor: 100000 }),
  named({ name: 'link', type: '2', linkName: 'a b\nc' }),
  named({ name: 'hard', type: '1', linkName: './a' }),
  named({ name: 'fifo', type: '6' }),
  named({ name: 'setuid', mode: 0o4755 }),
  named({ name: 'setuid-alone', mode: 0o4644 }),
  named({ name: 'setgid', mode: 0o2755 }),
  named({ name: 'setgid-alone', mode: 0o2644 }),
  named({ name: 'sticky', mode: 0o1777 }),
  named({ name: 'sticky-alone', mode: 0o1666 }),
  named({ name: 'unknown', type: 'W' }),
  named({ name: 'unknown-byte', type: '\xff' }),
  named({ name: 'contiguous', type: '7' }),
  named({ name: 'before-christ' }, '-62167305600'),
  named({ name: 'year-999' }, '-30641760000'),
  named({ name: 'year-10000' }, '253402300800'),
  named({ name: 'last' }),
];

async function listed(bytes: Uint8Array, numericOwner: boolean): Promise<string[]> {
  const columns = new ListingColumns();
  const entries = await readEntries(unpackTar(chunked(bytes, 4096)));
  return entries.map(({ content: _, ...entry }) => formatListing(entry, columns, { numericOwner }));
}

for (const numericOwner of [true, false]) {
  testInDirectory(['tar'], `as GNU tar prints them, ${numericOwner ? 'in numbers' : 'by name'}`, async () => {
    const bytes = archive(...MEMBERS);
    const options = numericOwner ? ['--numeric-owner'] : [];
    const theirs = runTool('tar', ['-tvf', '-', '--full-time', ...options], bytes).toString();
    expect(await listed(bytes, numericOwner)).toEqual(theirs.split('\n').slice(0, -1));
  });
}

describe('where we do otherwise', () => {
  async function line(...members: Buffer[]): Promise<string> {
    return (await listed(archive(...members), false))[0]!;
  }

  test('format characters, which would mislead the eye, are shown', async () => {
    const shown = await line(named({ name: Buffer.from('gpj.\u202eexe') }));
    expect(shown).toMatch(/ gpj\.\\342\\200\\256exe$/);
  });

  test('names of owners are shown as in messages, and cut where they are too long for any', async () => {
    const userName = 'root/root 0 2026-01-01 00:00:00 ./forged\n-rw';
    const records = pax(['uname', `${userName}\x1b[2J`], ['gname', 'g'.repeat(1_000_000)]);
    const shown = await line(records, named({ name: 'f' }));
    const user = 'root/root 0 2026-01-01 00:00:00 ./forged\\x0a-rw\\x1b[2J';
    expect(shown).toBe(`-rw-r--r-- ${user}/${'g'.repeat(120)}… 0 1970-01-01 00:00:00 f`);
  });

  test('a long name of an owner does not widen the lines of others', async () => {
    const long = { userName: 'u'.repeat(32), groupName: 'g'.repeat(32) };
    const records = pax(['uname', 'u'.repeat(1_000_000)]);
    const members = [records, named({ name: 'long' }), named({ name: 'b', ...long }), named({ name: 'c' })];
    const [first, second, last] = await listed(archive(...members), false);
    expect(first!.length).toBeLessThan(200);
    expect([second!.length, last!.length]).toEqual([113, 113]);
    expect(last).toMatch(/^-rw-r--r-- 0\/0 {76}0 1970/);
  });

  test('a time before the epoch with a fraction is the time that it is', async () => {
    expect(await line(named({ name: 'f' }, '-5.25'))).toContain(' 1969-12-31 23:59:54.75 ');
  });

  test('a time that no date has is in seconds', async () => {
    expect(await line(named({ name: 'f' }, '9007199254740991'))).toContain(' 9007199254740991 ');
  });

  test('the columns are as wide as they must be for one line alone', async () => {
    const [entry] = await readEntries(unpackTar(chunked(archive(MEMBERS[0]!), 512)));
    expect(formatListing({ ...entry!, content: undefined })).toBe(
      'drwxr-xr-x 0/0               0 1970-01-01 00:00:00 d',
    );
  });
});
