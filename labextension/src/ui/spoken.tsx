/** The same as a chart in a table, for the ear. */

import React from 'react';
import { quantity, scaleOf } from '../format';
import type { IWindow } from '../history';
import { METRICS } from '../schema';
import { label } from '../words';
import type { IChartProps } from './chart';

/** Seconds for which the table for the ear stands: nobody listens faster. */
const STANDS = 10;

/** The table, made anew when what is shown is another thing, or a while later. */
export const Spoken = React.memo(
  SpokenTable,
  (one, other) =>
    Math.floor(one.to / STANDS) === Math.floor(other.to / STANDS) &&
    Math.round(one.to - one.from) === Math.round(other.to - other.from) &&
    one.window.columns.size === other.window.columns.size &&
    one.metric === other.metric &&
    one.devices === other.devices &&
    one.bands === other.bands
);

/** The chart for those who cannot see it: least, mean and most of each line. */
function SpokenTable(props: IChartProps): JSX.Element {
  const { metric, devices, window, bands, from, to, trans } = props;
  const word = props.bandWord ?? trans.__('cells');
  const within = bands.filter(band => band.to > from && band.from < to);
  const { unit, rate } = scaleOf(METRICS[metric]);
  const say = (value: number | null): string => quantity(value, unit, rate);
  return (
    <table className="jp-GpuMon-spoken">
      <caption>
        {METRICS[metric].title}, {trans._n('%1 gap', '%1 gaps', gapsIn(window))}
        {within.length > 0 && `; ${word}: ${within.map(band => band.title).join(', ')}`}
      </caption>
      <thead>
        <tr>
          {[
            trans.__('GPU'),
            trans.__('least'),
            trans.__('mean'),
            trans.__('most'),
            trans.__('last')
          ].map(head => (
            <th key={head}>{head}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {devices.map(device => (
          <tr key={device.uuid}>
            <th>{label(device)}</th>
            {summary(window.columns.get(device.uuid) ?? []).map((value, at) => (
              <td key={at}>{say(value)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Stretches in which nothing is known of any device, between times in which something is. */
function gapsIn({ time, columns }: IWindow): number {
  const known = time.map((_, at) => [...columns.values()].some(column => column[at] !== null));
  const [first, last] = [known.indexOf(true), known.lastIndexOf(true)];
  return known.filter((one, at) => !one && at > first && at < last && known[at - 1]).length;
}

function summary(values: readonly (number | null)[]): readonly (number | null)[] {
  let [least, most, sum, count] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (value !== null) {
      least = Math.min(least, value);
      most = Math.max(most, value);
      sum += value;
      count += 1;
    }
  }
  return count
    ? [least, sum / count, most, values[values.length - 1] ?? null]
    : [null, null, null, null];
}
