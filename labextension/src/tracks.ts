/** All tracks that the views draw from: one per metric and resolution, kept from when a view first wants it. */

import { scaleOf } from './format';
import { Rates, Track, derived, type IWindow } from './history';
import { METRICS, type IColumns, type IGpu, type IHost } from './schema';
import type { IDemand } from './tokens';

/** Seconds of history that come with the first message; ranges up to it share their rows. */
export const HISTORY = 600;
/** Rows that a long range is drawn with. */
export const POINTS = 360;
const NOTHING: IWindow = { time: [], columns: new Map() };

/** A reading with its metrics by name. */
export type Numbers = Readonly<Record<string, number | null | undefined>>;

/** The history of the metrics that are drawn. */
export class Tracks {
  /** Have a track for each metric that is drawn and no others; returns, by range, the metrics that are new. */
  keep(demands: readonly IDemand[]): ReadonlyMap<number, readonly string[]> {
    const wanted = new Map(
      demands.flatMap(({ metrics, range }) =>
        metrics.map(metric => [key(metric, range), Math.max(range, HISTORY)] as const)
      )
    );
    [...this._tracks.keys()]
      .filter(name => !wanted.has(name))
      .forEach(name => this._tracks.delete(name));
    const fresh = new Map<number, string[]>();
    wanted.forEach((range, name) => {
      if (!this._tracks.has(name)) {
        this._tracks.set(name, newTrack(range));
        fresh.set(range, [...(fresh.get(range) ?? []), unkey(name)[0]]);
      }
    });
    return fresh;
  }

  /** A metric over a stretch of time, at the resolution of `range`. */
  window(metric: string, range: number, from: number, to: number): IWindow {
    return this._tracks.get(key(metric, range))?.window(from, to) ?? NOTHING;
  }

  /** Take these columns over. */
  fill(columns: IColumns, range: number, metrics: readonly string[]): void {
    for (const metric of metrics) {
      const found = new Map<string, readonly (number | null)[]>();
      const derive = METRICS[metric] && scaleOf(METRICS[metric]).derive;
      for (const [uuid, gpu] of Object.entries(columns.gpus)) {
        if (gpu[metric]) {
          found.set(uuid, derive ? derived(columns.time, gpu[metric]) : gpu[metric]);
        }
      }
      this._tracks.get(key(metric, range))?.fill({ ...columns, columns: found });
    }
  }

  /** Take a new connection's history over; returns, by range, the metrics that it does not hold. */
  catchUp(history: IColumns): ReadonlyMap<number, readonly string[]> {
    const given = new Set(Object.values(history.gpus).flatMap(gpu => Object.keys(gpu)));
    const missing = new Map<number, string[]>();
    for (const name of this._tracks.keys()) {
      const [metric, range] = unkey(name);
      if (range <= HISTORY && given.has(metric)) {
        this.fill(history, range, [metric]);
      } else {
        missing.set(range, [...(missing.get(range) ?? []), metric]);
      }
    }
    return missing;
  }

  /** The connection is gone: no line goes on before there is history, or a new reading. */
  cut(): void {
    this._tracks.forEach(track => track.cut());
  }

  /** Add the latest readings, which stand for `interval` seconds. */
  push(time: number, interval: number, gpus: ReadonlyMap<string, IGpu>): void {
    for (const [name, track] of this._tracks) {
      const [metric] = unkey(name);
      const values = new Map<string, number | null>();
      gpus.forEach((gpu, uuid) => values.set(uuid, (gpu as unknown as Numbers)[metric] ?? null));
      track.push(time, interval, values);
    }
  }

  private readonly _tracks = new Map<string, Track>();
}

/** Short ranges share their rows; a long one has its own, at its own resolution. */
function key(metric: string, range: number): string {
  return `${metric}@${Math.max(range, HISTORY)}`;
}

function unkey(name: string): [metric: string, range: number] {
  const [metric, range] = name.split('@');
  return [metric, Number(range)];
}

function newTrack(range: number): Track {
  return range <= HISTORY ? new Track(1.5 * HISTORY) : new Track(range, range / POINTS);
}

/** The same reading with each counter that is shown as a rate replaced by its growth per second. */
export function grown<T extends IGpu | IHost>(
  reading: T,
  catalogue: typeof METRICS,
  owner: string,
  mono: number,
  rates: Rates
): T {
  const changed: Record<string, number | null> = {};
  for (const name of Object.keys(reading)) {
    if (catalogue[name] && scaleOf(catalogue[name]).derive) {
      changed[name] = rates.next(`${owner} ${name}`, (reading as unknown as Numbers)[name], mono);
    }
  }
  return { ...reading, ...changed };
}

const SLOW = Object.values(METRICS)
  .filter(metric => metric.tier === 'slow')
  .map(metric => metric.name);

/** Slow metrics come seldom: between two looks the last one holds. */
export function held(reading: IGpu, before: IGpu | undefined): IGpu {
  const [now, then] = [reading as unknown as Numbers, (before ?? {}) as unknown as Numbers];
  const kept = SLOW.filter(metric => now[metric] == null && then[metric] != null);
  return { ...reading, ...Object.fromEntries(kept.map(metric => [metric, then[metric]])) };
}
