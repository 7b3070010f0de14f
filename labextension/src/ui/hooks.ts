/** What a view follows: the preferences, the pause, and the stream while it is visible. */

import { useEffect, useMemo, useState } from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import type { Pause } from '../pause';
import { RequestError, request } from '../request';
import type { IBooks } from '../schema';
import type { IAlerts, IBand, IDemand, IGpuModel, IGpuMon, IPreferences } from '../tokens';

/** Metrics shown as numbers in cards and lines. */
const VALUES = [
  'utilization',
  'memory_used',
  'power',
  'power_limit',
  'temperature',
  'clock_sm',
  'clock_events'
];
/** Stands in for the utilization that the driver does not give while a board is split. */
const MIG_VALUES = ['graphics_activity', 'sm_activity'];

/** The preferences, followed. */
export function usePreferences({ preferences }: IGpuMon): IPreferences {
  const [current, setCurrent] = useState(preferences.current);
  useEffect(() => {
    const update = (): void => setCurrent(preferences.current);
    preferences.changed.connect(update);
    update();
    return () => void preferences.changed.disconnect(update);
  }, [preferences]);
  return current;
}

/** The moment at which all views hold still, or null. */
export function usePause(pause: Pause): number | null {
  const [since, setSince] = useState(pause.since);
  useEffect(() => {
    const update = (): void => setSince(pause.since);
    pause.changed.connect(update);
    update();
    return () => void pause.changed.disconnect(update);
  }, [pause]);
  return since;
}

/** Milliseconds between two looks at the energy books. */
const BOOKS = 5000;

/** The energy books, asked for again while active, and soon after each measured cell; or why there are none. */
export function useBooks(
  settings: ServerConnection.ISettings,
  active: boolean,
  cells: readonly IBand[]
): { readonly books: IBooks | null; readonly trouble: string } {
  const { answer, trouble } = useAnswer<IBooks>('ledger', BOOKS, settings, active, cells);
  return { books: answer, trouble };
}

/** A route's answer, asked for every so many milliseconds while active, and at once when `fresh` is another; or why not. */
export function useAnswer<T>(
  route: string,
  every: number,
  settings: ServerConnection.ISettings,
  active: boolean,
  fresh: unknown
): { readonly answer: T | null; readonly trouble: string } {
  const [text, setText] = useState('');
  const [trouble, setTrouble] = useState('');
  const answer = useMemo(() => (text ? (JSON.parse(text) as T) : null), [text]);
  useEffect(() => {
    let gone = false;
    const ask = (): void => {
      if (document.hidden) {
        return;
      }
      request(route, {}, settings)
        .then(response => response.text())
        .then(
          said => !gone && (setText(said), setTrouble('')),
          (error: Error) => !gone && setTrouble(reasonOf(error))
        );
    };
    const timer = active ? window.setInterval(ask, every) : 0;
    if (active) {
      ask();
    }
    return () => {
      gone = true;
      window.clearInterval(timer);
    };
  }, [route, every, settings, active, fresh]);
  return { answer, trouble };
}

function reasonOf(error: Error): string {
  return error instanceof RequestError ? error.words : error.message;
}

/** Milliseconds between two looks at the alerts; what fires and what is over comes with the stream. */
const ALERTS = 10_000;

/** The alerts, drawn again at each change and each second; asked for anew while active. */
export function useAlerts(model: IGpuModel, active: boolean): IAlerts {
  const [, setCount] = useState(0);
  const book = model.alerts;
  useTicks(model, active);
  useEffect(() => {
    const changed = (): void => setCount(count => count + 1);
    book.changed.connect(changed);
    return () => void book.changed.disconnect(changed);
  }, [book]);
  useEffect(() => {
    if (!active) {
      return;
    }
    void book.ask();
    const timer = window.setInterval(() => document.hidden || void book.ask(), ALERTS);
    return () => window.clearInterval(timer);
  }, [book, active]);
  return book;
}

/** Take part in the stream while visible; `drawn` is null where only its state is shown. */
export function useWatch(
  model: IGpuModel,
  visible: boolean,
  range: number,
  drawn: readonly string[] | null
): void {
  const mig = model.devices.some(device => device.mig || device.parent);
  useEffect(() => {
    if (!visible) {
      return;
    }
    const all = drawn !== null;
    const demand: IDemand = {
      range,
      metrics: drawn ? [...new Set(['utilization', ...drawn])] : [],
      values: !drawn ? [] : mig ? [...VALUES, ...MIG_VALUES] : VALUES,
      processes: all,
      host: all
    };
    const watch = model.watch(demand);
    return () => watch.dispose();
  }, [model, visible, range, drawn?.join(), mig]);
}

/** Draw again at each tick while active. */
export function useTicks(model: IGpuModel, active: boolean): void {
  const [, setCount] = useState(0);
  useEffect(() => {
    if (!active) {
      return;
    }
    const tick = (): void => setCount(count => count + 1);
    model.ticked.connect(tick);
    tick();
    return () => void model.ticked.disconnect(tick);
  }, [model, active]);
}
