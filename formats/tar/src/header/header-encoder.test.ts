import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_OCTAL_ID, MAX_OCTAL_SIZE, MAX_OCTAL_TIME } from '../format.js';
import { header } from '../testing/built-archive.js';
import { HeaderEncoder, type HeaderFields } from './header-encoder.js';

const id = fc.integer({ min: 0, max: MAX_OCTAL_ID });
const device = fc.option(fc.record({ major: id, minor: id }), { nil: undefined });
const fields: fc.Arbitrary<HeaderFields> = fc.record({
  path: fc.constantFrom('a', 'b/c', 'long/'.repeat(30)),
  isDirectory: fc.constant(false),
  folder: fc.constant(''),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: id,
  gid: id,
  size: fc.integer({ min: 0, max: MAX_OCTAL_SIZE }),
  mtime: fc.integer({ min: 0, max: MAX_OCTAL_TIME }),
  type: fc.constantFrom('0', '5', 'x'),
  linkName: fc.constantFrom('', 'target'),
  device,
});

test('a header is the same, whichever came before, and whatever was in its place', () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1, maxLength: 5 }), (headers) => {
      const encoder = new HeaderEncoder();
      for (const one of headers) {
        const bytes = Buffer.alloc(1024, 0xee);
        encoder.encode(bytes, 100, one);
        const { path, device, ...same } = one;
        const patch = device === undefined ? { 329: new Uint8Array(16) } : {};
        const expected = header({ ...same, ...device, name: `./${path}`.slice(0, 100), patch });
        expect(bytes.subarray(100, 612)).toEqual(expected);
        expect(bytes.subarray(612)).toEqual(Buffer.alloc(412, 0xee));
      }
    }),
  );
});
