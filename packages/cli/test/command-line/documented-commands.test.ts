import { testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentedCommands } from '../support/documented-commands.js';
import { SampleHost } from '../support/sample-host.js';

/** What cannot run within the tests, by its beginning, and why. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'npm ci && ': 'it installs and tests this very tree: .ci/run does so',
};

const all = documentedCommands();
const isHere = (text: string) => !Object.keys(NOT_HERE).some((start) => text.startsWith(start));

describe.concurrent('every command of the documents and of the help runs as it is written', () => {
  let host: SampleHost | undefined;
  beforeAll(async () => {
    if (process.getuid?.() === 0) host = await SampleHost.open();
  });
  afterAll(() => host?.close());

  for (const { text, places } of all.filter((command) => isHere(command.text))) {
    testWith(['root'], `${text} (${places.join(', ')})`, () => host!.run(withoutOutputs(text)));
  }
});

/** What a command makes is not there before: some make what others read. */
function withoutOutputs(text: string): string {
  const made =
    /vzdump-format (?:pack|convert \S+) ([^\s-]\S*)/.exec(text) ?? /make-guests\.mjs (\S+)/.exec(text);
  return made === null ? text : `rm -rf ${made[1]} ${made[1]!.replace('.mpxar', '.ppxar')}\n${text}`;
}

test('few are left out', () => {
  expect(all.length).toBeGreaterThan(65);
  expect(all.filter(({ text }) => !isHere(text))).toHaveLength(2);
});
