import { expect, test } from 'vitest';
import {
  decodeErrorChunk,
  decodeInfo,
  encodeGo,
  encodeOption,
  encodeRequest,
  encodeSetMetaContext,
  oneLine,
} from './protocol.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('requests and options are laid out as the protocol says', () => {
  expect(hex(encodeRequest(7, 0x0102n, 0x1_0000_0002, 0xfffe))).toBe(
    '2560951300000007000000000000010200000001000000020000fffe',
  );
  expect(hex(encodeOption(7, encodeGo('ab', [3])))).toBe(
    '49484156454f5054000000070000000a00000002616200010003',
  );
  expect(hex(encodeSetMetaContext('', 'x:y'))).toBe('000000000000000100000003783a79');
});

test('a size past what a number holds exactly is refused', () => {
  const info = Buffer.from('0000001fffffffffffff0003', 'hex');
  expect(decodeInfo(info)).toEqual({ kind: 'export', size: Number.MAX_SAFE_INTEGER, flags: 3 });
  expect(() => decodeInfo(Buffer.from('000000200000000000000003', 'hex'))).toThrow(
    'export size 9007199254740992',
  );
});

test('a server cannot smuggle control characters into a message', () => {
  expect(oneLine(Buffer.from('\x1b[31mred\r\n\u009bmore\0\n'))).toBe('[31mred more');
  const message = Buffer.from('no\nway');
  expect(decodeErrorChunk(Buffer.concat([Buffer.from('000000050006', 'hex'), message]))).toBe(
    'no way (EIO, input/output error)',
  );
});
