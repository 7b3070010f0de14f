/**
 * A cell's record in words: one line for everybody, a second for a careful reader.
 *
 * The same words as `jupyter_gpumon/kernel/words.py`, which says them wherever this extension is not there.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { UNKNOWN, duration, quantity } from './format';
import type { ICell, IEnergy } from './schema';

type ByDevice = { readonly [device: string]: { readonly [metric: string]: number } };

/** Highest over lowest possible energy from which on a single number would pretend. */
const UNRESOLVED = 3;
/** Seconds below which being held back or waiting is not worth a word. */
const NOTABLE = 0.05;

/** `4.13 kJ ±0.6 % · 12.4 s · mean 333 W, peak 512 W · 38.2 GB peak (+6.10 GB) · 91 % busy`. */
export function headline(cell: ICell, trans: TranslationBundle): string {
  const names = used(cell);
  const cost = names.length
    ? energyText(total(energiesOf(cell, names)), trans)
    : trans.__('no GPU used');
  const parts = [
    cell.title,
    cost,
    duration(cell.end - cell.start),
    powerText(cell, names, trans),
    memoryText(cell, names, trans),
    busyText(cell, names, trans),
    names.length > 1 && trans.__('%1 GPUs', names.length)
  ];
  return parts.filter(Boolean).join(' · ');
}

/** What held it back, by which method, with whom it was shared, what is missing; empty where there is nothing to say. */
export function details(cell: ICell, trans: TranslationBundle): string {
  const endings: Readonly<Record<string, string>> = {
    error: trans.__('ended with an error'),
    interrupted: trans.__('interrupted')
  };
  const parts = [
    cell.final === false && trans.__('being completed'),
    cell.simulated && trans.__('simulated'),
    cell.status && cell.status !== 'ok' && (endings[cell.status] ?? cell.status),
    ...heldText(cell, trans),
    ...methodText(cell, trans),
    hostText(cell, trans),
    companyText(cell, trans),
    ...(cell.notes ?? [])
  ];
  return parts.filter(Boolean).join(' · ');
}

/** Each GPU's part, a row of text per GPU under a row of heads; empty where there is only one. */
export function eachGpu(cell: ICell, trans: TranslationBundle): readonly (readonly string[])[] {
  const devices = cell.devices ?? [];
  if (devices.length < 2) {
    return [];
  }
  const head = [
    trans.__('GPU'),
    trans.__('model'),
    trans.__('energy'),
    trans.__('mean power'),
    trans.__('busy'),
    trans.__('memory, peak')
  ];
  const rows = devices.map(({ name, model, used: counted }) => {
    const [mean, peak, energy] = [cell.mean?.[name], cell.peak?.[name], cell.energy?.[name]];
    return [
      counted === false ? trans.__('%1 (not used)', name) : name,
      model,
      energy ? energyText(energy, trans) : UNKNOWN,
      quantity(mean?.['power'], 'watts'),
      quantity(mean?.['utilization'], 'ratio'),
      quantity(peak?.['memory_used'], 'bytes')
    ];
  });
  return [head, ...rows];
}

function used(cell: ICell): readonly string[] {
  const devices = cell.devices ?? [];
  return devices.length
    ? devices.filter(device => device.used !== false).map(device => device.name)
    : Object.keys(cell.energy ?? {});
}

function energiesOf(cell: ICell, names: readonly string[]): readonly IEnergy[] {
  return names.map(name => cell.energy?.[name]).filter(energy => energy !== undefined);
}

/** The sum; `joules` is null where one of them is not resolved, `high` where one is unknown. */
function total(energies: readonly IEnergy[]): IEnergy {
  const sum = (values: readonly (number | null | undefined)[]): number | null =>
    values.length && values.every(value => value != null)
      ? values.reduce<number>((all, value) => all + (value ?? 0), 0)
      : null;
  return {
    joules: sum(energies.map(energy => energy.joules)),
    low: sum(energies.map(energy => energy.low ?? energy.joules)),
    high: sum(energies.map(energy => energy.high ?? energy.joules))
  };
}

/** `4.13 kJ ±0.6 %`, `≤ 18.0 J`, or that it is not known; never 0. */
function energyText({ joules, low, high }: IEnergy, trans: TranslationBundle): string {
  const most = high == null ? trans.__('energy unknown') : `≤ ${quantity(high, 'joules')}`;
  if (joules == null) {
    return most;
  }
  if (low == null || high == null || high <= low) {
    return quantity(joules, 'joules');
  }
  if (high > UNRESOLVED * low) {
    return most;
  }
  const percent = (50 * (high - low)) / joules;
  const digits = percent < 10 ? Number(percent.toPrecision(2)) : percent.toFixed(0);
  return `${quantity(joules, 'joules')} ±${digits} %`;
}

function valuesOf(
  part: ByDevice | undefined,
  names: readonly string[],
  metric: string
): readonly number[] {
  return names.map(name => part?.[name]?.[metric]).filter(value => value !== undefined);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function powerText(cell: ICell, names: readonly string[], trans: TranslationBundle): string {
  const mean = valuesOf(cell.mean, names, 'power');
  const peak = valuesOf(cell.peak, names, 'power');
  if (!mean.length) {
    return '';
  }
  const said = trans.__('mean %1', quantity(sumOf(mean), 'watts'));
  // The peaks of several GPUs need not coincide: their sum would be a power that never was.
  const single = names.length === 1 && peak.length === 1;
  return single ? trans.__('%1, peak %2', said, quantity(peak[0], 'watts')) : said;
}

function memoryText(cell: ICell, names: readonly string[], trans: TranslationBundle): string {
  const peak = valuesOf(cell.peak, names, 'memory_used');
  const rise = sumOf(valuesOf(cell.rise, names, 'memory_used'));
  if (!peak.length) {
    return '';
  }
  const grown = rise > 0 ? ` (+${quantity(rise, 'bytes')})` : '';
  return trans.__('%1 peak', quantity(sumOf(peak), 'bytes')) + grown;
}

function busyText(cell: ICell, names: readonly string[], trans: TranslationBundle): string {
  const busy = valuesOf(cell.mean, names, 'utilization');
  return busy.length ? trans.__('%1 busy', quantity(sumOf(busy) / busy.length, 'ratio')) : '';
}

function heldText(cell: ICell, trans: TranslationBundle): readonly string[] {
  const reasons: Readonly<Record<string, string>> = {
    held_power_cap: trans.__('power cap'),
    held_thermal: trans.__('heat'),
    held_hw_thermal: trans.__('heat (hardware)'),
    held_power_brake: trans.__('power brake'),
    held_sync_boost: trans.__('sync boost')
  };
  const names = used(cell);
  return Object.entries(reasons).flatMap(([metric, reason]) => {
    const longest = Math.max(0, ...valuesOf(cell.delta, names, metric));
    return longest >= NOTABLE
      ? [trans.__('%1 held it back for %2', reason, duration(longest))]
      : [];
  });
}

function methodText(cell: ICell, trans: TranslationBundle): readonly (string | false)[] {
  const known: Readonly<Record<string, string>> = {
    counter: trans.__('energy counter'),
    power: trans.__('integral of power readings'),
    estimate: trans.__('estimate')
  };
  const energies = energiesOf(cell, used(cell));
  const periods = (cell.devices ?? []).map(device =>
    device.used === false ? 0 : (device.counter_period ?? 0)
  );
  const period = Math.max(0, ...periods);
  const methods = [...new Set(energies.map(energy => energy.method ?? 'counter'))].sort();
  const unresolved = energies.filter(energy => energy.joules == null);
  const blind = unresolved.some(energy => energy.high == null);
  return [
    ...methods.map(
      method =>
        (known[method] ?? method) + (method === 'counter' && period ? `, ${duration(period)}` : '')
    ),
    blind && trans.__('no reading of the energy counter near it'),
    !blind && unresolved.length > 0 && trans.__('too short for the counter to resolve'),
    (cell.waited ?? 0) >= NOTABLE &&
      trans.__('%1 of it waiting for the GPU', duration(cell.waited ?? 0))
  ];
}

function hostText(cell: ICell, trans: TranslationBundle): string {
  const energies = Object.values(cell.host_energy ?? {});
  return energies.length ? trans.__('CPU and memory %1', energyText(total(energies), trans)) : '';
}

function companyText(cell: ICell, trans: TranslationBundle): string {
  const others = Math.max(0, ...used(cell).map(name => cell.shared?.[name] ?? 0));
  return others
    ? trans._n(
        'shared with %1 other process: theirs is in these numbers',
        'shared with %1 other processes: theirs is in these numbers',
        others
      )
    : '';
}
