import { shellQuote } from '@vzdump-format/posix';
import type { OptionValue, Retention } from '@vzdump-format/pve';
import {
  formatPropertyString,
  type Properties,
  retentionString,
  type VzdumpOptions,
  vzdumpOption,
} from '@vzdump-format/pve';

/** What the log does not repeat. */
const LEFT_OUT: ReadonlySet<string> = new Set(['stdout', 'job-id']);

/** The job as a command line of vzdump: `vzdump 100 --mode snapshot --storage local`. */
export function commandEcho(vmids: readonly number[], options: VzdumpOptions): string {
  const words = Object.entries(options).flatMap(([name, value]) =>
    LEFT_OUT.has(name) || value === undefined
      ? []
      : textsOf(name, value)
          .filter((text) => text !== '')
          .map((text) => `--${name} ${shellQuote(text)}`),
  );
  return ['vzdump', ...vmids, ...words].join(' ');
}

/** As they would be given; an array takes as many options as it has items. */
function textsOf(name: string, value: OptionValue): readonly string[] {
  switch (vzdumpOption(name)?.type.kind) {
    case 'boolean':
      return [value === true ? '1' : '0'];
    case 'array':
      return value as readonly string[];
    case 'list':
    case 'guests':
      return [(value as readonly (string | number)[]).join(',')];
    case 'properties':
      return [formatPropertyString(value as Properties)];
    case 'retention':
      return [retentionString(value as Retention)];
    default:
      return [String(value)];
  }
}
