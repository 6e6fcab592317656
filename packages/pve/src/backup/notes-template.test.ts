import { expect, test } from 'vitest';
import { checkNotesTemplate, expandNotesTemplate } from './notes-template.js';

const VALUES = { cluster: 'standalone node', guestname: 'web {{vmid}}\\n', node: 'pve1', vmid: 100 };

test.each([
  ['{{guestname}}', 'web {{vmid}}\\n'], // what a value holds is not looked at again
  ['{{vmid}} on {{node}}, {{cluster}}', '100 on pve1, standalone node'],
  ['{{vmid}}{{vmid}}', '100100'],
  ['one\\ntwo', 'one\ntwo'],
  ['a\\\\nb', 'a\\nb'],
  ['\\\\{{vmid}}', '\\100'],
  ['ends in \\', 'ends in \\'],
  ['{{ vmid }}', '{{ vmid }}'],
  ['{vmid} {{}} {{', '{vmid} {{}} {{'],
  ['{{{vmid}}}', '{100}'],
  ['Größe \u{1f480}', 'Größe \u{1f480}'],
  ['', ''],
])('%j makes %j', (template, notes) => {
  expect(expandNotesTemplate(template, VALUES)).toBe(notes);
});

test.each([
  ['a\\tb', "found unknown: escape sequence '\\t' at char 1"],
  ['{{foo}}', "found unknown: variable 'foo' at char 2"],
  [
    '\u{1f480}{{VMID}} \\x {{a}}',
    "found unknown: escape sequence '\\x' at char 10, variable 'VMID' at char 3, variable 'a' at char 15",
  ],
  ['a\nb', 'contains a line feed'],
  ['x'.repeat(1025), 'value may only be 1024 characters long'],
])('%j is refused', (template, message) => {
  expect(() => expandNotesTemplate(template, VALUES)).toThrow(
    expect.objectContaining({ code: 'NOTES_TEMPLATE', message }),
  );
});

test('characters are counted, not their halves', () => {
  checkNotesTemplate('\u{1f480}'.repeat(1024));
  expect(() => checkNotesTemplate('\u{1f480}'.repeat(1025))).toThrow(/1024/);
});
