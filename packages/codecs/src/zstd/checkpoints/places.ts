import { NO_TABLES, type Repeats, type Table, type Tables } from './dictionary.js';
import { type BlockContent, MAX_POSITIONS, TABLE_KINDS } from './parser.js';

/** A place between two blocks, at which a checkpoint can lie; and what a decoder knows there. */
export interface Place {
  /** In the content of the frame. */
  readonly position: number;
  /** In the file. */
  readonly offset: number;
  /** How much has been gone through before it: content, or compressed bytes where those are more. */
  readonly progress: number;
  readonly tables: Tables;
  readonly repeats: Repeats;
}

/** Where a frame begins. */
export function firstPlace(offset: number): Place {
  return { position: 0, offset, progress: 0, tables: NO_TABLES, repeats: [1, 4, 8] };
}

/** The tables in force behind a block. */
export function tablesBehind(before: Tables, { tree = before.tree, tables }: BlockContent): Tables {
  if (tables === undefined) return tree === before.tree ? before : { ...before, tree };
  const sequences = TABLE_KINDS.map((kind): Table => {
    const { mode, description } = tables[kind]!;
    if (mode === 'repeated') return before.sequences[kind]!;
    return mode === 'described' ? description : mode;
  });
  return { tree, sequences };
}

/**
 * The places in reach of where a checkpoint is wanted. A dictionary cannot give a table of one code, so a
 * place where such a one is in force is of use only if the next block with sequences does not repeat it.
 */
export class Candidates {
  private usable: Place[] = [];
  /** Those behind the usable ones of which it is not known yet. */
  private open: Place[] = [];

  get isEmpty(): boolean {
    return this.usable.length === 0 && this.open.length === 0;
  }

  get hasUsable(): boolean {
    return this.usable.length > 0;
  }

  clear(): void {
    this.usable = [];
    this.open = [];
  }

  add(place: Place): void {
    if (this.usable.length + this.open.length >= MAX_POSITIONS) this.thinOut();
    const hasOneCode = place.tables.sequences.includes('one code');
    (hasOneCode ? this.open : this.usable).push(place);
  }

  /** Tells of the block that begins at the last place, and of each behind it. */
  follow({ tables }: BlockContent): void {
    if (tables === undefined || this.open.length === 0) return;
    const isUsable = ({ tables: { sequences } }: Place) =>
      TABLE_KINDS.every((kind) => sequences[kind] !== 'one code' || tables[kind]!.mode !== 'repeated');
    this.usable.push(...this.open.filter(isUsable));
    this.open = [];
  }

  /** Those that are known to be of use, in order. */
  get places(): readonly Place[] {
    return this.usable;
  }

  /** Tiny blocks make many places; half of them are as good. */
  private thinOut(): void {
    const everyOther = (_: Place, index: number) => index % 2 === 0;
    this.usable = this.usable.filter(everyOther);
    this.open = this.open.filter(everyOther);
  }
}
