import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scratch } from '@vzdump-format/testing';
import { dump } from '../dump.js';
import type { DumpEvent, DumpOptions, DumpResult } from '../dump-options.js';
import { LOG_PREFIXES } from '../log.js';

const MAKE_GUESTS = join(import.meta.dirname, '../../../../../examples/pve/make-guests.mjs');

/** The sample's guests, in a directory of the test that runs. */
export interface SampleDump {
  /** `INFO: …`, of the job and its guests. */
  readonly log: readonly string[];
  readonly events: readonly DumpEvent[];
  /** @param name below the sample's directory: `storage/dump` */
  path(name: string): string;
  run(options: DumpOptions): Promise<DumpResult>;
}

/** Makes the sample's guests. What is locked and what is logged is theirs alone. */
export async function sampleDump(): Promise<SampleDump> {
  const directory = join(await scratch(), 'sample');
  await promisify(execFile)(process.execPath, [MAKE_GUESTS, directory]);
  const events: DumpEvent[] = [];
  const path = (name: string) => join(directory, name);
  return {
    path,
    events,
    get log() {
      return events.flatMap((event) =>
        event.type === 'log' ? [`${LOG_PREFIXES[event.level]}: ${event.message}`] : [],
      );
    },
    run: (options) =>
      dump({
        ...{ pveRoot: path('pve'), configFile: '/dev/null', lockPath: path('lock') },
        logDirectory: path('no-such-directory'),
        onEvent: (event) => events.push(event),
        ...options,
      }),
  };
}

/** How far a slow machine is, now and then. */
const ON_THE_WAY = /^INFO: +(?:\d?\d% \(|\d[\d.]* \w+ in )/;

/** Log lines without what is different each time. */
export function timeless(lines: readonly string[], directory?: string): readonly string[] {
  const told = lines.filter((line) => !ON_THE_WAY.test(line));
  return told.map((line) =>
    (directory === undefined ? line : line.replaceAll(directory, '/sample'))
      .replace(/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/g, 'STAMP')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME')
      .replace(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, 'UUID')
      .replace(/\(00:00:\d\d\)/, '(00:00:0N)')
      .replace(/in (?:<1|\d+) seconds(?: \([^)]*\))?/, 'in N seconds')
      .replace(/in \d+s, read: .*/, 'in Ns, read: R, write: W'),
  );
}
