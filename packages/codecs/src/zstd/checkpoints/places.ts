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

/** A place, and whether a dictionary can say what is known there. */
interface Candidate {
  readonly place: Place;
  usable: 'yes' | 'no' | 'not known yet';
}

/**
 * The places in reach of where a checkpoint is wanted. A dictionary cannot give a table of one code, so a place
 * where such a one is in force is of use only if the next block with sequences does not repeat it.
 */
export class Candidates {
  private candidates: Candidate[] = [];

  clear(): void {
    this.candidates = [];
  }

  add(place: Place): void {
    if (this.candidates.length >= MAX_POSITIONS) this.thinOut();
    const usable = place.tables.sequences.includes('one code') ? 'not known yet' : 'yes';
    this.candidates.push({ place, usable });
  }

  /** Tells of the block that begins at the last place, and of each behind it. */
  follow({ tables }: BlockContent): void {
    if (tables === undefined) return;
    for (const candidate of this.candidates) {
      if (candidate.usable !== 'not known yet') continue;
      const { sequences } = candidate.place.tables;
      const needed = TABLE_KINDS.some((kind) => {
        return sequences[kind] === 'one code' && tables[kind]!.mode === 'repeated';
      });
      candidate.usable = needed ? 'no' : 'yes';
    }
  }

  /** Those that are known to be of use. */
  usable(): Place[] {
    return this.candidates.filter(({ usable }) => usable === 'yes').map(({ place }) => place);
  }

  /** Tiny blocks make many places; half of them are as good. */
  private thinOut(): void {
    this.candidates = this.candidates.filter((_, index) => index % 2 === 0);
  }
}
