import { expect, test } from 'vitest';
import { Contexts } from './contexts.js';

/** Contexts that are numbers, and what became of them. */
function counted(threads: number, signal?: AbortSignal) {
  const made: number[] = [];
  const freed: number[] = [];
  const create = () => {
    made.push(made.length);
    return made.length - 1;
  };
  return { contexts: new Contexts(threads, signal, create, (one) => freed.push(one)), made, freed };
}

/** Work that goes on until it is told to end. */
function lasting() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { end, work: async () => ended };
}

const turn = () => new Promise(setImmediate);

test('so many calls at a time, each with a context of its own, which the next ones take over', async () => {
  const { contexts, made } = counted(2);
  let [running, most] = [0, 0];
  const work = async (context: number) => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    return context;
  };
  const used = await Promise.all(Array.from({ length: 10 }, () => contexts.run([], work)));
  expect(new Set(used)).toEqual(new Set([0, 1]));
  expect([most, made.length]).toEqual([2, 2]);
});

test('closing frees what is idle at once, and what is in use when it is through', async () => {
  const { contexts, freed } = counted(2);
  const { end, work } = lasting();
  const running = contexts.run([], work);
  await contexts.run([], async () => {});
  contexts.close();
  expect(freed).toEqual([1]);
  end();
  await running;
  expect(freed).toEqual([1, 0]);
  await expect(contexts.run([], work)).rejects.toThrow('closed');
});

test('an abort is not waited for, but the call is let finish before its context goes', async () => {
  const controller = new AbortController();
  const { contexts, freed } = counted(1, controller.signal);
  const { end, work } = lasting();
  const running = contexts.run([], work);
  controller.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  expect(() => contexts.run([], work)).toThrow('enough');
  contexts.close();
  expect(freed).toEqual([]);
  end();
  await turn();
  expect(freed).toEqual([0]);
});

test('work that fails gives its context back', async () => {
  const { contexts, made } = counted(1);
  await expect(contexts.run([], () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await contexts.run([], async (context) => context)).toBe(0);
  expect(made).toEqual([0]);
});
