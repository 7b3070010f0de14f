/** What a view follows: the preferences, the pause, and the stream while it is visible. */

import { useEffect, useState } from 'react';
import type { Pause } from '../pause';
import type { IDemand, IGpuModel, IGpuMon, IPreferences } from '../tokens';

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

/** Take part in the stream while visible. */
export function useWatch(
  model: IGpuModel,
  visible: boolean,
  range: number,
  metrics: readonly string[]
): void {
  const mig = model.devices.some(device => device.mig || device.parent);
  useEffect(() => {
    if (!visible) {
      return;
    }
    const demand: IDemand = {
      range,
      metrics: [...new Set(['utilization', ...metrics])],
      values: mig ? [...VALUES, ...MIG_VALUES] : VALUES,
      processes: true,
      host: true
    };
    const watch = model.watch(demand);
    return () => watch.dispose();
  }, [model, visible, range, metrics.join(), mig]);
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
