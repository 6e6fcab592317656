import { ArchiveError, type ByteSource, FileSource } from '@vzdump-format/streams';

/** The file with the contents of a split archive, which is opened when somebody asks for it. */
export class PayloadFile {
  private opened: Promise<ByteSource> | undefined;

  /** @param asRead what is made of the source: one with a limit */
  constructor(
    private readonly path: string,
    private readonly asRead: (source: ByteSource) => ByteSource,
  ) {}

  /** @throws `PAYLOAD_NOT_FOUND`, the system's error */
  readonly open = (): Promise<ByteSource> => {
    this.opened ??= FileSource.open(this.path).then(this.asRead, (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw new ArchiveError(
        'PAYLOAD_NOT_FOUND',
        `${this.path} is not there, in which the contents of the archive are`,
        {
          entry: this.path,
          hint: 'name the file with its contents (.ppxar) with --payload',
        },
      );
    });
    return this.opened;
  };

  async close(): Promise<void> {
    await this.opened?.then(
      (source) => source.close(),
      () => {},
    );
  }
}
