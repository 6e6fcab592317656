import { parseStorageConfig, type ZfsStorage } from '@vzdump-format/pve';
import { describe, expect, test } from 'vitest';
import { ZfsVolumes } from './lvm-and-zfs-volumes.js';

const STORAGES = parseStorageConfig(`
zfspool: tank
	pool tank/guests
	mountpoint /guests

zfspool: sparse
	pool tank
	sparse
	blocksize 16k
`);

/** A store whose commands are noted, and answered with `answer`. */
function noted(id: 'tank' | 'sparse', answer: (command: string) => string = () => '') {
  const commands: string[] = [];
  const run = async (...words: readonly string[]) => {
    commands.push(words.join(' '));
    return answer(words.join(' '));
  };
  return { store: new ZfsVolumes(STORAGES.get(id) as ZfsStorage, run), commands };
}

const SIZE = 16 * 1024 * 1024;

describe('a disk is a volume of the pool', () => {
  test('which reads as zeros, and is there when its device is', async () => {
    const { store, commands } = noted('tank');
    const volume = await store.makeImage({ vmid: 300, volume: 'tank:vm-300-disk-0', size: SIZE });
    expect(volume.place).toEqual({
      ...{ kind: 'device', zeroed: true },
      path: '/dev/zvol/tank/guests/vm-300-disk-0',
    });
    expect(commands).toEqual([
      'zfs create -V 16384k tank/guests/vm-300-disk-0',
      'udevadm settle --exit-if-exists=/dev/zvol/tank/guests/vm-300-disk-0',
    ]);
  });

  test('as the storage wants them', async () => {
    const { store, commands } = noted('sparse');
    await store.makeImage({ vmid: 300, volume: 'sparse:vm-300-disk-0', size: SIZE });
    expect(commands[0]).toBe('zfs create -s -b 16k -V 16384k tank/vm-300-disk-0');
  });

  test('and is gone when its device does not come', async () => {
    const { store, commands } = noted('tank', (command) => {
      if (command.startsWith('udevadm')) throw new Error('no such device');
      return '';
    });
    const made = store.makeImage({ vmid: 300, volume: 'tank:vm-300-disk-0', size: SIZE });
    await expect(made).rejects.toThrow('no such device');
    expect(commands.at(-1)).toBe('zfs destroy -r tank/guests/vm-300-disk-0');
  });
});

describe("a container's files are a dataset", () => {
  test.each([
    [SIZE, ' -o refquota=16384k'],
    [0, ''],
  ])('of %d bytes', async (size, quota) => {
    const { store, commands } = noted('tank');
    const volume = await store.makeDirectory({ vmid: 300, volume: 'tank:subvol-300-disk-0', size });
    expect(volume).toMatchObject({
      path: '/guests/subvol-300-disk-0',
      place: { kind: 'directory', path: '/guests/subvol-300-disk-0' },
    });
    await volume.commit();
    await volume.remove();
    expect(commands).toEqual([
      `zfs create -o acltype=posixacl -o xattr=sa${quota} tank/guests/subvol-300-disk-0`,
      'zfs destroy -r tank/guests/subvol-300-disk-0',
    ]);
  });
});

test("a guest's volumes are found among the pool's", async () => {
  const names = ['tank', 'tank/vm-300-disk-0', 'tank/subvol-300-disk-1', 'tank/vm-3001-disk-0'];
  const { store, commands } = noted('sparse', () => `${names.join('\n')}\n`);
  expect(await store.list(300)).toEqual(['sparse:vm-300-disk-0', 'sparse:subvol-300-disk-1']);
  expect(commands).toEqual(['zfs list -H -o name -t filesystem,volume -d 1 -r tank']);
});
