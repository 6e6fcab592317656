import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMet, keptScratch, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import type { GuestAccess } from '../guest-access.js';
import { testAccessContract } from '../testing/access-contract.js';
import { BusyboxContainer, countSpread } from '../testing/busybox-container.js';
import { usesLeft } from '../testing/file-systems.js';
import { asTree, pathsIn } from '../testing/read-tree.js';
import { type RecordedContextOptions, recordedContext } from '../testing/recorded-context.js';
import { containerMethods } from './container-methods.js';

const VMID = 931;
const CONFIG = `rootfs: local:${VMID}/subvol-${VMID}-disk-0.subvol,size=0T
mp0: local:${VMID}/subvol-${VMID}-disk-1.subvol,mp=/srv/data,backup=1,size=0T
mp1: local:${VMID}/subvol-${VMID}-disk-2.subvol,mp=/var/cache,size=0T
`;
const SELECTED = [
  "INFO: including mount point rootfs ('/') in backup",
  "INFO: including mount point mp0 ('/srv/data') in backup",
  "INFO: excluding volume mount point mp1 ('/var/cache') from backup (disabled)",
];

const kept = keptScratch();
let directory: string;
let container: BusyboxContainer;
let access: GuestAccess;

describe.runIf(isMet('lxc', 'root'))('a container that runs', () => {
  beforeAll(async () => {
    await kept.make();
    directory = kept.path('');
    const volume = (number: number) => join(directory, `images/${VMID}/subvol-${VMID}-disk-${number}.subvol`);
    for (const number of [0, 1, 2]) mkdirSync(volume(number), { recursive: true });
    writeFileSync(join(volume(1), 'orders'), 'in the volume');
    writeFileSync(join(volume(2), 'cached'), 'not in the backup');
    container = new BusyboxContainer({
      ...{ vmid: VMID, directory, rootfs: volume(0) },
      mounts: { '/srv/data': volume(1), '/var/cache': volume(2) },
      prelude: "trap 'echo > /stopping; if [ -e /slow ]; then sleep 1; fi; exit 0' PWR; rm -f /stopping",
    });
    const methods = containerMethods({ lxcPath: container.lxcPath });
    access = methods.access({ vmid: VMID, type: 'lxc', configPath: '' }, 'stop', true);
  });

  afterAll(async () => {
    await container.remove();
    await kept.remove();
  });

  async function runningContext(options: Partial<RecordedContextOptions> = {}) {
    await container.start();
    return recordedContext({ vmid: VMID, config: CONFIG, storage: directory, directory, ...options });
  }

  const inRootfs = (path: string) => join(directory, `images/${VMID}/subvol-${VMID}-disk-0.subvol`, path);

  testAccessContract(['lxc', 'root'], async () => {
    await container.start();
    return {
      access,
      phases: ['pre-stop', 'pre-restart', 'post-restart'],
      pauses: true,
      holds: ['', 'count', 'srv/data/orders'],
      context: runningContext,
      state: async () => [await container.state(), usesLeft(directory)],
    };
  });

  testWith(['lxc', 'root'], 'is stopped until the archive is made', async () => {
    const { context, events } = await runningContext();
    const prepared = await access.prepare(context);
    expect(await container.state()).toBe('running');
    expect(events).toEqual(SELECTED);
    const data = asTree(await prepared.open());
    expect(await container.state()).toBe('stopped');
    const paths = await pathsIn(data);
    expect(paths.filter((path) => /^(count|srv\/.*|var\/cache.*)$/.test(path))).toEqual([
      ...['count', 'srv/data', 'srv/data/count', 'srv/data/orders', 'var/cache'],
    ]);
    expect(countSpread(data.tree.root, ['srv/data'])).toBeLessThanOrEqual(1);
    expect(data.isCopy).toBe(false);
    expect(usesLeft(directory)).toEqual([]);
    await prepared.release();
    expect(await container.state()).toBe('running');
    expect(() => readFileSync(join(data.tree.root, 'count'))).toThrow('ENOENT');
    expect(events.slice(SELECTED.length)).toEqual([
      ...['INFO: stopping virtual guest', 'HOOK: pre-stop'],
      ...['HOOK: pre-restart', 'INFO: restarting vm', 'HOOK: post-restart'],
      expect.stringMatching(/^INFO: guest is online again after (<1|\d+) seconds$/),
    ]);
  });

  testWith(['lxc', 'root'], 'is not stopped when the hook script objects', async () => {
    const refuse = vi.fn(() => Promise.reject(new Error('not now')));
    const { context, events } = await runningContext({ onPhase: refuse });
    const prepared = await access.prepare(context);
    await expect(prepared.open()).rejects.toThrow('not now');
    expect(await container.state()).toBe('running');
    await prepared.release();
    expect(events.slice(SELECTED.length)).toEqual(['INFO: stopping virtual guest', 'HOOK: pre-stop']);
  });

  testWith(
    ['lxc', 'root'],
    'is started again when its volumes cannot be mounted, and whatever hooks say',
    async () => {
      const { context, events } = await runningContext({
        config: CONFIG.replace('/srv/data', '/linked/data'),
        onPhase: (name) => {
          if (name !== 'pre-stop') throw new Error(`no ${name}`);
        },
      });
      rmSync(inRootfs('linked'), { force: true });
      symlinkSync('/srv', inRootfs('linked'));
      const prepared = await access.prepare(context);
      await expect(prepared.open()).rejects.toMatchObject({
        code: 'MOUNT_POINT',
        message: '/linked in the container is not a directory',
      });
      expect(await container.state()).toBe('stopped');
      await prepared.release();
      expect(await container.state()).toBe('running');
      expect(usesLeft(directory)).toEqual([]);
      expect(events.slice(SELECTED.length + 2)).toEqual([
        ...['HOOK: pre-restart', 'WARN: no pre-restart', 'INFO: restarting vm'],
        ...['HOOK: post-restart', 'WARN: no post-restart'],
        expect.stringMatching(/^INFO: guest is online again after/),
      ]);
    },
  );

  testWith(['lxc', 'root'], 'is started again, once it has shut down, after an abort meanwhile', async () => {
    const { context, events, controller } = await runningContext();
    writeFileSync(inRootfs('slow'), '');
    const prepared = await access.prepare(context);
    const opened = prepared.open().catch((error: unknown) => error);
    await vi.waitFor(() => readFileSync(inRootfs('stopping')), { timeout: 20_000 });
    rmSync(inRootfs('slow'));
    controller.abort(new Error('enough'));
    expect(await opened).toMatchObject({ message: 'enough' });
    await prepared.release();
    expect(await container.state()).toBe('running');
    expect(events.slice(SELECTED.length)).toEqual([
      ...['INFO: stopping virtual guest', 'HOOK: pre-stop'],
      'INFO: guest is shutting down, and is started again after that',
      ...['HOOK: pre-restart', 'INFO: restarting vm', 'HOOK: post-restart'],
      expect.stringMatching(/^INFO: guest is online again after/),
    ]);
  });

  testWith(['lxc', 'root'], 'is killed when it may take no time to shut down', async () => {
    const { context } = await runningContext({ stopWait: 0 });
    const prepared = await access.prepare(context);
    await prepared.open();
    expect(() => readFileSync(inRootfs('stopping'))).toThrow('ENOENT');
    await prepared.release();
    expect(await container.state()).toBe('running');
  });

  for (const [does, becomes] of [
    ['freezing', 'frozen'],
    ['stopping', 'stopped'],
  ] as const) {
    testWith(['lxc', 'root'], `runs again when the process is killed while it is ${becomes}`, async () => {
      await container.start();
      const modules = new URL('../../../dist/guest-access/container/', import.meta.url).href;
      const program = `
        import { GuestPause, ${does} } from '${modules}guest-pause.js';
        import { Lxc } from '${modules}lxc.js';
        const lxc = new Lxc(${JSON.stringify({ lxcPath: container.lxcPath })});
        const context = { guest: { vmid: ${VMID} }, stopWait: 1 };
        await new GuestPause(context, await ${does}(lxc, context), '').begin();
        process.stdout.write('begun');
        setInterval(() => {}, 1000);`;
      const child = execFile(process.execPath, ['--input-type=module', '-e', program]);
      await once(child.stdout!, 'data');
      expect(await container.state()).toBe(becomes);
      child.kill('SIGKILL');
      await vi.waitFor(async () => expect(await container.state()).toBe('running'), { timeout: 20_000 });
    });
  }
});
