import type { Command, CommandTable } from '../command.js';
import { commonOptions } from '../options/options.js';
import { backups } from './backups.js';
import { cat } from './cat.js';
import { completion } from './completion.js';
import { config } from './config.js';
import { convert } from './convert.js';
import { dump } from './dump.js';
import { index } from './index-command.js';
import { list } from './list.js';
import { man } from './man.js';
import { notes } from './notes.js';
import { pack } from './pack.js';
import { protect } from './protect.js';
import { prune } from './prune.js';
import { restore } from './restore.js';
import { unpack } from './unpack.js';
import { verify } from './verify.js';

const table = (): CommandTable => ({ commands, commonOptions });

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  ...([pack, unpack, list, config, verify, cat, convert, index] as readonly Command[]),
  ...([dump, restore, backups, prune, notes, protect] as readonly Command[]),
  completion(table),
  man(table),
];
