import type { Inode, Owner } from './restore-inode.js';

/** What is known of a file that was made just now. */
export interface FreshFile {
  readonly owner: Owner;
  /** Whether it may have got an ACL from its directory. */
  readonly hasAcl: boolean;
}

/**
 * What the system gives to new files in a directory, as the first of them tells, so that others need not be
 * asked.
 */
export class NewFiles {
  /** Who owns them depends on set-group-id and mount options. */
  private first: FreshFile | undefined;
  /**
   * The mode that the last one was made with and got. The process's umask and mount options have a say in
   * that.
   */
  private mode: number | undefined;
  private keepsModes = true;

  /** @param haveAcl whether they get an ACL by themselves */
  constructor(readonly haveAcl: boolean) {}

  /** `undefined` while there is none that could tell. */
  get known(): FreshFile | undefined {
    return this.first;
  }

  /** @param inode a new one */
  ask(inode: Inode): FreshFile {
    if (this.first === undefined) {
      const { uid, gid } = inode.status();
      this.first = { owner: { uid, gid }, hasAcl: this.haveAcl };
    }
    return this.first;
  }

  /** Whether it is any use to make one with the mode that it is to have. */
  get mayHaveModes(): boolean {
    return this.keepsModes;
  }

  /** Whether one that was made with a mode has got it. */
  hasMode(inode: Inode, mode: number): boolean {
    if (mode === this.mode) return true;
    this.keepsModes = inode.status().mode === mode;
    this.mode = this.keepsModes ? mode : undefined;
    return this.keepsModes;
  }

  forgetMode(): void {
    this.mode = undefined;
  }
}
