import { ArchiveError } from '@vzdump-format/streams';
import { expect } from 'vitest';

/** The error that `work` fails with; anything but an ArchiveError fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<ArchiveError> {
  const error = await work.then(
    (value) => expect.fail(`expected an error, got ${value}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ArchiveError)) throw error;
  return error;
}
