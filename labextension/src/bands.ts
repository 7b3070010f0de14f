/** The cells that were measured, as stretches of time to draw behind the charts. */

import { PathExt } from '@jupyterlab/coreutils';
import type { ICell, IEvent } from './schema';
import type { IBand } from './tokens';

/** Bands kept. */
const KEPT = 300;

/** Measured cells by their start, oldest first; a completed record takes the place of its draft. */
export class Bands {
  /** All of them; another array after each change. */
  get all(): readonly IBand[] {
    return this._all;
  }

  /** Take a `cell` event in. */
  note(event: IEvent): void {
    this._add([{ from: event.time, to: event.until ?? event.time, title: named(event.title) }]);
  }

  /** Take the server's records in. */
  fill(cells: readonly ICell[]): void {
    this._add(
      cells.map(cell => ({
        from: cell.start,
        to: cell.end,
        title: named(cell.title || cell.notebook || 'Cell')
      }))
    );
  }

  private _add(bands: readonly IBand[]): void {
    const byStart = new Map([...this._all, ...bands].map(band => [band.from, band]));
    this._all = [...byStart.values()].sort((a, b) => a.from - b.from).slice(-KEPT);
  }

  private _all: readonly IBand[] = [];
}

function named(title: string): string {
  return title.endsWith('.ipynb') ? PathExt.basename(title, '.ipynb') : title;
}
