/**
 * Energies in words: a value with its interval, a bound where no value can be said, never a bare zero.
 *
 * The same words as `jupyter_gpumon/report/amounts.py`, `method.py` and `footprint.py`, for where these do not speak.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { UNKNOWN, duration, quantity } from './format';
import type { IEnergy, IFootprint, ISensor } from './schema';

/** The unit of energies: one of its own, or joules with the SI prefix that fits. */
export type EnergyUnit = 'auto' | 'J' | 'kJ' | 'Wh' | 'kWh';

/** Joules in one of each unit. */
const JOULES: Readonly<Record<string, number>> = { J: 1, kJ: 1e3, Wh: 3600, kWh: 3.6e6 };

/** The units that a user may choose. */
export const UNITS: readonly EnergyUnit[] = ['auto', 'J', 'kJ', 'Wh', 'kWh'];

/** Highest over lowest possible energy from which on a single number would pretend. */
const UNRESOLVED = 3;

/** What is not measured but worked out; it is in no measured sum. */
export const ESTIMATE = 'estimate';

/** How things are said to this user. */
export interface ISay {
  readonly trans: TranslationBundle;
  readonly unit: EnergyUnit;
}

/** `4130 J`, `4.13 kJ`, `1.15 Wh`, `0.00115 kWh`. */
export function joules(value: number | null | undefined, unit: EnergyUnit): string {
  const one = JOULES[unit];
  return value == null || !one
    ? quantity(value, 'joules')
    : `${significant(value / one, 3)} ${unit}`;
}

/** This many digits at least, without an exponent; integers whole. */
function significant(value: number, digits: number): string {
  const places = value ? digits - 1 - Math.floor(Math.log10(Math.abs(value))) : 0;
  return value.toFixed(Math.min(9, Math.max(0, places)));
}

/** The sum; `joules` is null where one of them is not resolved, `high` where one is unknown. */
export function total(energies: readonly IEnergy[]): IEnergy {
  const all = (pick: (energy: IEnergy) => number | null | undefined): number | null => {
    const values = energies.map(pick);
    return values.length && values.every(value => value != null) ? plus(values) : null;
  };
  const known = (pick: (energy: IEnergy) => number | null | undefined): number | null => {
    const values = energies.map(pick).filter(value => value != null);
    return values.length ? plus(values) : null;
  };
  return {
    joules: all(energy => energy.joules),
    low: all(energy => energy.low ?? energy.joules),
    high: all(energy => energy.high ?? energy.joules),
    least: all(energy => energy.least),
    most: all(energy => energy.most),
    idle: all(energy => energy.idle),
    tail: known(energy => energy.tail),
    others: known(energy => energy.others),
    unattributed: known(energy => energy.unattributed),
    method: energies[0]?.method ?? 'counter',
    final: energies.every(energy => energy.final !== false)
  };
}

function plus(values: readonly (number | null | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

/** `4.13 kJ ±0.6 %`, `≤ 18.0 J`, or that it is not known; never 0. An estimate is called one. */
export function energyText(energy: IEnergy, say: ISay): string {
  const words = plainText(energy, say);
  return energy.method === ESTIMATE && /^\d/.test(words)
    ? say.trans.__('%1 (estimate)', words)
    : words;
}

function plainText({ joules: value, low, high, final, method }: IEnergy, say: ISay): string {
  const { trans, unit } = say;
  const most = high == null ? trans.__('energy unknown') : `≤ ${joules(high, unit)}`;
  if (value == null) {
    return most;
  }
  if (final === false && method === 'power') {
    return trans.__('about %1', joules(value, unit));
  }
  if (low == null || high == null || high <= low) {
    return joules(value, unit);
  }
  return high > UNRESOLVED * low
    ? most
    : `${joules(value, unit)} ±${percent((high - low) / 2 / value)}`;
}

/** Whether a single number says it. */
export function resolved({ joules: value, low, high }: IEnergy): boolean {
  return value != null && !(low != null && high != null && high > low && high > UNRESOLVED * low);
}

/** A half-width as a share of its value, in at most two significant digits. */
export function percent(ratio: number): string {
  const share = Math.abs(ratio) * 100;
  return `${share < 0.01 ? 0.01 : share < 100 ? Number(share.toPrecision(2)) : share.toFixed(0)} %`;
}

/** What the work itself took: less what the GPU would have drawn without it; null where that is unknown. */
export function netOf({ joules: value, idle }: IEnergy): number | null {
  return value == null || idle == null ? null : value - idle;
}

/** `net 3.70 kJ`; with its uncertainty where that is large beside it; empty where it cannot be said. */
export function netText(energy: IEnergy, say: ISay): string {
  const net = netOf(energy);
  return net === null || !resolved(energy) ? '' : say.trans.__('net %1', spread(energy, net, say));
}

/** A part of an energy, with the energy's uncertainty where that is large beside it. */
function spread({ low, high }: IEnergy, part: number, { unit }: ISay): string {
  const half = low == null || high == null ? 0 : (high - low) / 2;
  return half > 0.1 * Math.abs(part)
    ? `${joules(part, unit)} ± ${joules(half, unit)}`
    : joules(part, unit);
}

/** `4.11 kJ to 4.15 kJ`. */
export function between(
  low: number | null | undefined,
  high: number | null | undefined,
  { trans, unit }: ISay
): string {
  return low == null || high == null
    ? UNKNOWN
    : trans.__('%1 to %2', joules(low, unit), joules(high, unit));
}

/** Seconds from which a delay, and updates that come early or late, are worth a word. */
const LATE = 0.001;

/**
 * `counter, 100 ms, agrees with power within 0.4 %`; with the reason where it is not what one would expect.
 *
 * The words of `jupyter_gpumon/energy/trust.py`. `period` is what a record of old knows in place of a sensor.
 */
export function sensorText(
  sensor: ISensor | null | undefined,
  period: number | null | undefined,
  trans: TranslationBundle
): string {
  if (!sensor) {
    return period
      ? [trans.__('counter'), duration(period)].join(', ')
      : trans.__('not known how energy is measured');
  }
  const { method = 'counter', checked, provenance, reason } = sensor;
  const simulated = provenance === 'simulated';
  const words = [
    ...(method === 'counter' ? counterWords(sensor, simulated, trans) : powerWords(sensor, trans)),
    simulated
      ? trans.__('simulated')
      : checked == null && method !== 'none' && trans.__('not tried yet')
  ];
  return words.filter(Boolean).join(', ') + (reason ? ` (${reason})` : '');
}

function counterWords(
  { period, jitter, delay, agreement }: ISensor,
  simulated: boolean,
  trans: TranslationBundle
): readonly (string | false)[] {
  const off = Math.max(0.1, Math.abs((agreement ?? 1) - 1) * 100);
  return [
    trans.__('counter'),
    period != null && duration(period),
    (jitter ?? 0) >= LATE && `±${duration(jitter ?? 0)}`,
    (delay ?? 0) >= LATE && trans.__('%1 late', duration(delay ?? 0)),
    agreement != null &&
      !simulated &&
      trans.__('agrees with power within %1', `${Number(off.toPrecision(2))} %`)
  ];
}

function powerWords(
  { method, update, window, duty }: ISensor,
  trans: TranslationBundle
): readonly (string | false)[] {
  if (method === 'none') {
    return [trans.__('none')];
  }
  return [
    trans.__('power readings'),
    update != null && trans.__('every %1', duration(update)),
    method === 'average' && window != null && trans.__('each the mean of %1', duration(window)),
    duty != null && duty < 1 && trans.__('looks %1 of the time', quantity(duty, 'ratio'))
  ];
}

const MASSES: readonly (readonly [number, string])[] = [
  [1e6, 't'],
  [1e3, 'kg'],
  [1, 'g'],
  [1e-3, 'mg'],
  [1e-6, 'µg']
];

/** A hundredth of a currency, where it has a sign that everybody knows. */
const CENTS: Readonly<Record<string, string>> = {
  EUR: 'ct',
  USD: '¢',
  CAD: '¢',
  AUD: '¢',
  GBP: 'p',
  CHF: 'Rp'
};

/** `1.2 g CO₂e (DE 2023: 381 g/kWh, Ember, PUE 1.0) · 0.13 ct`; the PUE is always said. */
export function footprintText(found: IFootprint, trans: TranslationBundle): string {
  const { currency = '', pue = 1 } = found;
  const carbon = ranged(found.grams, found.grams_low, found.grams_high, mass);
  const cost = ranged(found.cost, found.cost_low, found.cost_high, value => money(value, currency));
  const price = found.price == null ? '' : `${Number(found.price.toPrecision(3))} ${currency}/kWh`;
  const reasons = [
    found.estimate && trans.__('estimate'),
    carbon ? gridText(found) : price,
    !carbon && found.price_source !== 'flat' && found.price_source,
    `PUE ${Math.abs(pue - Number(pue.toFixed(1))) < 1e-9 ? pue.toFixed(1) : pue.toFixed(2)}`
  ];
  const factors = `(${reasons.filter(Boolean).join(', ')})`;
  if (carbon) {
    return [`${carbon} CO₂e ${factors}`, cost].filter(Boolean).join(' · ');
  }
  return cost && `${cost} ${factors}`;
}

/** `DE 2023: 381 g/kWh, Ember`. */
function gridText(found: IFootprint): string {
  const place = [found.region, found.intensity_year].filter(Boolean).join(' ');
  const grams = found.intensity == null ? '' : `${found.intensity.toFixed(0)} g/kWh`;
  return [[place, grams].filter(Boolean).join(': '), found.intensity_source]
    .filter(Boolean)
    .join(', ');
}

/** The value, or only its bound where it is not resolved; empty where nothing is known. */
function ranged(
  value: number | null | undefined,
  low: number | null | undefined,
  high: number | null | undefined,
  say: (value: number) => string
): string {
  if (value == null || (low != null && high != null && high > 0 && high > UNRESOLVED * low)) {
    return high == null ? '' : `≤ ${say(high)}`;
  }
  return say(value);
}

function mass(grams: number): string {
  const [factor, unit] = MASSES.find(([size]) => Math.abs(grams) >= size * 0.995) ?? MASSES[4];
  return grams ? `${significant(grams / factor, 2)} ${unit}` : '0 g';
}

function money(value: number, currency: string): string {
  if (Math.abs(value) >= 0.0995) {
    return `${value.toFixed(2)} ${currency}`;
  }
  const cent = CENTS[currency];
  return cent ? `${significant(value * 100, 2)} ${cent}` : `${significant(value, 2)} ${currency}`;
}
