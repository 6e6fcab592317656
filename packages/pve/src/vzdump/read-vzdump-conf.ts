import { bytesToPath } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';
import { ifThere, readConfigFile } from '../syntax/config-file.js';
import { parseVzdumpConf, VZDUMP_CONF } from './vzdump-conf.js';
import type { VzdumpOptions } from './vzdump-options.js';

/**
 * What vzdump.conf says.
 * @param path of one that has to be there; unless given, the usual one, which need not
 */
export async function readVzdumpConf(path?: string, onWarning?: OnWarning): Promise<VzdumpOptions> {
  const file = path ?? VZDUMP_CONF;
  const bytes = await (path === undefined ? ifThere(readConfigFile(file)) : readConfigFile(file));
  return bytes === undefined ? {} : parseVzdumpConf(bytesToPath(bytes), { file, onWarning });
}
