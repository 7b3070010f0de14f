/** The server's energy books as rows of a table: by notebook and by GPU, sorted as the user likes. */

import { PathExt } from '@jupyterlab/coreutils';
import { sensorText, total, type ISay } from './energy';
import type { IBook, IDevice, IDeviceBook, IEnergy, INotebookBook } from './schema';
import { label } from './words';

/** One notebook. */
export interface INotebookRow {
  readonly key: string;
  readonly title: string;
  readonly book: INotebookBook;
  /** The sum over its GPUs; null where nothing was measured. */
  readonly energy: IEnergy | null;
  /** What each GPU has of it, in joules, in the order of the GPUs. */
  readonly parts: readonly (readonly [IDevice, number])[];
}

/** What the table of notebooks is sorted by. */
export type Column = 'title' | 'cells' | 'energy';

/** An order: by this column, falling where `down`. */
export interface IOrder {
  readonly by: Column;
  readonly down: boolean;
}

/** Notebooks with cells, and those that are open; in this order, what was not measured last. */
export function notebookRows(
  book: IBook,
  devices: readonly IDevice[],
  { by, down }: IOrder,
  { trans }: ISay
): readonly INotebookRow[] {
  const rows = (book.notebooks ?? []).map((notebook, at): INotebookRow => {
    const energies = notebook.energy ?? {};
    return {
      key: notebook.notebook ?? notebook.kernel ?? String(at),
      title: notebook.notebook
        ? PathExt.basename(notebook.notebook, '.ipynb')
        : trans.__('without a name'),
      book: notebook,
      energy: Object.keys(energies).length ? total(Object.values(energies)) : null,
      parts: devices
        .filter(device => energies[device.uuid])
        .map(device => [device, energies[device.uuid].joules ?? 0] as const)
    };
  });
  const rank = ({ energy, book: { cells = 0 } }: INotebookRow): number =>
    by === 'cells' ? cells : (energy?.joules ?? -1);
  const compare = (one: INotebookRow, other: INotebookRow): number =>
    by === 'title' ? one.title.localeCompare(other.title) : rank(one) - rank(other);
  return rows.sort(
    (one, other) =>
      Number(!one.book.cells) - Number(!other.book.cells) ||
      (down ? -1 : 1) * compare(one, other) ||
      one.key.localeCompare(other.key)
  );
}

/** The other order by the same column, or the natural one by another: names rise, numbers fall. */
export function turned(order: IOrder, by: Column): IOrder {
  return { by, down: order.by === by ? !order.down : by !== 'title' };
}

/** All boards in one; null where none was read. */
export function together(book: IBook): IDeviceBook | null {
  const boards = Object.values(book.devices ?? {}).filter(board => board.joules != null);
  const sum = (pick: (board: IDeviceBook) => number | null | undefined): number =>
    boards.reduce((all, board) => all + (pick(board) ?? 0), 0);
  return boards.length
    ? {
        joules: sum(board => board.joules),
        cells: sum(board => board.cells),
        background: sum(board => board.background),
        idle: boards.some(board => board.idle != null) ? sum(board => board.idle) : null,
        rest: sum(board => board.rest)
      }
    : null;
}

/** How the boards measure, each way once: `GPU 0–7: counter, 100 ms, agrees with power within 0.4 %`. */
export function sensorLines(devices: readonly IDevice[], { trans }: ISay): readonly string[] {
  const found = new Map<string, IDevice[]>();
  for (const device of devices.filter(({ parent }) => !parent)) {
    const said = sensorText(device.sensor, null, trans);
    found.set(said, [...(found.get(said) ?? []), device]);
  }
  return [...found].map(([said, boards]) => `${namesOf(boards)}: ${said}`);
}

/** `GPU 0–7`, or `GPU 0, 2, 3`. */
function namesOf(boards: readonly IDevice[]): string {
  const at = boards.map(({ index }) => index);
  const last = at[at.length - 1];
  const row = at.length > 2 && last - at[0] === at.length - 1;
  return row ? `${label(boards[0])}–${last}` : `GPU ${at.join(', ')}`;
}
