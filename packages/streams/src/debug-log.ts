import { debuglog } from 'node:util';

/**
 * Says on standard error what is being done, where `NODE_DEBUG=vzdump-format` asks for it, and costs next to
 * nothing elsewhere. The format is that of `util.format`.
 */
export const debugLog = debuglog('vzdump-format');
