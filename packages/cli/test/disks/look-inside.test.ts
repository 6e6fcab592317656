import { gzipSync } from 'node:zlib';
import { craftedVmas, goldenVmas, vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../support/disk-content.js';
import { runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');
const GOLDEN = goldenVmas().find(({ name }) => name === 'two-drives-two-configs')!;
const DAMAGED = vectorPath('vma-bad/extent-block-count-plus-1-data.vma');

describe('list', () => {
  const expected = {
    format: 'vma',
    codec: 'none',
    uuid: 'c0132bc8-e3de-47a3-ac48-ba925031ddb3',
    ctime: 1795389995,
    configs: [
      { name: 'qemu-server.conf', size: 567 },
      { name: 'qemu-server.fw', size: 100 },
    ],
    devices: [
      { id: 1, name: 'drive-virtio0', size: 2097152 },
      { id: 2, name: 'drive-virtio1', size: 1048576 },
    ],
  };

  test('--json is the documented document', async () => {
    expect(await runCliForJson(['list', ARCHIVE])).toEqual(expected);
    expect(await runCliForJson(['list', `${ARCHIVE}.zst`])).toEqual({ ...expected, codec: 'zstd' });
  });

  test('of standard input', async () => {
    const stdin = vectorBytes('vma/two-drives-two-configs.vma.gz');
    expect(await runCliForJson(['list', '-'], { stdin })).toEqual({ ...expected, codec: 'gzip' });
  });

  test('for people', async () => {
    expect((await runCliWell(['list', ARCHIVE])).toString().split('\n')).toEqual([
      'format: vma, codec: none',
      'uuid: c0132bc8-e3de-47a3-ac48-ba925031ddb3',
      'created: 2026-11-22T23:26:35.000Z',
      'config: qemu-server.conf, 567 bytes',
      'config: qemu-server.fw, 100 bytes',
      'drive 1: drive-virtio0, 2097152 bytes',
      'drive 2: drive-virtio1, 1048576 bytes',
      '',
    ]);
  });
});

describe('config', () => {
  const [conf, firewall] = GOLDEN.configs.map(({ text }) => text);

  test("prints the guest's configuration, byte for byte", async () => {
    expect((await runCliWell(['config', ARCHIVE])).toString()).toBe(conf);
    expect(
      (
        await runCliWell(['config', '-'], { stdin: vectorBytes('vma/two-drives-two-configs.vma') })
      ).toString(),
    ).toBe(conf);
  });

  test('--name prints another one', async () => {
    expect((await runCliWell(['config', `${ARCHIVE}.gz`, '--name', 'qemu-server.fw'])).toString()).toBe(
      firewall,
    );
  });
});

describe('verify', () => {
  test('--json is the documented document', async () => {
    const result = await runCli(['verify', `${ARCHIVE}.zst`, DAMAGED, '/nonexistent', '--json']);
    expect(JSON.parse(result.stdout.toString())).toEqual({
      archives: [
        {
          ...{ path: `${ARCHIVE}.zst`, ok: true, format: 'vma', codec: 'zstd', bytes: 591872 },
          ...{ errors: [], warnings: [] },
        },
        {
          ...{ path: DAMAGED, ok: false, format: 'vma', codec: 'none', bytes: expect.any(Number) },
          errors: [
            {
              code: 'VMA_EXTENT_BLOCK_COUNT',
              message: expect.stringContaining(DAMAGED),
              offset: 12800,
            },
          ],
          warnings: [],
        },
        {
          ...{ path: '/nonexistent', ok: false, bytes: 0, warnings: [] },
          errors: [
            { code: 'ENOENT', message: '/nonexistent: no such file or directory', entry: '/nonexistent' },
          ],
        },
      ],
    });
    expect(result.status).toBe(1);
  });

  test('for people: good ones on stdout, bad ones on stderr, none left out', async () => {
    const { status, stdout, stderr } = await runCli(['verify', DAMAGED, ARCHIVE]);
    expect(stdout.toString()).toBe(`${ARCHIVE}: ok (vma, none, 578.0 KiB)\n`);
    expect(stderr).toContain(`vzdump-format: ${DAMAGED}: `);
    expect(status).toBe(1);
  });
});

describe('cat', () => {
  const inOrder = { bytes: vectorBytes('vma/two-drives-two-configs.vma'), path: ARCHIVE };

  test('of a file, by name and by number', async () => {
    const [first, second] = GOLDEN.devices;
    expect(sha256(await runCliWell(['cat', ARCHIVE, first!.name]))).toBe(first!.sha256);
    expect(sha256(await runCliWell(['cat', ARCHIVE, '2']))).toBe(second!.sha256);
  });

  test.each(['.gz', '.zst'])('of a file that is compressed: %s', async (extension) => {
    const { name, sha256: hash } = GOLDEN.devices[1]!;
    expect(sha256(await runCliWell(['cat', ARCHIVE + extension, name]))).toBe(hash);
  });

  test('of standard input', async () => {
    const { name, sha256: hash } = GOLDEN.devices[1]!;
    expect(sha256(await runCliWell(['cat', '-', name], { stdin: inOrder.bytes }))).toBe(hash);
  });

  test('of an archive that is out of order', async () => {
    const bytes = vectorBytes('vma-crafted/out-of-order.vma');
    const { devices } = craftedVmas().find(({ name }) => name === 'out-of-order')!;
    const path = vectorPath('vma-crafted/out-of-order.vma');
    for (const { id, sha256: hash } of devices!) {
      expect(sha256(await runCliWell(['cat', path, String(id)]))).toBe(hash);
      expect(sha256(await runCliWell(['cat', '-', String(id)], { stdin: bytes }))).toBe(hash);
      expect(sha256(await runCliWell(['cat', '-', String(id)], { stdin: gzipSync(bytes) }))).toBe(hash);
    }
  });

  test('fails when the archive turns out to be bad', async () => {
    const { status, stderr } = await runCli(['cat', '-', '1'], { stdin: inOrder.bytes.subarray(0, -1) });
    expect(stderr).toMatch(/^vzdump-format: standard input: .* \(at byte \d+\)\n/);
    expect(status).toBe(1);
  });
});
