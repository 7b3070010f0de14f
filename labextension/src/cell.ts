/** A cell's record in words. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { duration, quantity } from './format';
import type { ICell, IEnergy } from './schema';

type ByDevice = { readonly [device: string]: { readonly [metric: string]: number } };

/** `4.13 kJ ±0.6 % · 12.4 s · mean 333 W, peak 512 W · 38.2 GB peak (+6.1 GB) · 91 % busy`. */
export function headline(cell: ICell, trans: TranslationBundle): string {
  const power = [
    total(cell.mean, 'power', value => trans.__('mean %1', quantity(value, 'watts'))),
    total(cell.peak, 'power', value => trans.__('peak %1', quantity(value, 'watts')))
  ].filter(Boolean);
  const parts = [
    energyText(Object.values(cell.energy ?? {})),
    duration(cell.end - cell.start),
    power.join(', '),
    memoryText(cell, trans),
    total(cell.mean, 'utilization', value => trans.__('%1 busy', quantity(value, 'ratio')), true)
  ];
  const marks = [
    cell.status === 'error' && trans.__('failed'),
    cell.status === 'interrupted' && trans.__('interrupted'),
    cell.simulated && trans.__('simulated')
  ];
  return [cell.title, ...parts, ...marks].filter(Boolean).join(' · ');
}

/** What held it back, how it was measured, and what else was noted; empty where there is nothing to say. */
export function details(cell: ICell, trans: TranslationBundle): string {
  const methods = [
    ...new Set(Object.values(cell.energy ?? {}).map(energy => energy.method ?? 'counter'))
  ];
  const names: Readonly<Record<string, string>> = {
    counter: trans.__('energy counter'),
    power: trans.__('integral of power'),
    estimate: trans.__('estimate')
  };
  const parts = [
    ...heldText(cell, trans),
    ...Object.keys(cell.shared ?? {}).map(device => trans.__('%1 was shared with others', device)),
    (cell.xids?.length ?? 0) > 0 && trans.__('XID %1', cell.xids?.join(', ')),
    methods.map(method => names[method] ?? method).join(', '),
    hostText(cell, trans),
    ...(cell.notes ?? []),
    cell.final === false && trans.__('still being completed')
  ];
  return parts.filter(Boolean).join(' · ');
}

function heldText(cell: ICell, trans: TranslationBundle): readonly string[] {
  const reasons: Readonly<Record<string, string>> = {
    held_power_cap: trans.__('power cap'),
    held_sync_boost: trans.__('sync boost'),
    held_thermal: trans.__('heat'),
    held_hw_thermal: trans.__('heat (hardware)'),
    held_power_brake: trans.__('power brake')
  };
  return Object.entries(reasons)
    .map(([metric, reason]) => {
      const longest = Math.max(
        0,
        ...Object.values(cell.delta ?? {}).map(device => device[metric] ?? 0)
      );
      return longest > 0.05 ? trans.__('%1 held it back for %2', reason, duration(longest)) : '';
    })
    .filter(Boolean);
}

function hostText(cell: ICell, trans: TranslationBundle): string {
  const energies = Object.values(cell.host_energy ?? {}).filter(energy => energy.joules != null);
  return energies.length ? trans.__('host %1', energyText(energies)) : '';
}

/** `4.13 kJ ±0.6 %`, or `≤ 18 J` where no more can be said. */
function energyText(energies: readonly IEnergy[]): string {
  if (!energies.length) {
    return '';
  }
  const sum = (pick: (energy: IEnergy) => number | null | undefined): number =>
    energies.reduce((all, energy) => all + (pick(energy) ?? 0), 0);
  if (energies.every(energy => energy.joules == null)) {
    return energies.some(energy => energy.high != null)
      ? `≤ ${quantity(
          sum(energy => energy.high),
          'joules'
        )}`
      : '';
  }
  const joules = sum(energy => energy.joules ?? energy.high);
  const half =
    (sum(energy => energy.high ?? energy.joules) - sum(energy => energy.low ?? energy.joules)) / 2;
  const share = joules > 0 ? (100 * half) / joules : 0;
  return quantity(joules, 'joules') + (share >= 0.05 ? ` ±${Number(share.toPrecision(2))} %` : '');
}

function memoryText(cell: ICell, trans: TranslationBundle): string {
  const rise = total(cell.rise, 'memory_used', value =>
    value > 0 ? ` (+${quantity(value, 'bytes')})` : ''
  );
  return total(
    cell.peak,
    'memory_used',
    value => trans.__('%1 peak', quantity(value, 'bytes')) + rise
  );
}

/** The sum over devices (or the mean, of a share), in words; empty where no device knows it. */
function total(
  values: ByDevice | undefined,
  metric: string,
  say: (value: number) => string,
  mean = false
): string {
  const known = Object.values(values ?? {})
    .map(device => device[metric])
    .filter(value => value !== undefined);
  const sum = known.reduce((all, value) => all + value, 0);
  return known.length ? say(mean ? sum / known.length : sum) : '';
}
