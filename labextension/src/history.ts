/**
 * What the charts draw from: per metric one track of rows, time in one typed array and each device's values in another.
 *
 * A row lasts `step` seconds. Rows more than three steps apart have a gap between them, and a gap is never bridged.
 */

/** A piece of a track as uPlot takes it: null where nothing is known. */
export interface IWindow {
  readonly time: number[];
  readonly columns: ReadonlyMap<string, (number | null)[]>;
}

/** Values of one metric over time, by device. */
export interface IRows {
  readonly time: readonly number[];
  readonly step: number;
  readonly columns: ReadonlyMap<string, readonly (number | null)[]>;
}

const FIRST_CAPACITY = 1024;
/** Seconds between the last row and the cut behind it. */
const MOMENT = 0.001;

/** One metric of all devices over `span` seconds; `step` 0 keeps every sample, else samples are averaged over it. */
export class Track {
  /** Keep `span` seconds, in rows of `step` seconds. */
  constructor(
    readonly span: number,
    readonly step = 0
  ) {}

  /** Number of rows. */
  get length(): number {
    return this._end - this._start;
  }

  /** Time of the newest row, or null. */
  get last(): number | null {
    return this.length ? this._time[this._end - 1] : null;
  }

  /** Add one sample that stands for `step` seconds. */
  push(time: number, step: number, values: ReadonlyMap<string, number | null>): void {
    const bucket = this.step ? (Math.floor(time / this.step) + 0.5) * this.step : time;
    const last = this.last;
    if (last !== null && this.step && Math.abs(bucket - last) < this.step / 2) {
      this._merge(values);
      return;
    }
    if (last !== null && bucket <= last) {
      this._forget(bucket); // the clock was set back: the newer reading holds
    }
    this._append(bucket, this.step || step, values);
  }

  /** Whoever told of this is gone: the line ends here, unless history says later how it went on. */
  cut(): void {
    const last = this.last;
    if (last !== null && !this.step) {
      this._append(last + MOMENT, 0, new Map());
    }
  }

  /** Put rows in their place: what was known of that stretch of time is replaced, what lies outside it stays. */
  fill(rows: IRows): void {
    if (!rows.time.length) {
      return;
    }
    const [first, last] = [rows.time[0], rows.time[rows.time.length - 1]];
    const [before, after] = [this._slice(-Infinity, first), this._slice(last, Infinity)];
    const went = after.filter(([, , values]) => [...values.values()].some(known)); // no cut: there is history up to it
    this._start = this._end = 0;
    this._columns.clear();
    before.forEach(row => this._append(...row));
    rows.time.forEach((time, at) => {
      const values = new Map<string, number | null>();
      rows.columns.forEach((column, uuid) => values.set(uuid, column[at] ?? null));
      this._append(time, rows.step, values);
    });
    went.forEach(row => this._append(...row));
  }

  /** The rows from `from` to `to` (Unix seconds) and one more on either side, with a null row in each gap. */
  window(from: number, to: number): IWindow {
    const first = Math.max(this._start, this._find(from) - 1);
    const end = Math.min(this._end, this._find(to) + 1);
    const [time, rows] = this._rows(first, end);
    const columns = new Map<string, (number | null)[]>();
    for (const [uuid, source] of this._columns) {
      columns.set(
        uuid,
        rows.map(at => (at < 0 || source[at] !== source[at] ? null : source[at])) // NaN is not equal to itself
      );
    }
    return { time, columns };
  }

  /** Times of these rows, and which row each is; -1 in a gap. */
  private _rows(first: number, end: number): [time: number[], rows: number[]] {
    const [time, rows]: [number[], number[]] = [[], []];
    for (let at = first; at < end; at++) {
      if (at > first && this._isGap(at)) {
        time.push(this._time[at - 1] + this._steps[at - 1]);
        rows.push(-1);
      }
      time.push(this._time[at]);
      rows.push(at);
    }
    return [time, rows];
  }

  private _isGap(at: number): boolean {
    return this._time[at] - this._time[at - 1] > 3 * Math.max(this._steps[at], this._steps[at - 1]);
  }

  private _find(time: number): number {
    let [low, high] = [this._start, this._end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._time[middle] < time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _slice(after: number, before: number): Row[] {
    const rows: Row[] = [];
    for (let at = this._start; at < this._end; at++) {
      if (this._time[at] > after && this._time[at] < before) {
        const values = new Map<string, number | null>();
        this._columns.forEach((column, uuid) => values.set(uuid, column[at]));
        rows.push([this._time[at], this._steps[at], values]);
      }
    }
    return rows;
  }

  private _merge(values: ReadonlyMap<string, number | null>): void {
    const at = this._end - 1;
    this._merged += 1;
    values.forEach((value, uuid) => {
      const column = this._column(uuid);
      if (value !== null) {
        column[at] = Number.isNaN(column[at])
          ? value
          : column[at] + (value - column[at]) / this._merged;
      }
    });
  }

  private _forget(from: number): void {
    this._end = this._find(from);
  }

  private _append(time: number, step: number, values: ReadonlyMap<string, number | null>): void {
    if (this._end === this._time.length) {
      this._makeRoom(time - this.span);
    }
    const at = this._end++;
    this._time[at] = time;
    this._steps[at] = step;
    this._columns.forEach(column => (column[at] = NaN));
    values.forEach((value, uuid) => (this._column(uuid)[at] = value ?? NaN));
    this._merged = 1;
  }

  private _column(uuid: string): Float32Array {
    let column = this._columns.get(uuid);
    if (!column) {
      column = new Float32Array(this._time.length).fill(NaN);
      this._columns.set(uuid, column);
    }
    return column;
  }

  private _makeRoom(oldest: number): void {
    const start = this._find(oldest);
    const kept = this._end - start;
    const capacity = kept > this._time.length / 2 ? this._time.length * 2 : this._time.length;
    this._time = moved(this._time, new Float64Array(capacity), start, this._end);
    this._steps = moved(this._steps, new Float32Array(capacity), start, this._end);
    this._columns.forEach((column, uuid) =>
      this._columns.set(uuid, moved(column, new Float32Array(capacity).fill(NaN), start, this._end))
    );
    [this._start, this._end] = [0, kept];
  }

  private _time = new Float64Array(FIRST_CAPACITY);
  private _steps = new Float32Array(FIRST_CAPACITY);
  private _columns = new Map<string, Float32Array>();
  private _start = 0;
  private _end = 0;
  private _merged = 1;
}

type Row = [time: number, step: number, values: ReadonlyMap<string, number | null>];

function known(value: number | null): boolean {
  return value !== null && !Number.isNaN(value);
}

function moved<T extends Float32Array | Float64Array>(
  source: T,
  target: T,
  start: number,
  end: number
): T {
  target.set(source.subarray(start, end));
  return target;
}

/** Turns the readings of a counter into its growth per second; unknown after a gap in it, or where it fell back. */
export class Rates {
  /** Growth per second of the counter `key` since its reading before; `at` is on a clock that never jumps. */
  next(key: string, value: number | null | undefined, at: number): number | null {
    const before = this._before.get(key);
    if (value == null) {
      return null;
    }
    if (before && at <= before.at) {
      this._before.set(key, { value, at });
      return null;
    }
    const grown =
      before && value >= before.value ? (value - before.value) / (at - before.at) : null;
    this._before.set(key, { value, at });
    return grown;
  }

  /** Forget all readings: the machine, its clock or the driver is another one. */
  clear(): void {
    this._before.clear();
  }

  private _before = new Map<string, { value: number; at: number }>();
}

/** A counter's column as growth per second between its rows. */
export function derived(
  time: readonly number[],
  column: readonly (number | null)[]
): (number | null)[] {
  const rates = new Rates();
  return column.map((value, at) => rates.next('', value, time[at]));
}
