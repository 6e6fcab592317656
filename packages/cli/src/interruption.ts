import { EXIT } from './output/exit-status.js';

/** How each ends the work: the exit status, and what the message says. */
const ENDINGS = {
  SIGHUP: { status: EXIT.hungUp, word: 'the terminal is gone' },
  SIGINT: { status: EXIT.interrupted, word: 'interrupted' },
  SIGQUIT: { status: EXIT.quit, word: 'quit' },
  SIGTERM: { status: EXIT.terminated, word: 'terminated' },
} as const;

type InterruptingSignal = keyof typeof ENDINGS;

/** The signals that somebody gives; a SIGHUP comes by itself, and more than once. */
const ASKED = ['SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** A signal ended the work. */
export class Interrupted extends Error {
  readonly status: number;

  constructor(signal: InterruptingSignal) {
    const { status, word } = ENDINGS[signal];
    super(word);
    this.name = 'Interrupted';
    this.status = status;
  }
}

/** Whether an exit status is that of an interruption. */
export function isInterruption(status: number): boolean {
  return Object.values(ENDINGS).some((ending) => ending.status === status);
}

/**
 * The first signal lets the work clean up; when one is given once more, nothing catches it, and the process
 * ends at once. A terminal that goes away makes both the kernel and the shell send SIGHUP: that never ends
 * the cleaning up.
 */
export function listenForSignals(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals) => controller.abort(new Interrupted(name as InterruptingSignal));
  const onAsked = (name: NodeJS.Signals) => {
    ignoreAsked();
    abort(name);
  };
  const ignoreAsked = () => {
    for (const name of ASKED) process.off(name, onAsked);
  };
  for (const name of ASKED) process.on(name, onAsked);
  process.on('SIGHUP', abort);
  const stop = () => {
    ignoreAsked();
    process.off('SIGHUP', abort);
  };
  return { signal: controller.signal, stop };
}
