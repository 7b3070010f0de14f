/** What happened to the GPUs lately: errors, gaps, a clock that was set. What repeats is one entry with a count. */

import type { IEvent } from './schema';
import type { IHappening } from './tokens';

/** Entries kept. */
const KEPT = 100;

/** Events oldest first, without cells, which are drawn as bands. */
export class Happenings {
  /** All of them; another array after each change. */
  get all(): readonly IHappening[] {
    return this._all;
  }

  /** Take in what has just happened. */
  note(event: IEvent): void {
    const last = this._all[this._all.length - 1];
    const again = last !== undefined && alike(last.event, event);
    const before = again ? this._all.slice(0, -1) : this._all;
    this._all = [...before, { event, count: again ? last.count + 1 : 1 }].slice(-KEPT);
  }

  /** Take in what the server remembers: another page saw it, or this one before it lost its connection. */
  fill(events: readonly IEvent[]): void {
    const known = (event: IEvent): boolean =>
      this._all.some(({ event: other }) => alike(other, event) && other.mono === event.mono);
    const missed = events.filter(event => !known(event)).map(event => ({ event, count: 1 }));
    this._all = [...this._all, ...missed]
      .sort((one, other) => one.event.mono - other.event.mono)
      .slice(-KEPT);
  }

  private _all: readonly IHappening[] = [];
}

function alike(one: IEvent, other: IEvent): boolean {
  return (
    one.kind === other.kind &&
    one.uuid === other.uuid &&
    one.code === other.code &&
    one.title === other.title
  );
}
