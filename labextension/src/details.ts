/** What unfolds below a cell's line: where the energy of each GPU went, and how the numbers came about. */

import { between, energyText, joules, netOf, sensorText, total, type ISay } from './energy';
import { energiesOf, used } from './cell';
import { UNKNOWN, quantity } from './format';
import type { ICell, IEnergy } from './schema';

/** Columns that are there even where they say nothing. */
const KEPT = 3;

/** A row of heads and a row of text per GPU, without the columns in which nothing is known. */
export function table(cell: ICell, say: ISay): readonly (readonly string[])[] {
  const { trans } = say;
  const head = [
    trans.__('GPU'),
    trans.__('model'),
    trans.__('energy'),
    trans.__('certainly'),
    trans.__('idle share'),
    trans.__('net'),
    trans.__('after the code'),
    trans.__('of others'),
    trans.__('of nobody'),
    trans.__('background'),
    trans.__('mean power'),
    trans.__('busy'),
    trans.__('memory, peak')
  ];
  const rows = (cell.devices ?? []).map(({ name, model, used: counted }) => {
    const [mean, peak] = [cell.mean?.[name], cell.peak?.[name]];
    return [
      counted === false ? trans.__('%1 (not used)', name) : name,
      model,
      ...parts(cell.energy?.[name], cell.background?.[name], say),
      quantity(mean?.['power'], 'watts'),
      quantity(mean?.['utilization'], 'ratio'),
      quantity(peak?.['memory_used'], 'bytes')
    ];
  });
  if (used(cell).length > 1) {
    const late = Object.values(cell.background ?? {});
    const measured = total(energiesOf(cell, false));
    const sum = parts(measured, late.length ? total(late) : undefined, say);
    rows.push([trans.__('together'), '', ...sum, '', '', '']);
  }
  const telling = head.map(
    (_, at) => at < KEPT || rows.some(row => row[at] !== UNKNOWN && row[at] !== '')
  );
  return rows.length ? [head, ...rows].map(row => row.filter((_, at) => telling[at])) : [];
}

function parts(
  energy: IEnergy | undefined,
  background: IEnergy | undefined,
  say: ISay
): readonly string[] {
  if (!energy) {
    return Array<string>(8).fill(UNKNOWN);
  }
  const { least, most, idle, tail, others, unattributed } = energy;
  const known = (value: number | null | undefined): string => joules(value, say.unit);
  return [
    energyText(energy, say),
    between(least, most, say),
    known(idle),
    known(netOf(energy)),
    known(tail),
    known(others),
    known(unattributed),
    background ? energyText(background, say) : UNKNOWN
  ];
}

/** How it was measured, what ± and net mean, what widens the interval, the scale, and where carbon and cost are from. */
export function sentences(cell: ICell, { trans, unit }: ISay): readonly string[] {
  const counted = (cell.devices ?? []).filter(device => device.used !== false);
  const sensors = counted.map(
    ({ model, sensor, counter_period: period }) => `${model}: ${sensorText(sensor, period, trans)}`
  );
  const warnings = counted.map(({ name }) => cell.energy?.[name]?.warning).filter(Boolean);
  const runs = cell.repeats?.joules ?? [];
  const { intensity_terms: terms } = cell.footprint ?? {};
  const said = [
    runs.length > 0 &&
      trans.__('Per run, window by window: %1.', runs.map(run => joules(run, unit)).join(', ')),
    sensors.length > 0 && trans.__('Measured by: %1.', [...new Set(sensors)].join('; ')),
    cell.simulated && trans.__('The GPUs are simulated.'),
    trans.__(
      '± is half the interval that holds the true value with a likelihood of 95 %; “≤” is said where the highest possible value is more than three times the lowest.'
    ),
    trans.__('Net is what was used less what the GPU would have drawn in that time without work.'),
    ...[...new Set(warnings)].map(warning => `${warning}.`),
    trans.__(
      'The scale is that of the board’s own sensor, which no software can check: boards have been found up to 5 % off. That is the same for every cell on one board, and cancels when cells on it are compared.'
    ),
    terms && trans.__('CO₂-equivalents: %1.', terms.replace(/\.$/, ''))
  ];
  return said.filter(sentence => typeof sentence === 'string' && sentence !== '') as string[];
}
