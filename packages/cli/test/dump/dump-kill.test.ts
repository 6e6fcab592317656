import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openArchive } from '@vzdump-format/archives';
import { expect, test } from 'vitest';
import { type DumpSample, dumpSample } from '../support/dump-sample.js';

const RUNS = 20;
/**
 * How long a run takes at most, in milliseconds; moments of its start are among those at which it is killed.
 */
const LONGEST = 1400;
const ARCHIVE = /^vzdump-(qemu-100|lxc-101)-[\d_-]+\.(vma|tar)\.zst$/;
const LEFTOVER = /\.(dat|tmp)$/;

/**
 * A small generator with a seed (xorshift32), so that a failure can be repeated: numbers from 0 to below 1.
 */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

async function expectWholeArchives(sample: DumpSample): Promise<void> {
  const names = sample.names().filter((name) => !LEFTOVER.test(name) && !name.endsWith('.log'));
  expect(names.filter((name) => !ARCHIVE.test(name))).toEqual([]);
  for (const name of names) {
    const archive = await openArchive(sample.path(`storage/dump/${name}`));
    await archive.format.verify(archive, {});
    await archive.close();
  }
}

test(`killed at ${RUNS} moments: only whole archives have their names, and the next run succeeds`, async () => {
  const sample = await dumpSample();
  const configs = ['pve/qemu-server/100.conf', 'pve/lxc/101.conf'];
  const before = await Promise.all(configs.map(sample.read));
  const random = seededRandom(20_261_126);
  let killed = 0;
  for (let run = 0; run < RUNS; run++) {
    const moment = Math.floor(random() * LONGEST);
    const running = sample.start(['100', '101', '--compress', 'zstd', '--bwlimit', '400']);
    await Promise.race([sleep(moment), running.ended]);
    running.child.kill('SIGKILL');
    if ((await running.ended).signal === 'SIGKILL') killed++;
    await expectWholeArchives(sample);
    const { status, stderr } = await sample.dump(['100', '101', '--compress', 'zstd']);
    expect({ moment, status, stderr }).toMatchObject({ status: 0 });
    await expectWholeArchives(sample);
    expect(sample.names().filter((name) => LEFTOVER.test(name))).toEqual([]);
    expect(await Promise.all(configs.map(sample.read))).toEqual(before);
    for (const name of sample.names()) await rm(sample.path(`storage/dump/${name}`));
  }
  expect(killed).toBeGreaterThan(RUNS / 2);
}, 600_000);
