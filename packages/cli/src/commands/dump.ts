import { parseVmids } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { type DumpEvent, type DumpResult, dump as dumpGuests, type GuestResult } from '@vzdump-format/vzdump';
import type { Command, CommandContext } from '../command.js';
import { type CommonOptions, lxcPathOption, type PveRootOption, pveRootOption } from '../options/options.js';
import {
  givenVzdumpOptions,
  type ParsedVzdumpOptions,
  vzdumpOptionSpecs,
} from '../options/proxmox-options.js';
import { UsageError } from '../output/exit-status.js';
import { describeError } from '../output/messages.js';
import { binaryOutput, printJson } from '../output/output.js';

interface OwnOptions extends PveRootOption {
  readonly config?: string;
  readonly forceRunning?: boolean;
  readonly lockFile?: string;
  readonly lxcPath?: string;
}

type Options = CommonOptions & OwnOptions & ParsedVzdumpOptions;

/** What is wrong with the command line, by what the library says of it. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'OPTION_CONFLICT',
  'OPTION_REQUIRES',
  'VMID',
  'NOTES_TEMPLATE',
]);

export const dump: Command<Options> = {
  name: 'dump',
  summary: 'back up guests as vzdump does, with its options: one archive each, named, kept and pruned',
  arguments: [{ name: '[vmid...]', description: 'the guests; or give --all, --pool' }],
  options: [
    ...vzdumpOptionSpecs,
    pveRootOption,
    { flags: '--config <file>', description: 'what counts where no option is given (/etc/vzdump.conf)' },
    {
      flags: '--force-running',
      description:
        'read the disks of virtual machines that run as they are: at best what a crash would leave',
    },
    {
      flags: '--lock-file <file>',
      description: 'what is locked, so that one job runs at a time (/var/run/vzdump.lock)',
    },
    lxcPathOption,
  ],
  abbreviated: vzdumpOptionSpecs,
  examples: [
    'vzdump-format dump 100 101 --storage local --compress zstd --prune-backups keep-last=3',
    'vzdump-format dump --all --exclude 105 --dumpdir /mnt/usb --mode stop',
    'vzdump-format dump 101 --stdout | ssh other vzdump-format restore - 300 --rootfs local:4',
  ],

  async run(args, options, context) {
    const { pveRoot, config: configFile, forceRunning, lockFile: lockPath, lxcPath, json = false } = options;
    const given = givenVzdumpOptions(options);
    const toStdout = given.stdout === true;
    const { guests } = await asUsage(async () => {
      return dumpGuests({
        ...given,
        ...{ vmids: parseVmids(args), pveRoot, configFile, forceRunning, lockPath, lxcPath },
        output: toStdout ? binaryOutput('an archive', context.signal) : undefined,
        setsPriority: true,
        onEvent: (event) => tell(event, context),
        signal: context.signal,
      });
    });
    if (json && !toStdout) await printJson({ guests: guests.map(guestDocument) });
    if (guests.some(({ state }) => state === 'failed')) throw new ArchiveError('JOB_ERRORS', 'job errors');
  },
};

function tell(event: DumpEvent, context: CommandContext): void {
  if (event.type === 'log') context.log(event.level, event.message, event.vmid);
  else if (event.type === 'progress') context.onProgress(event.bytes, event.total);
  else if (event.type === 'progress-ended') context.endProgress({ leavesLine: false });
  else if (event.type === 'guest-started') context.beginProgress(subjectOf(event));
}

function subjectOf({ vmid, position, count }: Extract<DumpEvent, { type: 'guest-started' }>) {
  return { text: `${vmid} (${position} of ${count})`, document: { vmid, guest: position, guests: count } };
}

async function asUsage(run: () => Promise<DumpResult>): Promise<DumpResult> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ArchiveError) || !USAGE_CODES.has(error.code)) throw error;
    throw new UsageError(error.message, error.hint);
  }
}

function guestDocument(result: GuestResult) {
  const { vmid, type, name, state, archive, size, seconds, error } = result;
  const { code, message, hint } = describeError(error);
  const failure = state === 'failed' ? { code, message, hint } : undefined;
  return { vmid, type, name, state, archive, size, seconds, error: failure };
}
