import { readdirSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { openFilesIn } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { archiveVm, keepSample, makeSample, restoreTold } from './testing/sample.js';

keepSample();

const openFiles = () => readdirSync('/proc/self/fd').length;

test('no descriptor is left open, whether a restore ends well, fails or is aborted', async () => {
  const sample = await makeSample();
  const archive = await archiveVm(sample, (config) => config.replace(':local:raw:', ':local:qcow2:'));
  const options = { archive, pveRoot: sample.pveRoot };
  await restoreTold({ ...options, vmid: 299 }); // what is opened once, stays
  const before = openFiles();
  await restoreTold({ ...options, vmid: 300 });
  const controller = new AbortController();
  const aborted = restoreTold({
    ...{ ...options, vmid: 301, signal: controller.signal },
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(aborted).rejects.toThrow('enough');
  await truncate(archive, 200_000);
  await expect(restoreTold({ ...options, vmid: 302 })).rejects.toMatchObject({ code: 'VMA_TRUNCATED' });
  await expect(restoreTold({ ...options, vmid: 300 })).rejects.toMatchObject({ code: 'GUEST_EXISTS' });
  expect(await openFilesIn(sample.directory)).toEqual([]);
  expect(openFiles()).toBe(before);
});
