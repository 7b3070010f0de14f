/** Runs as the tab shows them: values in words, what is asked of the server, and the lines of the chart. */

import type { ServerConnection } from '@jupyterlab/services';
import { joules, type ISay } from './energy';
import { UNKNOWN, duration, quantity } from './format';
import { request } from './request';
import type { ICompared, IComparison, IRun, IRunLine } from './schema';

/** What the server answers to `runs`. */
export interface IRunList {
  readonly runs: readonly IRunLine[];
  /** Where they are kept. */
  readonly store: string;
}

/** One line of the chart: a run over the seconds since its start. */
export interface ILine {
  readonly run: IRun;
  readonly times: readonly number[];
  readonly values: readonly number[];
}

const FRACTIONS: readonly (readonly [number, string])[] = [
  [1e-3, 'ms'],
  [1e-6, 'µs'],
  [1e-9, 'ns']
];

/** `211 ms`, `94.2 %`, `18.3`; as `jupyter_gpumon/runs/words.py` says it. */
export function valueText(value: number | null | undefined, metricUnit: string, say: ISay): string {
  if (value == null) {
    return UNKNOWN;
  }
  switch (metricUnit) {
    case 'seconds':
      return secondsText(value);
    case 'ratio':
      return `${digits(100 * value)} %`;
    case 'joules':
      return joules(value, say.unit);
    case 'bytes':
    case 'watts':
    case 'hertz':
      return quantity(value, metricUnit);
  }
  return `${digits(value)} ${metricUnit}`.trimEnd();
}

function secondsText(value: number): string {
  if (value === 0 || Math.abs(value) >= 0.9995) {
    return value ? duration(value) : '0 s';
  }
  const fits = FRACTIONS.find(([size]) => Math.abs(value) >= 0.9995 * size) ?? FRACTIONS[2];
  return `${digits(value / fits[0])} ${fits[1]}`;
}

/** Three significant digits; integers whole. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (Number.isInteger(value) && size < 1e6)) {
    return value.toFixed(0);
  }
  return size < 1e-3 || size >= 1e6
    ? value.toExponential(2)
    : value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size))));
}

/** `+12 %`, `-0.3 %`. */
export function shareText(share: number): string {
  const size = Math.abs(share) * 100;
  const number =
    size >= 9.95 ? size.toFixed(0) : size >= 0.05 ? size.toFixed(1) : size.toPrecision(2);
  return `${share > 0 ? '+' : share < 0 ? '−' : ''}${size ? number : '0'} %`;
}

/** What a comparison's row says beside its numbers. */
export function grounds({ low, high, p, how }: ICompared, { trans }: ISay): string {
  const parts = [
    low != null &&
      high != null &&
      `${trans.__('95 % interval')} ${shareText(low)} … ${shareText(high)}`,
    p != null && (p < 0.001 ? 'p < 0.001' : `p = ${Number(p.toPrecision(2))}`),
    how
  ];
  return parts.filter(Boolean).join(' · ');
}

/** Runs of which something in a name, a tag, a branch, a commit or a GPU is as written. */
export function matching(runs: readonly IRunLine[], text: string): readonly IRunLine[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter(run => {
    const tags = Object.entries(run.tags ?? {}).map(([name, value]) => `${name}=${value}`);
    const about = [run.name, run.id, run.branch, run.commit, run.gpus, run.notebook, ...tags];
    const whole = about.filter(Boolean).join(' ').toLowerCase();
    return words.every(word => whole.includes(word));
  });
}

/** How each of the others differs from the first; by id, or by all runs of their names. */
export async function compareAll(
  runs: readonly IRunLine[],
  byName: boolean,
  settings: ServerConnection.ISettings
): Promise<readonly IComparison[]> {
  const keys = [...new Set(runs.map(run => (byName ? run.name : run.id)))];
  const [first, ...others] = keys;
  return Promise.all(
    others.map(async second => {
      const answer = await request('runs/compare', { first, second }, settings);
      return (await answer.json()) as IComparison;
    })
  );
}

/** Whole records of these runs. */
export async function recordsOf(
  ids: readonly string[],
  settings: ServerConnection.ISettings
): Promise<readonly IRun[]> {
  const answer = await request('runs/records', { ids: ids.join() }, settings);
  return ((await answer.json()) as { readonly records: readonly IRun[] }).records;
}

/** What was read of the GPUs in every run, and what was logged more than once. */
export function drawable(records: readonly IRun[]): readonly string[] {
  const logged = records.flatMap(run =>
    Object.entries(run.metrics ?? {})
      .filter(([, metric]) => (metric.values?.length ?? 0) > 1)
      .map(([name]) => name)
  );
  const read = USAGE.filter(name => records.some(run => lineOf(run, name)));
  return [...new Set([...logged, ...read])];
}

/** Metrics of GPUs that a run keeps, of those it used: their sum, or their mean where it is a ratio. */
const USAGE = ['gpu: power', 'gpu: utilization', 'gpu: memory_used'];

/** The unit of what is drawn. */
export function unitOf(records: readonly IRun[], name: string): string {
  const units: Readonly<Record<string, string>> = {
    [USAGE[0]]: 'watts',
    [USAGE[1]]: 'ratio',
    [USAGE[2]]: 'bytes'
  };
  return units[name] ?? records.map(run => run.metrics?.[name]?.unit).find(Boolean) ?? '';
}

/** A run's line; null where it has none. */
export function lineOf(run: IRun, name: string): ILine | null {
  const { times = [], values = [] } = run.metrics?.[name] ?? {};
  const line = USAGE.includes(name) ? usageOf(run, name.slice(5)) : { times, values };
  return line.values.length > 1 ? { run, ...line } : null;
}

function usageOf(run: IRun, metric: string): Pick<ILine, 'times' | 'values'> {
  const used = new Set(
    (run.cell?.devices ?? []).filter(each => each.used !== false).map(d => d.name)
  );
  const columns = Object.entries(run.usage?.gpus ?? {})
    .filter(([name]) => used.has(name))
    .map(([, values]) => values[metric])
    .filter(Boolean);
  const rows = (run.usage?.time ?? [])
    .map((time, at) => [time - run.start, columns.map(column => column[at])] as const)
    .filter(([, row]) => row.length && row.every(value => value != null));
  const share = metric === 'utilization' ? columns.length : 1;
  const sum = (row: readonly (number | null)[]): number =>
    row.reduce<number>((all, value) => all + (value ?? 0), 0);
  return { times: rows.map(([time]) => time), values: rows.map(([, row]) => sum(row) / share) };
}
