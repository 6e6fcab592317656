import { type KeepRule, keepRules, type Retention, type RetentionEntry } from '../retention.js';

interface Marked {
  readonly entry: RetentionEntry;
  mark: string;
}

/**
 * A second implementation of the retention, for tests: each step as Proxmox describes it, with text for
 * periods, and nothing remembered that can be found again.
 */
export function slowMarks(group: readonly RetentionEntry[], retention: Retention): string[] {
  const all = group.map((entry): Marked => ({ entry, mark: entry.isProtected ? 'protected' : '' }));
  if (Object.values(retention).every((count) => count === 0)) {
    return all.map(({ mark }) => mark || 'keep');
  }
  for (const rule of keepRules) {
    if (retention[rule]) keepBy(rule, retention[rule], all);
  }
  return all.map(({ mark }) => mark || 'remove');
}

function keepBy(rule: KeepRule, count: number, all: readonly Marked[]): void {
  const period = ({ entry }: Marked) => periodName(rule, entry.ctime);
  const covered = all.filter(({ mark }) => mark === 'keep').map(period);
  const taken: string[] = [];
  for (const candidate of fromNewest(all)) {
    if (candidate.mark !== '' || covered.includes(period(candidate))) continue;
    const isNew = !taken.includes(period(candidate));
    if (isNew && taken.length === count) return;
    if (isNew) taken.push(period(candidate));
    candidate.mark = isNew ? 'keep' : 'remove';
  }
}

/** By looking for the newest that is left, again and again; of equal ones, the first. */
function fromNewest(all: readonly Marked[]): Marked[] {
  const left = [...all];
  const sorted: Marked[] = [];
  while (left.length > 0) {
    const newest = left.reduce((one, other) => (other.entry.ctime > one.entry.ctime ? other : one));
    sorted.push(...left.splice(left.indexOf(newest), 1));
  }
  return sorted;
}

/** `2024-03-12 06` for an hour, and so on; for a week, its Monday. */
function periodName(rule: KeepRule, seconds: number): string {
  const text = new Date(seconds * 1000).toLocaleString('sv-SE'); // 2024-03-12 06:00:00
  switch (rule) {
    case 'last':
      return String(seconds);
    case 'hourly':
      return text.slice(0, 13);
    case 'daily':
      return text.slice(0, 10);
    case 'weekly':
      return mondayBefore(text.slice(0, 10));
    case 'monthly':
      return text.slice(0, 7);
    case 'yearly':
      return text.slice(0, 4);
  }
}

function mondayBefore(date: string): string {
  const day = new Date(`${date}T12:00:00Z`);
  while (day.getUTCDay() !== 1) day.setUTCDate(day.getUTCDate() - 1);
  return day.toISOString().slice(0, 10);
}
