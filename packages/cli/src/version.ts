import { readFileSync } from 'node:fs';
import { type CodecEngine, codecs } from '@vzdump-format/codecs';
import { koffiVersion } from '@vzdump-format/posix';

/** The version of this program. */
export function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** What this program stands on where it runs: what differs from one machine to the next. */
export interface Installation {
  readonly version: string;
  readonly node: string;
  /** `null` where it is not installed. */
  readonly koffi: string | null;
  /** What does each codec's work; `null` where nothing can. */
  readonly codecs: Readonly<Record<string, CodecEngine | null>>;
}

/** Finds out by loading it all. */
export async function installation(): Promise<Installation> {
  const engines = codecs
    .filter(({ isIdentity }) => !isIdentity)
    .map(async ({ name, engine }) => [name, await engine().catch(() => null)] as const);
  return {
    version: version(),
    node: process.versions.node,
    koffi: koffiVersion() ?? null,
    codecs: Object.fromEntries(await Promise.all(engines)),
  };
}

/** The same for people, the version alone in the first line. */
export function describeInstallation({ version, node, koffi, codecs }: Installation): string {
  const engines = Object.entries(codecs).map(([name, engine]) => {
    const words = engine === null ? ['missing'] : [engine.name, engine.version];
    return `${name}: ${words.filter((word) => word !== undefined).join(' ')}`;
  });
  return [version, `Node.js: ${node}`, `koffi: ${koffi ?? 'missing'}`, ...engines, ''].join('\n');
}
