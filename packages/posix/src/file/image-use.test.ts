import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { allowNativeCalls } from '../native/native-calls.js';
import { imageLocks, requireUnusedImage } from './image-use.js';

const temporaryDirectory = useTemporaryDirectory();
const at = (name: string) => join(temporaryDirectory(), name);

function image(name: string, ...options: readonly string[]): string {
  const format = name.endsWith('.qcow2') ? 'qcow2' : 'raw';
  execFileSync('qemu-img', ['create', '-q', '-f', format, ...options, at(name), '4M']);
  return at(name);
}

/** QEMU's tools lock an image as QEMU itself does. */
async function whileOpen(path: string, options: readonly string[], use: () => void): Promise<void> {
  const format = path.endsWith('.qcow2') ? 'qcow2' : 'raw';
  const qemu = spawn('qemu-io', ['-f', format, ...options, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(qemu.stdout, 'data'); // it asks for a command
  try {
    use();
  } finally {
    qemu.stdin.end();
    await once(qemu, 'close');
  }
}

describe.runIf(process.platform === 'linux')('what QEMU has open', () => {
  for (const format of ['raw', 'qcow2']) {
    testWith(['qemu-io'], `qemu-io: a ${format} image, to write and to read`, async () => {
      const path = image(`disk.${format}`);
      expect(imageLocks(path)).toBeUndefined();
      await whileOpen(path, [], () => {
        expect(imageLocks(path)).toBe('written');
        expect(() => requireUnusedImage(path)).toThrow(
          expect.objectContaining({
            code: 'IMAGE_IN_USE',
            message: `${path} is in use: QEMU, or one of its tools, writes to it`,
          }),
        );
      });
      await whileOpen(path, ['--read-only'], () => {
        expect(imageLocks(path)).toBe('read');
        expect(() => requireUnusedImage(path)).toThrow('is in use: QEMU, or one of its tools, reads it');
      });
      expect(imageLocks(path)).toBeUndefined();
      requireUnusedImage(path);
    });
  }

  testWith(['qemu-io'], 'qemu-io: what an image that is written stands upon is read', async () => {
    const base = image('base.qcow2');
    const path = image('disk.qcow2', '-b', base, '-F', 'qcow2');
    await whileOpen(path, [], () => expect([path, base].map(imageLocks)).toEqual(['written', 'read']));
  });

  testWith(['qemu-io'], 'qemu-io: without native calls, nothing is known', async () => {
    const path = image('disk.raw');
    await whileOpen(path, [], () => {
      allowNativeCalls(false);
      const known = imageLocks(path);
      allowNativeCalls(true);
      expect(known).toBeUndefined();
    });
  });
});

test('what nobody has open, or is no image at all, is unused', () => {
  writeFileSync(at('file'), '');
  openSync(at('file'), 'r+');
  for (const path of [at('file'), at('none'), temporaryDirectory(), '/dev/null']) requireUnusedImage(path);
});

testWith(['root'], 'what a loop device stands on is in use', () => {
  writeFileSync(at('image'), '');
  truncateSync(at('image'), 4 << 20);
  const device = execFileSync('losetup', ['--find', '--show', at('image')], { encoding: 'utf8' }).trim();
  try {
    symlinkSync(at('image'), at('link'));
    for (const path of [at('image'), at('link')]) {
      expect(() => requireUnusedImage(path)).toThrow(`${path} is in use: a loop device stands on it`);
    }
    requireUnusedImage(device);
  } finally {
    execFileSync('losetup', ['--detach', device]);
  }
});
