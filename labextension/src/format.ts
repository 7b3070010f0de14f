/**
 * Numbers as a person reads them: `4.13 kJ`, `118 GB`, `94 %`, `12.4 s`; and "—" for what is not known.
 *
 * The same rules as `jupyter_gpumon/units.py`, so that the panel and a cell's summary never disagree.
 */

import type { IMetric } from './schema';

const PREFIXES: readonly (readonly [number, string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
  [1e-3, 'm']
];

const SYMBOLS: Readonly<Record<string, string>> = {
  watts: 'W',
  joules: 'J',
  bytes: 'B',
  hertz: 'Hz',
  seconds: 's',
  celsius: '°C',
  count: ''
};

/** What is shown where a value is not known. */
export const UNKNOWN = '—';

function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
}

function prefix(value: number, symbol: string): readonly [number, string] {
  const lowest = symbol === 'B' ? 1 : 1e-3;
  const found = PREFIXES.find(([factor]) => Math.abs(value) >= factor * 0.9995);
  return found && found[0] >= lowest
    ? found
    : value === 0
      ? [1, '']
      : [lowest, lowest === 1 ? '' : 'm'];
}

/** A duration: `35 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) {
    return `${(seconds * 1000).toFixed(0)} ms`;
  }
  if (seconds < 60) {
    return `${digits(seconds)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A value in base units with its unit and SI prefix; with `rate`, per second. */
export function quantity(value: number | null | undefined, unit: string, rate = false): string {
  if (value == null || Number.isNaN(value)) {
    return UNKNOWN;
  }
  switch (unit) {
    case 'ratio':
      return `${(value * 100).toFixed(0)} %`;
    case 'celsius':
      return `${value.toFixed(0)} °C`;
    case 'count':
      return `${Number(value.toPrecision(6))}${rate ? '/s' : ''}`;
    case 'seconds':
      return duration(value);
  }
  const symbol = SYMBOLS[unit] ?? unit;
  const [factor, letter] = prefix(value, symbol);
  const number = factor === 1 && unit === 'bytes' ? value.toFixed(0) : digits(value / factor);
  return `${number} ${letter}${symbol}${rate ? '/s' : ''}`;
}

/** A value and its limit with the unit once: `118 / 141 GB`, `688 / 700 W`. */
export function ofLimit(
  value: number | null | undefined,
  limit: number | null | undefined,
  unit: string
): string {
  if (limit == null || value == null) {
    return quantity(value, unit);
  }
  if (unit === 'celsius') {
    return `${value.toFixed(0)} / ${limit.toFixed(0)} °C`;
  }
  if (unit === 'watts') {
    return `${value.toFixed(0)} / ${limit.toFixed(0)} W`;
  }
  const symbol = SYMBOLS[unit] ?? unit;
  const [factor, letter] = prefix(limit, symbol);
  return `${scaled(value / factor, limit / factor)} / ${scaled(limit / factor)} ${letter}${symbol}`;
}

function scaled(value: number, beside = value): string {
  return Math.abs(beside) < 10
    ? value.toFixed(2)
    : Math.abs(beside) < 1000 && value !== beside
      ? value.toFixed(1)
      : value.toFixed(0);
}

/** A short number for an axis: in the prefix of `top` where that is known (`80`), else with its own (`80 M`). */
export function tick(value: number, unit: string, top: number | null = null): string {
  if (unit === 'ratio') {
    return `${Math.round(value * 100)}`;
  }
  const [factor, letter] = unit === 'celsius' ? [1, ''] : prefix(top ?? value, SYMBOLS[unit] ?? '');
  return `${Number((value / factor).toPrecision(3))}${letter && top === null ? ` ${letter}` : ''}`;
}

/** The symbol of a unit alone, with the prefix of `top` where that is known: `W`, `°C`, `%`, `B/s`, `GB`. */
export function symbol(unit: string, rate = false, top: number | null = null): string {
  const name = SYMBOLS[unit] ?? unit;
  const letter = top === null || unit === 'celsius' || unit === 'ratio' ? '' : prefix(top, name)[1];
  return (unit === 'ratio' ? '%' : letter + name) + (rate ? '/s' : '');
}

/** A clock time of the day: `14:03:07`, or without seconds. */
export function clock(time: number, seconds = true): string {
  const text = new Date(time * 1000).toTimeString();
  return text.slice(0, seconds ? 8 : 5);
}

/** The day of a time, in the reader's own order and without the year: `28/11`. */
export function day(time: number): string {
  return new Date(time * 1000).toLocaleDateString(undefined, { month: 'numeric', day: 'numeric' });
}

/** A mark of a time axis whose marks are `step` seconds apart: over days, midnight is the day that begins. */
export function moment(time: number, step: number): string {
  const text = clock(time, step < 60);
  return step >= 86400 || (step >= 21600 && text === '00:00') ? day(time) : text;
}

/** How a metric is charted: a counter as its growth per second, in the unit that growth has. */
export interface IScaleOf {
  readonly unit: string;
  readonly rate: boolean;
  readonly derive: boolean;
}

/** Energy grows in watts, time held back is a share, bytes are bytes per second; error counts stay counts. */
export function scaleOf(metric: IMetric): IScaleOf {
  if (metric.kind !== 'counter' || metric.unit === 'count') {
    return { unit: metric.unit, rate: false, derive: false };
  }
  const unit =
    metric.unit === 'joules' ? 'watts' : metric.unit === 'seconds' ? 'ratio' : metric.unit;
  return { unit, rate: unit === metric.unit, derive: true };
}
