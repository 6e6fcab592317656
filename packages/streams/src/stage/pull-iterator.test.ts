import { describe, expect, it } from 'vitest';
import { expandedItems, observedItems, type Pulled, PullIterator } from './pull-iterator.js';

interface Item {
  readonly number: number;
}

/** Items 1 to `count`, every other one behind a promise; tells what is asked of it. */
function numbered(count: number, log: string[] = []): PullIterator<Item> {
  let number = 0;
  return new PullIterator<Item>({
    pull(): Pulled<Item> {
      log.push('pull');
      const item = number < count ? { number: ++number } : undefined;
      return number % 2 === 0 ? Promise.resolve(item) : item;
    },
    close() {
      log.push('close');
    },
  });
}

async function numbersOf(items: AsyncIterable<Item>): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { number } of items) numbers.push(number);
  return numbers;
}

describe('a sequence', () => {
  it('gives what is at hand without a promise', async () => {
    const sequence = numbered(2);
    expect(sequence.pull()).toEqual({ number: 1 });
    const second = sequence.pull();
    expect(second).toBeInstanceOf(Promise);
    expect(await second).toEqual({ number: 2 });
    expect(await sequence.pull()).toBeUndefined();
    await sequence.close();
  });

  it('is iterated over as anything else, and closed behind its end', async () => {
    const log: string[] = [];
    expect(await numbersOf(numbered(3, log))).toEqual([1, 2, 3]);
    expect(log).toEqual(['pull', 'pull', 'pull', 'pull', 'close']);
  });

  it('comes in runs of what is at hand, and is closed behind the last', async () => {
    const log: string[] = [];
    const runs: number[][] = [];
    for await (const run of numbered(5, log).runs()) runs.push([...run].map(({ number }) => number));
    expect(runs).toEqual([[1], [2, 3], [4, 5]]);
    expect(log).toEqual([...Array.from({ length: 6 }, () => 'pull'), 'close']);
  });

  it('is closed when its runs are left, be it in the middle of one', async () => {
    const log: string[] = [];
    const readTo = async (last: number) => {
      for await (const run of numbered(9, log).runs()) {
        for (const { number } of run) if (number === last) return;
      }
    };
    await readTo(2);
    expect(log).toEqual(['pull', 'pull', 'close']);
  });

  it.each([1, 2, 3, 4])('is closed when item %i cannot be had, and the runs fail with why', async (bad) => {
    const log: string[] = [];
    const good = numbered(9);
    let number = 0;
    const failing = new PullIterator<Item>({
      pull() {
        if (++number === bad) throw new Error('no more');
        if (number === bad + 1) throw new Error('asked again');
        return good.pull();
      },
      close: () => void log.push('close'),
    });
    await expect(async () => {
      for await (const run of failing.runs()) for (const _ of run);
    }).rejects.toThrow('no more');
    expect(log).toEqual(['close']);
  });

  it('is closed when the loop is left', async () => {
    const log: string[] = [];
    for await (const { number } of numbered(3, log)) if (number === 2) break;
    expect(log).toEqual(['pull', 'pull', 'close']);
  });

  it('is closed once, and over then', async () => {
    const log: string[] = [];
    const sequence = numbered(3, log);
    await sequence.close();
    await sequence.close();
    expect(sequence.pull()).toBeUndefined();
    expect(await sequence.next()).toEqual({ done: true, value: undefined });
    expect(log).toEqual(['close']);
  });

  it('is closed when it fails, and the failure is told', async () => {
    for (const fail of [() => Promise.reject(new Error('failed')), () => throwError()]) {
      let closed = 0;
      const sequence = new PullIterator<Item>({ pull: fail, close: () => void closed++ });
      await expect(numbersOf(sequence)).rejects.toThrow('failed');
      expect(closed).toBe(1);
    }
  });

  it('tells of the next item, which stays the next', async () => {
    const sequence = numbered(2);
    expect(await sequence.peek()).toEqual({ number: 1 });
    expect(await sequence.peek()).toEqual({ number: 1 });
    expect(await numbersOf(sequence)).toEqual([1, 2]);
    expect(await sequence.peek()).toBeUndefined();
    expect(await numbered(0).peek()).toBeUndefined();
  });

  it.each(['at hand', 'behind a promise'])('does not ask again for what has ended: %s', async (where) => {
    let asked = 0;
    const pull = (): Pulled<Item> => {
      if (++asked > 1) throw new Error('is over');
      return where === 'at hand' ? undefined : Promise.resolve(undefined);
    };
    const ended = () => new PullIterator<Item>({ pull, close() {} });
    const ways: Record<string, (sequence: PullIterator<Item>) => unknown> = {
      pull: (sequence) => sequence.pull(),
      peek: (sequence) => sequence.peek(),
      next: async (sequence) => (await sequence.next()).value,
    };
    for (const first of Object.values(ways)) {
      for (const then of Object.values(ways)) {
        asked = 0;
        const sequence = observedItems(ended(), () => {});
        expect(await first(sequence)).toBeUndefined();
        expect(await then(sequence)).toBeUndefined();
        expect(asked).toBe(1);
      }
    }
  });

  it('is not closed while an item is on its way', async () => {
    const log: string[] = [];
    let arrive = (_item: Item): void => {};
    const sequence = new PullIterator<Item>({
      pull: () => new Promise<Item>((resolve) => (arrive = resolve)),
      close: () => void log.push('closed'),
    });
    const pulled = sequence.next().then(() => log.push('arrived'));
    const closing = sequence.close();
    arrive({ number: 1 });
    await Promise.all([pulled, closing]);
    expect(log).toEqual(['arrived', 'closed']);
  });

  it('is made of any items, and stays what it is', async () => {
    const items = [{ number: 1 }, { number: 2 }];
    async function* generated() {
      yield* items;
    }
    expect(await numbersOf(PullIterator.of(items))).toEqual([1, 2]);
    expect(await numbersOf(PullIterator.of(generated()))).toEqual([1, 2]);
    const sequence = numbered(1);
    expect(PullIterator.of(sequence)).toBe(sequence);
  });

  it('closes what it is made of', async () => {
    let left = false;
    async function* generated() {
      try {
        yield { number: 1 };
        yield { number: 2 };
      } finally {
        left = true;
      }
    }
    for await (const _ of PullIterator.of(generated())) break;
    expect(left).toBe(true);
  });

  it('can be had later', async () => {
    const log: string[] = [];
    const sequence = PullIterator.later(async () => numbered(3, log));
    expect(await numbersOf(sequence)).toEqual([1, 2, 3]);
    expect(log.at(-1)).toBe('close');
    await PullIterator.later(() => Promise.reject(new Error('must not be opened'))).close();
  });
});

describe('observed items', () => {
  it('are shown before they are passed on, and their end is told', async () => {
    const log: string[] = [];
    const observed = observedItems(
      numbered(3),
      ({ number }) => log.push(`${number}`),
      () => log.push('end'),
    );
    expect(await numbersOf(observed)).toEqual([1, 2, 3]);
    expect(log).toEqual(['1', '2', '3', 'end']);
  });
});

describe('expanded items', () => {
  it('are any number for each item, at once or later, and for the end', async () => {
    const expanded = expandedItems(numbered(4), (item) => {
      if (item === undefined) return [{ number: 90 }, { number: 91 }];
      const made = Array.from({ length: item.number - 1 }, (_, at) => ({ number: item.number * 10 + at }));
      return item.number === 3 ? Promise.resolve(made) : made;
    });
    expect(await numbersOf(expanded)).toEqual([20, 30, 31, 40, 41, 42, 90, 91]);
  });

  it('may be none for many, without a call within a call for each', async () => {
    const items = Array.from({ length: 100_000 }, (_, number) => ({ number }));
    expect(await numbersOf(expandedItems(items, () => []))).toEqual([]);
  });

  it('let go of what they are made of', async () => {
    const log: string[] = [];
    for await (const _ of expandedItems(numbered(3, log), (item) => (item ? [item] : []))) break;
    expect(log).toEqual(['pull', 'close']);
  });
});

function throwError(): never {
  throw new Error('failed');
}
