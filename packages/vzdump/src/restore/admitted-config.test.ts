import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { RestoreEvent } from './restore-options.js';
import { archiveFiles } from './testing/container.js';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

keepSample();

/** Behind the first line, since what comes after a map line counts as well. */
function withLines(lines: string) {
  return (config: string) => `${lines}${config}`;
}

function hostLines(events: readonly RestoreEvent[]) {
  return events.flatMap((event) => (event.type === 'acts-on-host' ? [[event.line, event.leftOut]] : []));
}

async function expectNothing(sample: Sample): Promise<void> {
  for (const directory of [join(sample.storage, 'images/300'), join(sample.pveRoot, 'firewall/300.fw')]) {
    await expect(readdir(directory)).rejects.toThrow('ENOENT');
  }
  for (const name of ['qemu-server/300.conf', 'lxc/300.conf']) {
    await expect(sample.config(name)).rejects.toThrow('ENOENT');
  }
}

describe('what acts on the host', () => {
  const OF_VM = ['args: -S', 'hookscript: local:snippets/x.pl', 'ide0: /dev/sr0,media=cdrom'];

  test.each([false, true])(
    'in a virtual machine is told of, one line each; left out: %s',
    async (untrusted) => {
      const sample = await makeSample();
      const archive = await archiveVm(sample, withLines(`${OF_VM.join('\n')}\n`));
      const { events, warnings } = await restoreTold({
        archive,
        vmid: 300,
        pveRoot: sample.pveRoot,
        untrusted,
      });
      expect(warnings).toEqual([]);
      expect(hostLines(events)).toEqual(OF_VM.map((line) => [line, untrusted]));
      const lines = (await sample.config('qemu-server/300.conf')).split('\n');
      expect(OF_VM.filter((line) => lines.includes(line))).toEqual(untrusted ? [] : OF_VM);
      expect(lines).toContain('name: web');
    },
  );

  const OF_CONTAINER = ['hookscript: local:snippets/x.pl', 'mp3: /srv/shared,mp=/mnt', 'lxc.hook.start: x'];
  const CONTAINER = `arch: amd64\n${OF_CONTAINER.join('\n')}\nrootfs: local:101/x.subvol,size=0T\n`;

  testWith(['root'], 'in a container likewise, unless the command line says otherwise of it', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONTAINER);
    const options = { archive, pveRoot: sample.pveRoot };
    for (const untrusted of [false, true]) {
      const vmid = untrusted ? 301 : 300;
      const { events } = await restoreTold({ ...options, vmid, untrusted });
      expect(hostLines(events)).toEqual(OF_CONTAINER.map((line) => [line, untrusted]));
      const lines = (await sample.config(`lxc/${vmid}.conf`)).split('\n');
      expect(OF_CONTAINER.filter((line) => lines.includes(line))).toEqual(untrusted ? [] : OF_CONTAINER);
    }
    const overridden = await restoreTold({
      ...{ ...options, vmid: 302, untrusted: true },
      mountPoints: new Map([['rootfs', 'local:0']]),
      overrides: new Map([['hookscript', 'local:snippets/own.pl']]),
    });
    expect(hostLines(overridden.events)).toEqual([['lxc.hook.start: x', true]]);
    expect(await sample.config('lxc/302.conf')).toContain('\nhookscript: local:snippets/own.pl\n');
  });

  testWith(
    ['root'],
    "ids that would be root's on the host are mapped as in any other container",
    async () => {
      const sample = await makeSample();
      const archive = await archiveFiles(
        'rootfs: local:101/x.subvol,size=0T\nunprivileged: 1\nlxc.idmap: u 0 0 65536\nlxc.idmap: g 0 0 65536\n',
      );
      await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, untrusted: true });
      const config = await sample.config('lxc/300.conf');
      expect(config).toContain('unprivileged: 1\n');
      expect(config).not.toContain('lxc.idmap');
    },
  );
});

describe('what is not one line to all that read it is refused, and nothing is made', () => {
  const BAD = ['name: a\rargs: -S\n', 'name: a\0b\n', '#a\rb\n', 'odd\0\n'];

  test.each(BAD)('%j in a virtual machine', async (line) => {
    const sample = await makeSample();
    const archive = await archiveVm(sample, withLines(line));
    const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    await expect(restored).rejects.toMatchObject({ code: 'CONFIG_VALUE', entry: 'qemu-server.conf' });
    await expectNothing(sample);
  });

  testWith(
    ['root'],
    'in a container; but not NUL in its environment, nor lines that end in CR LF',
    async () => {
      const sample = await makeSample();
      const restored = async (config: string) =>
        restoreTold({ archive: await archiveFiles(config), vmid: 300, pveRoot: sample.pveRoot });
      const rootfs = 'rootfs: local:101/x.subvol,size=0T\r\n';
      for (const line of [...BAD, 'lxc.hook.start: a\rb\n', 'env: A=1\rB=2\n']) {
        await expect(restored(`${rootfs}${line}`)).rejects.toMatchObject({ code: 'CONFIG_VALUE' });
      }
      await expectNothing(sample);
      await restored(`${rootfs}env: A=1\0B=2\r\n`);
      expect(await sample.config('lxc/300.conf')).toContain('env: A=1\0B=2\n');
    },
  );
});

test('sections, of a machine that was archived by others, are left out', async () => {
  const sample = await makeSample();
  const other = '[a]\nscsi0: local:101/vm-101-disk-0.raw\nargs: -S\n[before]\nargs: -S\n';
  const archive = await archiveVm(sample, (config) => config.replace(/(?=#qmdump)/, other));
  const { events, warnings } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
  expect(warnings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^qemu-server.conf, line \d+: skipping unknown section: \[a\]$/),
    'only the current configuration is restored, left out: [before]',
  ]);
  expect(hostLines(events)).toEqual([]);
  const config = await sample.config('qemu-server/300.conf');
  expect(config).not.toMatch(/\[|args|101/);
  expect(config).toContain('\nscsi0: local:300/vm-300-disk-0.raw,');
});

test('a volume that is in no archive is named by none but its owner', async () => {
  const sample = await makeSample();
  const archive = await archiveVm(
    sample,
    withLines('efidisk0: local:100/vm-100-disk-1.raw,size=528K\nide0: local:101/a.raw,media=cdrom\n'),
  );
  const { warnings } = await restoreTold({ archive, vmid: 100, pveRoot: sample.pveRoot, force: true });
  expect(warnings).toMatchObject([
    {
      code: 'RESTORE_VOLUME',
      entry: 'efidisk0',
      message: expect.stringContaining('local:100/vm-100-disk-1.raw'),
    },
    { code: 'RESTORE_VOLUME', entry: 'ide0', message: expect.stringContaining('local:101/a.raw') },
  ]);
  expect(await sample.config('qemu-server/100.conf')).not.toMatch(/^(?:efidisk0|ide0):/m);
  expect(await sample.images(100)).toContain('vm-100-disk-1.raw');
});
