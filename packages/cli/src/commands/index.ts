import type { Command } from '../command.js';
import { cat } from './cat.js';
import { config } from './config.js';
import { list } from './list.js';
import { pack } from './pack.js';
import { unpack } from './unpack.js';
import { verify } from './verify.js';

/** Every command, in the order of the help. */
export const commands = [pack, unpack, list, config, verify, cat] as readonly Command[];
