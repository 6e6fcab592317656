import { longName, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';

/** `index-dir` → `VZDUMP_FORMAT_INDEX_DIR` */
export function environmentName(option: string): string {
  return `VZDUMP_FORMAT_${option.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The options of the command line, by their names in camel case, with those that only the environment gives.
 * An empty variable is as good as none.
 * @throws UsageError for what the option would not take either
 */
export function withEnvironment(
  given: Readonly<Record<string, unknown>>,
  specs: readonly OptionSpec[],
  environment: NodeJS.ProcessEnv,
): Readonly<Record<string, unknown>> {
  const all = { ...given };
  for (const spec of specs) {
    const text = spec.environment && environment[spec.environment];
    const name = camelCase(longName(spec).slice('--'.length));
    const isGiven = [name, ...(spec.sameAs ?? [])].some((each) => given[each] !== undefined);
    if (text && !isGiven) all[name] = parsedValue(spec, text);
  }
  return all;
}

/** `exclude-path` → `excludePath` */
export function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function parsedValue({ flags, choices, parse, environment }: OptionSpec, text: string): unknown {
  const wrong = (message: string, hint?: string) => new UsageError(`${environment}: ${message}`, hint);
  const allowed = flags.includes('<') ? choices : ['0', '1'];
  if (allowed !== undefined && !allowed.includes(text)) {
    throw wrong(`'${text}' is none of ${allowed.join(', ')}`);
  }
  if (!flags.includes('<')) return text === '1';
  try {
    return parse?.(text) ?? text;
  } catch (error) {
    if (error instanceof UsageError) throw wrong(error.message, error.hint);
    throw error;
  }
}
