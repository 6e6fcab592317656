import { type LvmStorage, parseStorageConfig } from '@vzdump-format/pve';
import { describe, expect, test } from 'vitest';
import { LvmVolumes } from './lvm-and-zfs-volumes.js';

const STORAGES = parseStorageConfig(`
lvm: thick
	vgname vg

lvmthin: thin
	vgname vg
	thinpool pool
`);

/** A store whose commands are noted, and answered with `output`. */
function noted(id: 'thick' | 'thin', output = '') {
  const commands: string[] = [];
  const run = async (...words: readonly string[]) => {
    commands.push(words.join(' '));
    return output;
  };
  return { store: new LvmVolumes(STORAGES.get(id) as LvmStorage, run), commands };
}

const REQUEST = { vmid: 300, size: 16 * 1024 * 1024 };

describe('a logical volume', () => {
  test('of a volume group may hold anything', async () => {
    const { store, commands } = noted('thick');
    const volume = await store.makeImage({ ...REQUEST, volume: 'thick:vm-300-disk-0' });
    expect(volume).toMatchObject({
      ...{ volume: 'thick:vm-300-disk-0', path: '/dev/vg/vm-300-disk-0' },
      place: { kind: 'device', path: '/dev/vg/vm-300-disk-0', zeroed: false },
    });
    await volume.commit();
    expect(commands).toEqual([
      'lvcreate --quiet --yes --wipesignatures y --addtag pve-vm-300 --name vm-300-disk-0 --size 16384k vg',
    ]);
  });

  test('of a thin pool reads as zeros', async () => {
    const { store, commands } = noted('thin');
    const volume = await store.makeImage({ ...REQUEST, volume: 'thin:vm-300-disk-1' });
    expect(volume.place).toMatchObject({ kind: 'device', zeroed: true });
    expect(commands[0]).toMatch(/ --name vm-300-disk-1 --virtualsize 16384k --thinpool vg\/pool$/);
  });

  test('is removed when it does not become whole', async () => {
    const { store, commands } = noted('thin');
    const volume = await store.makeImage({ ...REQUEST, volume: 'thin:vm-300-disk-0' });
    await volume.remove();
    await store.remove('thin:vm-300-disk-1');
    expect(commands.slice(1)).toEqual([
      'lvremove --force vg/vm-300-disk-0',
      'lvremove --force vg/vm-300-disk-1',
    ]);
  });

  test("is found among the group's, by the guest's number", async () => {
    const { store } = noted('thick', '  vm-300-disk-0\n  vm-3000-disk-0\n  base-300-disk-1\n  pool\n');
    expect(await store.list(300)).toEqual(['thick:vm-300-disk-0', 'thick:base-300-disk-1']);
  });

  test('is no directory', async () => {
    const { store } = noted('thin');
    const made = store.makeDirectory({ ...REQUEST, volume: 'thin:vm-300-disk-0' });
    await expect(made).rejects.toMatchObject({ code: 'STORAGE_TYPE' });
  });
});
