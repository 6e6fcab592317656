import { ArchiveError } from '@vzdump-format/streams';

/** The longest template, in characters. */
const LONGEST = 1024;

/** What the variables of a template stand for. */
export interface NotesVariables {
  /** The cluster's name, or `standalone node`. */
  readonly cluster: string;
  /** A container's host name, a VM's name, or `VM <vmid>`. */
  readonly guestname: string;
  /** The short name of the node. */
  readonly node: string;
  readonly vmid: number;
}

const VARIABLES: ReadonlySet<string> = new Set<keyof NotesVariables>([
  'cluster',
  'guestname',
  'node',
  'vmid',
]);

/**
 * Checks a value of `notes-template`.
 * @throws `NOTES_TEMPLATE` when it is too long, has several lines, or unknown escape sequences or variables
 */
export function checkNotesTemplate(template: string): void {
  if ([...template].length > LONGEST) throw wrong(`value may only be ${LONGEST} characters long`);
  if (template.includes('\n')) throw wrong('contains a line feed');
  const unknown = [
    ...unknownOnes(template, /\\(.)/gu, (character) => /[n\\]/.test(character), 'escape sequence', 0),
    ...unknownOnes(template, /\{\{([^\s{}]+)\}\}/gu, (name) => VARIABLES.has(name), 'variable', 2),
  ];
  if (unknown.length > 0) throw wrong(`found unknown: ${unknown.join(', ')}`);
}

/** Those that a pattern finds and that are not known: `variable 'foo' at char 12`, counted from 0. */
function unknownOnes(
  template: string,
  pattern: RegExp,
  isKnown: (found: string) => boolean,
  kind: string,
  nameOffset: number,
): string[] {
  return [...template.matchAll(pattern)]
    .filter(([, found]) => !isKnown(found!))
    .map(({ 0: whole, 1: name, index }) => {
      const position = [...template.slice(0, index)].length + nameOffset;
      return `${kind} '${nameOffset === 0 ? whole : name}' at char ${position}`;
    });
}

/**
 * The notes that a template makes: `\n` and `\\` are a new line and a backslash, `{{guestname}}` and the
 * other variables are replaced, once: what a value holds is left as it is.
 * @throws `NOTES_TEMPLATE`
 */
export function expandNotesTemplate(template: string, values: NotesVariables): string {
  checkNotesTemplate(template);
  return template
    .replace(/\\([n\\])/g, (_sequence, character: string) => (character === 'n' ? '\n' : '\\'))
    .replace(/\{\{(cluster|guestname|node|vmid)\}\}/g, (_variable, name: keyof NotesVariables) =>
      String(values[name]),
    );
}

function wrong(message: string): ArchiveError {
  return new ArchiveError('NOTES_TEMPLATE', message, {
    hint: 'known are \\n, \\\\, {{cluster}}, {{guestname}}, {{node}} and {{vmid}}',
  });
}
