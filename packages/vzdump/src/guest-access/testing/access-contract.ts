import { testWith } from '@vzdump-format/testing';
import { expect } from 'vitest';
import type { AccessPhase, GuestAccess, GuestData } from '../guest-access.js';
import { pathsIn } from './read-tree.js';
import type { RecordedContext, RecordedContextOptions } from './recorded-context.js';

/** One way to access a guest, and a guest for it. */
export interface AccessSubject {
  readonly access: GuestAccess;
  /** Which hook phases are told of when all goes well. */
  readonly phases: readonly AccessPhase[];
  /** Whether the guest is frozen or stopped meanwhile, so that its going on is told in any case. */
  readonly pauses: boolean;
  /** Paths that a tree holds, or names of drives. */
  readonly holds: readonly string[];
  context(options?: Partial<RecordedContextOptions>): Promise<RecordedContext>;
  /** All that has to be in the end as it was: whether the guest runs, mounts, snapshots, files. */
  state(): Promise<unknown>;
}

const ORDER: readonly AccessPhase[] = ['pre-stop', 'pre-restart', 'post-restart'];

/**
 * What every `GuestAccess` promises, as tests of a suite that has the guest.
 * @param needs what of the machine, as `testWith` takes it
 * @param subject called by each test
 */
export function testAccessContract(needs: readonly string[], subject: () => Promise<AccessSubject>): void {
  testWith(needs, 'contract: prepare changes nothing, and nor does release without open', async () => {
    const { access, context, state } = await subject();
    const before = await state();
    const { context: given, events } = await context();
    const prepared = await access.prepare(given);
    expect(await state()).toEqual(before);
    await prepared.release();
    expect(await state()).toEqual(before);
    expect(phasesIn(events)).toEqual([]);
  });

  testWith(needs, 'contract: data is there from open to release, which puts everything back', async () => {
    const { access, context, state, phases, holds } = await subject();
    const before = await state();
    const { context: given, events } = await context();
    const prepared = await access.prepare(given);
    const data = await prepared.open();
    expect(await namesIn(data)).toEqual(expect.arrayContaining([...holds]));
    await prepared.release();
    expect(await state()).toEqual(before);
    expect(phasesIn(events)).toEqual(phases);
    expect(phases).toEqual(ORDER.slice(0, phases.length));
  });

  for (const failing of ORDER) {
    testWith(needs, `contract: a hook script that fails at ${failing} leaves nothing behind`, async () => {
      const error = new Error('the script has failed');
      await expectAllPutBack(await subject(), failing, error, () => {
        throw error;
      });
    });
  }

  testWith(needs, 'contract: an abort leaves nothing behind', async () => {
    const error = new Error('enough');
    await expectAllPutBack(await subject(), 'pre-stop', error, (controller) => controller.abort(error));
  });
}

/** @param act what the hook script does at the phase */
async function expectAllPutBack(
  { access, context, state, phases, pauses }: AccessSubject,
  phase: AccessPhase,
  error: Error,
  act: (controller: AbortController) => void,
): Promise<void> {
  const before = await state();
  const recorded: RecordedContext = await context({
    onPhase: (name) => {
      if (name === phase) act(recorded.controller);
    },
  });
  const { context: given, events, controller } = recorded;
  const prepared = await access.prepare(given);
  const outcome = await prepared.open().then(
    () => 'opened',
    (reason: unknown) => reason,
  );
  const toldByOpen = phasesIn(events);
  await prepared.release();
  expect(await state()).toEqual(before);
  const told = phasesIn(events);
  expect(told).toEqual(phases.slice(0, told.length));
  if (pauses && phase !== 'pre-stop') expect(told, `open: ${outcome}`).toEqual(phases);
  // A way may have nothing more to do in which to heed the signal.
  if (!controller.signal.aborted && toldByOpen.includes(phase)) expect(outcome).toBe(error);
  else expect([error, 'opened']).toContain(outcome);
}

function phasesIn(events: readonly string[]): readonly string[] {
  return events.flatMap((event) => /^HOOK: (.*)$/.exec(event)?.[1] ?? []);
}

/** The paths of a tree, or the names of drives, each of which is read from its first byte to its last. */
async function namesIn(data: GuestData): Promise<readonly string[]> {
  if (data.kind === 'tree') return pathsIn(data);
  for (const drive of data.drives) {
    const source = await drive.open();
    try {
      expect(await source.read(new Uint8Array(source.size), 0)).toBe(source.size);
    } finally {
      await source.close();
    }
  }
  return data.drives.map(({ name }) => name);
}
