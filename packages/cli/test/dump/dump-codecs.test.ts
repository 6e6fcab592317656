import { chmod, mkdir, readFile, truncate } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { type DumpSample, dumpSample } from '../support/dump-sample.js';
import { linesOf, runCliForJson, runCliWell } from '../support/running-cli.js';

/** `--compress` and what comes with it, the extension that follows, and the program that checks the file. */
const CODECS = [
  [['0'], '', undefined],
  [['gzip'], '.gz', 'gzip'],
  [['gzip', '--pigz', '2'], '.gz', 'pigz'],
  [['lzo'], '.lzo', 'lzop'],
  [['1'], '.lzo', 'lzop'],
  [['zstd', '--zstd', '0'], '.zst', 'zstd'],
] as const;

/** The container's archive, as it was before it was compressed. */
async function uncompressed(archive: string, tool: string | undefined): Promise<string> {
  if (tool === undefined) return archive;
  const plain = join(await scratch(), 'plain.tar');
  await runTool('sh', '-c', 'exec "$1" -d -c < "$2" > "$3"', 'sh', tool, archive, plain);
  return plain;
}

/** What vzdump itself would have made of the container's root file system, by its own command, but sorted. */
async function tarOfVzdump(sample: DumpSample): Promise<string> {
  const out = join(await scratch(), 'vzdump.tar');
  const root = sample.path('storage/images/101/subvol-101-disk-0.subvol');
  await chmod(sample.path('..'), 0o711); // the container's root has to get there
  const words = [
    ...['sh', '-c', 'out=$1; shift; exec "$@" > "$out"', 'sh', out],
    ...['lxc-usernsexec', '-m', 'u:0:100000:65536', '-m', 'g:0:100000:65536', '--'],
    ...['tar', 'cpf', '-', '--totals', '--one-file-system', '-p', '--sparse', '--numeric-owner', '--acls'],
    ...['--xattrs', '--xattrs-include=user.*', '--xattrs-include=security.capability'],
    ...['--warning=no-file-ignored', '--warning=no-xattr-write', '--sort=name', `--directory=${root}`],
    ...['--no-anchored', '--exclude=lost+found', '--anchored', '--exclude=./tmp/?*'],
    ...['--exclude=./var/tmp/?*', '--exclude=./var/run/?*.pid', './'],
  ];
  await runTool(words[0]!, ...words.slice(1));
  return out;
}

async function longListing(archive: string): Promise<string[]> {
  return linesOf(await runTool('tar', 'tvf', archive, '--numeric-owner', '--full-time'));
}

describe.each(CODECS)('--compress %j', (compress, extension, tool) => {
  const tools = tool === undefined ? [] : [tool];

  testWith(tools, 'a virtual machine: its archive is whole, and holds its disk', async () => {
    const sample = await dumpSample();
    const { status } = await sample.dump(['100', '--compress', ...compress]);
    expect(status).toBe(0);
    const archive = sample.archive(`.vma${extension}`);
    if (tool !== undefined) await runTool(tool, '-t', archive);
    await runCliWell(['verify', archive]);
    const disk = await runCliWell(['cat', archive, 'drive-scsi0']);
    expect(disk.equals(await readFile(sample.path('storage/images/100/vm-100-disk-0.raw')))).toBe(true);
  });

  testWith(['tar', ...tools], 'a container: its archive is for GNU tar to read', async () => {
    const sample = await dumpSample();
    const { status } = await sample.dump(['101', '--compress', ...compress]);
    expect(status).toBe(0);
    const archive = sample.archive(`.tar${extension}`);
    await runCliWell(['verify', archive]);
    const plain = await uncompressed(archive, tool);
    const [first, second, third, ...others] = linesOf(await runTool('tar', 'tf', plain));
    expect([first, second, third]).toEqual(['./etc/vzdump/pct.conf', './etc/vzdump/pct.fw', './']);
    expect(others).toEqual(
      expect.arrayContaining(['./srv/data/orders/1.json', './var/cache/app/', './mnt/shared/']),
    );
    expect(others.filter((path) => /cached|readme|scratch|app\.pid/.test(path))).toEqual([]);
    const hash = ['sh', '-c', 'tar xOf "$1" "$2" | sha256sum', 'sh', plain, './home/app/sparse'] as const;
    const holes = '30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58'; // 1 MiB of zeros
    expect(await runTool(...hash)).toMatch(holes);
  });
});

describe('beside what vzdump makes', () => {
  testWith(['root', 'lxc-usernsexec', 'tar'], 'a container: the same members', async () => {
    const sample = await dumpSample();
    const config = await sample.read('pve/lxc/101.conf');
    await sample.write('pve/lxc/101.conf', config.replace('mp=/srv/data,backup=1', 'mp=/srv/data'));
    await sample.dump(['101']);
    const [conf, rules, ...members] = await longListing(sample.archive('.tar'));
    expect([conf, rules]).toEqual([
      expect.stringMatching(/^-rw-r--r-- 0\/0 .* \.\/etc\/vzdump\/pct\.conf$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 +0 .* \.\/etc\/vzdump\/pct\.fw$/),
    ]);
    const theirs = await longListing(await tarOfVzdump(sample));
    expect(byName(members)).toEqual(byName(theirs));
  });

  test('a container: its configuration is what vzdump stores', async () => {
    const sample = await dumpSample();
    await sample.write('pve/firewall/101.fw', '[OPTIONS]\nenable: 1\n');
    await sample.dump(['101']);
    const archive = sample.archive('.tar');
    const config = await sample.read('pve/lxc/101.conf');
    expect((await runCliWell(['config', archive])).toString()).toBe(
      config.slice(0, config.indexOf('\n[pve:pending]')).replace('lxc.environment =', 'lxc.environment:'),
    );
    expect((await runCliWell(['cat', archive, 'etc/vzdump/pct.fw'])).toString()).toBe(
      '[OPTIONS]\nenable: 1\n',
    );
  });

  test('a virtual machine: devices in the order of their keys, which the map tells', async () => {
    const sample = await dumpSample();
    const keys = ['virtio0', 'scsi2', 'scsi10', 'scsi1', 'ide0', 'efidisk0', 'tpmstate0'];
    const disks = keys.map((key, number) => ({ key, volume: `local:102/vm-102-disk-${number}.raw` }));
    await mkdir(sample.path('storage/images/102'));
    for (const number of keys.keys()) {
      const disk = sample.path(`storage/images/102/vm-102-disk-${number}.raw`);
      await writeNoise(disk, 4096);
      await truncate(disk, (number + 1) << 20);
    }
    const config = `#its description\nbios: ovmf\nname: many\n${disks.map(({ key, volume }) => `${key}: ${volume}\n`).join('')}`;
    await sample.write('pve/qemu-server/102.conf', `${config}sata0: local:iso/x.iso,media=cdrom\n`);
    const { status, stderr } = await sample.dump(['102']);
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining("INFO: include disk 'ide0' 'local:102/vm-102-disk-4.raw'"),
    ]);
    const archive = sample.archive('.vma');
    const sorted = ['efidisk0', 'ide0', 'scsi1', 'scsi10', 'scsi2', 'tpmstate0', 'virtio0'];
    const nameOf = (key: string) => `drive-${key}${key === 'tpmstate0' ? '-backup' : ''}`;
    expect(await runCliForJson(['list', archive])).toMatchObject({
      devices: sorted.map((key, index) => ({
        ...{ id: index + 1, name: nameOf(key) },
        size: (keys.indexOf(key) + 1) << 20,
      })),
    });
    const map = sorted.map((key) => `#qmdump#map:${key}:${nameOf(key)}:local:raw:\n`).join('');
    expect((await runCliWell(['config', archive])).toString()).toBe(
      `${config}sata0: local:iso/x.iso,media=cdrom\n${map}`,
    );
  });

  test("a virtual machine: the header has everything at its place, in vma's order", async () => {
    const sample = await dumpSample();
    await sample.dump(['100']);
    const archive = sample.archive('.vma');
    const header = (await readFile(archive)).subarray(0, 1 << 16);
    const blob = (at: number) => {
      const start = header.readUInt32BE(48) + header.readUInt32BE(at);
      return header.subarray(start + 2, start + 2 + header.readUInt16LE(start)).toString();
    };
    expect([header.toString('latin1', 0, 4), header.readUInt32BE(4)]).toEqual(['VMA\0', 1]);
    const [names, data, devices] = [2044, 3068, 4096];
    expect([blob(names), blob(names + 4)]).toEqual(['qemu-server.conf\0', 'qemu-server.fw\0']);
    expect(blob(data + 4)).toBe(await sample.read('pve/firewall/100.fw'));
    expect([blob(devices + 32), header.readBigUInt64BE(devices + 32 + 8)]).toEqual([
      'drive-scsi0\0',
      BigInt(16 << 20),
    ]);
    const { uuid } = (await runCliForJson(['list', archive])) as { uuid: string };
    expect(header.toString('hex', 8, 24)).toBe(uuid.replaceAll('-', ''));
    const log = await readFile(archive.replace(/\.vma$/, '.log'), 'utf8');
    expect(log).toContain(`started backup task '${uuid}'`);
    expect(basename(archive)).toMatch(/^vzdump-qemu-100-\d{4}(_\d\d){2}-\d\d(_\d\d){2}\.vma$/);
  });
});

/** Lines of `tar -tv` by the paths at their end. */
function byName(lines: readonly string[]): string[] {
  const nameOf = (line: string) => line.slice(line.indexOf(' ./') + 1);
  return lines.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}
