/** What has been done, to be undone in reverse order. */
export class UndoStack {
  private readonly steps: (() => Promise<void>)[] = [];

  /** To be called as soon as there is something to undo, so before what may fail half-way. */
  defer(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  /** Undoes everything, whatever fails meanwhile. There is nothing to do the second time. */
  async run(onFailure: (error: unknown) => void): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      await step().catch(onFailure);
    }
  }
}
