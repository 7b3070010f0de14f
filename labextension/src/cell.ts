/**
 * A cell's record in words: one line for everybody, a second for a careful reader.
 *
 * The same words as `jupyter_gpumon/report/words.py`, which says them wherever this extension is not there.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  ESTIMATE,
  energyText,
  footprintText,
  joules,
  netText,
  resolved,
  total,
  type ISay
} from './energy';
import { duration, quantity } from './format';
import type { ICell, IEnergy, IRepeats } from './schema';

type ByDevice = { readonly [device: string]: { readonly [metric: string]: number } };

/** Seconds below which being held back or waiting is not worth a word. */
const NOTABLE = 0.05;
/** Characters from which on a name is a cell's id, which tells a reader nothing. */
const ID = 12;

/** `4.13 kJ ±0.6 % · net 3.70 kJ · 12.4 s · mean 333 W · peak 512 W · 38.2 GB peak (+6.10 GB) · 91 % busy`. */
export function headline(cell: ICell, say: ISay): string {
  const { trans } = say;
  const names = used(cell);
  const measured = [
    costText(cell, say),
    names.length > 0 && netText(whole(cell), say),
    duration(cell.end - cell.start),
    ...perUnit(cell, say),
    ...powerTexts(cell, names, trans),
    memoryText(cell, names, trans),
    busyText(cell, names, trans)
  ];
  const parts = [
    cell.title,
    ...(cell.repeats
      ? [...repeatTexts(cell.repeats, say), memoryText(cell, names, trans)]
      : measured),
    names.length > 1 && trans.__('%1 GPUs', names.length),
    ...Object.entries(cell.metrics ?? {}).map(
      ([name, value]) => `${name} ${Number.isInteger(value) ? value : +value.toPrecision(6)}`
    )
  ];
  return parts.filter(Boolean).join(' · ');
}

/** What held it back, by which method, with whom it was shared, what is missing; empty where there is nothing to say. */
export function smallPrint(cell: ICell, say: ISay): string {
  const { trans } = say;
  const endings: Readonly<Record<string, string>> = {
    error: trans.__('ended with an error'),
    interrupted: trans.__('interrupted'),
    incomplete: trans.__('incomplete: its kernel ended before it')
  };
  const parts = [
    cell.final === false && trans.__('being completed'),
    cell.simulated && trans.__('simulated'),
    cell.status && cell.status !== 'ok' && (endings[cell.status] ?? cell.status),
    ...heldTexts(cell, trans),
    ...methodTexts(cell, trans),
    ...afterTexts(cell, say),
    ...hostTexts(cell, say),
    ...companyTexts(cell, say),
    cell.footprint && footprintText(cell.footprint, trans),
    ...(nothingKnown(cell) ? (cell.notes ?? []).slice(1) : (cell.notes ?? []))
  ];
  return parts.filter(Boolean).join(' · ');
}

/** `advice: The GPU waits for its input; … · %gpumon advise`; empty where there is none. */
export function adviceLine(cell: ICell, { trans }: ISay): string {
  const titles = [...new Set((cell.findings ?? []).map(({ title }) => title))];
  return titles.length ? trans.__('advice: %1 · %2', titles.join('; '), '%gpumon advise') : '';
}

/** Names of the devices that count; a record of old may name none and tell their energy all the same. */
export function used(cell: ICell): readonly string[] {
  const devices = cell.devices ?? [];
  return devices.length
    ? devices.filter(device => device.used !== false).map(device => device.name)
    : Object.keys(cell.energy ?? {});
}

/** Energies of the devices that count: those that were measured, or those that were only estimated. */
export function energiesOf(cell: ICell, estimated: boolean): readonly IEnergy[] {
  return used(cell)
    .map(name => cell.energy?.[name])
    .filter(energy => energy !== undefined)
    .filter(energy => (energy.method === ESTIMATE) === estimated);
}

/** What was measured; where nothing was, the estimate; an unknown energy where there is neither. */
export function whole(cell: ICell): IEnergy {
  const measured = energiesOf(cell, false);
  return total(measured.length ? measured : energiesOf(cell, true));
}

/** Whether nothing at all could be measured: its first note says why. */
function nothingKnown(cell: ICell): boolean {
  return !cell.devices?.length && !Object.keys(cell.energy ?? {}).length;
}

/** What the devices that count have used; where no device is known, why nothing was measured. */
function costText(cell: ICell, say: ISay): string {
  const { trans } = say;
  if (nothingKnown(cell)) {
    const reason = cell.notes?.[0] ?? trans.__('no GPU is known here');
    return trans.__('not measured: %1', reason.replace(/\.$/, ''));
  }
  if (!used(cell).length) {
    return trans.__('no GPU used');
  }
  const [measured, estimated] = [energiesOf(cell, false), energiesOf(cell, true)];
  return measured.length && estimated.length
    ? trans.__(
        '%1 and apart from it %2',
        energyText(total(measured), say),
        energyText(total(estimated), say)
      )
    : energyText(whole(cell), say);
}

function repeatTexts(found: IRepeats, say: ISay): readonly string[] {
  const { trans } = say;
  const windows = found.joules?.length ?? 0;
  const runs = trans.__('%1 runs', found.runs);
  return [
    trans.__('%1 per run', energyText({ ...found, joules: found.mean }, say)),
    found.deviation == null ? '' : trans.__('sd %1', joules(found.deviation, say.unit)),
    trans.__('%1 per run', duration(found.seconds)),
    (found.batch ?? 1) > 1 ? trans.__('%1 in %2 windows', runs, windows) : runs
  ];
}

/** `2.15 mJ per token`, for all that was counted. */
function perUnit(cell: ICell, say: ISay): readonly string[] {
  const energy = whole(cell);
  return Object.entries(cell.counts ?? {})
    .filter(([, number]) => number > 0 && resolved(energy))
    .map(([unit, number]) =>
      say.trans.__('%1 per %2', joules((energy.joules ?? 0) / number, say.unit), unit)
    );
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

function powerTexts(
  cell: ICell,
  names: readonly string[],
  trans: TranslationBundle
): readonly string[] {
  const mean = valuesOf(cell.mean, names, 'power');
  const peak = valuesOf(cell.peak, names, 'power');
  // The peaks of several GPUs need not coincide: their sum would be a power that never was.
  const single = mean.length > 0 && names.length === 1 && peak.length === 1;
  return [
    mean.length ? trans.__('mean %1', quantity(sumOf(mean), 'watts')) : '',
    single ? trans.__('peak %1', quantity(peak[0], 'watts')) : ''
  ];
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

function heldTexts(cell: ICell, trans: TranslationBundle): readonly string[] {
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

function methodTexts(cell: ICell, trans: TranslationBundle): readonly (string | false)[] {
  const known: Readonly<Record<string, string>> = {
    counter: trans.__('energy counter'),
    power: trans.__('integral of power readings'),
    estimate: trans.__('estimate')
  };
  const energies = [...energiesOf(cell, false), ...energiesOf(cell, true)];
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

/** What was drawn after the code had returned: within the window, and after it. */
function afterTexts(cell: ICell, { trans, unit }: ISay): readonly (string | false)[] {
  const { tail } = whole(cell);
  const late = total(Object.values(cell.background ?? {})).joules;
  return [
    !!tail &&
      (cell.waited ?? 0) >= NOTABLE &&
      trans.__('%1 of it after the code had returned', joules(tail, unit)),
    !!late && trans.__('%1 more after it, by what it left running', joules(late, unit))
  ];
}

function hostTexts(cell: ICell, say: ISay): readonly string[] {
  const energies = Object.values(cell.host_energy ?? {});
  return [false, true]
    .map(estimated => energies.filter(energy => (energy.method === ESTIMATE) === estimated))
    .filter(kind => kind.length)
    .map(kind => say.trans.__('CPU and memory %1', energyText(total(kind), say)));
}

function companyTexts(cell: ICell, { trans, unit }: ISay): readonly (string | false)[] {
  const count = Math.max(0, ...used(cell).map(name => cell.shared?.[name] ?? 0));
  const { others, unattributed } = whole(cell);
  const charged = [
    !!others && trans.__('%1 charged to others', joules(others, unit)),
    !!unattributed && trans.__('%1 to nobody', joules(unattributed, unit))
  ]
    .filter(Boolean)
    .join(', ');
  const theirs = charged
    ? trans.__('%1, not in these numbers', charged)
    : trans.__('theirs is in these numbers');
  const kernels = (cell.corunning ?? []).filter(name => name.length < ID);
  const cells = (cell.corunning ?? []).length - kernels.length;
  const beside = [
    ...kernels,
    cells > 0 &&
      trans._n('%1 other cell of this notebook', '%1 other cells of this notebook', cells)
  ].filter(Boolean);
  return [
    count > 0
      ? trans._n('shared with %1 other process: ', 'shared with %1 other processes: ', count) +
        theirs
      : charged,
    beside.length > 0 && trans.__('ran beside %1', beside.join(', '))
  ];
}
