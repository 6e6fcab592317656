import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { describe } from 'vitest';
import type { GuestAccess } from './guest-access.js';
import { type AccessSubject, testAccessContract } from './testing/access-contract.js';
import { recordedContext } from './testing/recorded-context.js';
import { runningVm, stoppedVm } from './vm-methods.js';

const VMID = 100;
const CONFIG = `scsi0: local:${VMID}/vm-${VMID}-disk-0.raw,size=6000
virtio1: local:${VMID}/vm-${VMID}-disk-1.raw,size=6000
`;

async function subjectOf(access: GuestAccess): Promise<AccessSubject> {
  const directory = await scratch();
  const images = join(directory, `images/${VMID}`);
  await mkdir(images, { recursive: true });
  for (const number of [0, 1]) {
    await writeFile(join(images, `vm-${VMID}-disk-${number}.raw`), `disk ${number}`.repeat(1000));
  }
  const isRunning = access === runningVm;
  return {
    access,
    phases: isRunning ? ['pre-stop', 'pre-restart', 'post-restart'] : [],
    pauses: false,
    holds: ['drive-scsi0', 'drive-virtio1'],
    context: (options) => {
      const basic = { type: 'qemu', vmid: VMID, config: CONFIG, storage: directory } as const;
      return recordedContext({ ...basic, directory: join(directory, 'tmp'), isRunning, ...options });
    },
    state: async () => {
      const names = await readdir(images);
      return Promise.all(names.map(async (name) => [name, await readFile(join(images, name), 'latin1')]));
    },
  };
}

describe.each([
  ['that is stopped', stoppedVm],
  ['that runs', runningVm],
])('a virtual machine %s', (_, access) => {
  testAccessContract([], () => subjectOf(access));
});
