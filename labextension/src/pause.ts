/** Whether the views hold still: one switch for all of them, for the button in each and for the command. */

import { Signal, type ISignal } from '@lumino/signaling';

/** The moment at which all views hold still, or none. */
export class Pause {
  /** Unix time at which the views stopped; null while they move. */
  get since(): number | null {
    return this._since;
  }

  /** Emitted when the views stop and when they go on. */
  get changed(): ISignal<Pause, void> {
    return this._changed;
  }

  /** Hold still at `now`, or go on. */
  toggle(now: number): void {
    this._since = this._since === null ? now : null;
    this._changed.emit();
  }

  private readonly _changed = new Signal<Pause, void>(this);
  private _since: number | null = null;
}
