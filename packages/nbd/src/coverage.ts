interface Part {
  readonly start: number;
  readonly end: number;
}

/** Which parts of a range have come. In the usual order they merge into one part at once. */
export class Coverage {
  /** Sorted, disjoint, no two adjacent. */
  private readonly parts: Part[] = [];

  constructor(
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** @returns whether the part lies within the range, is not empty and meets nothing that came before. */
  add(start: number, end: number): boolean {
    if (start < this.start || end > this.end || start >= end) return false;
    let index = this.parts.length;
    while (index > 0 && this.parts[index - 1]!.start >= end) index--;
    const before = this.parts[index - 1];
    const after = this.parts[index];
    if (before !== undefined && before.end > start) return false;
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    const joined = { start: joinsBefore ? before.start : start, end: joinsAfter ? after.end : end };
    this.parts.splice(index - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), joined);
    return true;
  }

  get complete(): boolean {
    const [first] = this.parts;
    return first !== undefined && first.start === this.start && first.end === this.end;
  }
}
