import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { runCli, runCliWell } from '../support/running-cli.js';

async function writePage(): Promise<string> {
  const page = join(await scratch(), 'vzdump-format.1');
  await writeFile(page, await runCliWell(['man']));
  return page;
}

testWith(['groff'], 'groff sets the manual page without a warning', async () => {
  const page = await writePage();
  const shown = await runTool('bash', '-c', `groff -man -Tascii -P-c -P-b -P-u -ww '${page}' 2>&1`);
  expect(shown).not.toMatch(/(warning|error):/);
  for (const part of [
    /^NAME\n +vzdump-format +- read, write, check/m,
    /^ +vzdump-format verify \[option \.\.\.\] ARCHIVE\.\.\.$/m,
    /^ +--bwlimit KiB\/s$/m,
    /^EXIT STATUS\n +0 +done$/m,
    /^ +-q, --quiet\n/m,
    /^ +Of the drives of a VM$/m,
    /^ENVIRONMENT\n/m,
    /^ +VZDUMP_FORMAT_INDEX_DIR\n/m,
    /^ +XDG_CACHE_HOME\n/m,
    /^FILES\n +\/etc\/pve\n/m,
    /^ +3 +done, with warnings$/m,
    /^ +vzdump-format unpack backup\.vma\.zst --to restored$/m,
  ]) {
    expect(shown).toMatch(part);
  }
});

testWith(['man'], 'man shows it', async () => {
  expect(await runTool('man', '--warnings', '-P', 'cat', '-l', await writePage())).toMatch(/SYNOPSIS/);
});

test('it is plain ASCII, so that any roff reads it', async () => {
  expect((await runCliWell(['man'])).toString()).toMatch(/^[\n\x20-\x7e]+$/);
});

test('help tells of the same exit statuses', async () => {
  const page = (await runCliWell(['man'])).toString();
  const { stdout } = await runCli(['--help']);
  const statuses = [...stdout.toString().matchAll(/^ {2}(\d+) +(.*)$/gm)];
  expect(statuses.map(([, status]) => Number(status))).toEqual([0, 1, 2, 3, 129, 130, 131, 141, 143]);
  for (const [, status, meaning = ''] of statuses) {
    expect(page).toContain(`.B ${status}\n${meaning.replaceAll('-', '\\-')}\n`);
  }
});
