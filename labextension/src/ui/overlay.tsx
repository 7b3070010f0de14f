/** Runs drawn over one another: one metric over the seconds since the start of each. */

import React, { useState } from 'react';
import type { ISay } from '../energy';
import { COLOURS, isLight } from '../palette';
import { drawable, lineOf, unitOf, valueText, type ILine } from '../runs';
import type { IRun } from '../schema';
import { Section } from './frame';

/** What it is made from. */
export interface IOverlayProps {
  readonly records: readonly IRun[];
  /** Another name where colours are to be drawn anew. */
  readonly theme: string;
  readonly say: ISay;
}

/** One metric of all the runs, which the user chooses. */
export function Overlay({ records, say }: IOverlayProps): JSX.Element | null {
  const { trans } = say;
  const names = drawable(records);
  const [wish, setWish] = useState('');
  const name = names.includes(wish) ? wish : names[0];
  if (!name) {
    return null;
  }
  const lines = records.map(run => lineOf(run, name));
  return (
    <Section
      title={trans.__('Over time')}
      name="runs-chart"
      tools={
        <select
          className="jp-GpuMon-select"
          aria-label={trans.__('What is drawn')}
          value={name}
          onChange={event => setWish(event.target.value)}
        >
          {names.map(one => (
            <option key={one}>{one}</option>
          ))}
        </select>
      }
    >
      <Lines name={name} lines={lines} unit={unitOf(records, name)} say={say} />
    </Section>
  );
}

const [WIDTH, HEIGHT] = [300, 110];
const DASHES = ['', '5 3', '2 3', '8 3 2 3'];

interface ILinesProps {
  readonly name: string;
  /** A line per run; null where a run has none. */
  readonly lines: readonly (ILine | null)[];
  readonly unit: string;
  readonly say: ISay;
}

function Lines(props: ILinesProps): JSX.Element {
  const { unit, say } = props;
  const drawn = props.lines.filter((line): line is ILine => line !== null);
  const values = drawn.flatMap(line => line.values);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = Math.max(...drawn.map(line => line.times[line.times.length - 1])) || 1;
  return (
    <figure className="jp-GpuMon-overlay">
      <div className="jp-GpuMon-scale">
        <span>{valueText(high, unit, say)}</span>
        <span>{valueText(low, unit, say)}</span>
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={spoken(drawn, props)}
      >
        {props.lines.map(
          (line, at) =>
            line && (
              <polyline
                key={line.run.id}
                points={points(line, low, high, last)}
                fill="none"
                stroke={colour(at)}
                strokeDasharray={dash(at)}
                vectorEffect="non-scaling-stroke"
              />
            )
        )}
      </svg>
      <div className="jp-GpuMon-times">
        <span>0 s</span>
        <span>{valueText(last, 'seconds', say)}</span>
      </div>
      <Legend lines={props.lines} />
    </figure>
  );
}

/** Where each line begins and ends, for who does not see it. */
function spoken(lines: readonly ILine[], { name, unit, say }: ILinesProps): string {
  const said = lines.map(({ run, values }) => {
    const ends = [values[0], values[values.length - 1]];
    return `${run.name}: ${ends.map(value => valueText(value, unit, say)).join(' → ')}`;
  });
  return `${name}: ${said.join('; ')}`;
}

function Legend({ lines }: { readonly lines: readonly (ILine | null)[] }): JSX.Element {
  return (
    <figcaption>
      {lines.map(
        (line, at) =>
          line && (
            <span key={line.run.id}>
              <svg viewBox="0 0 22 4" aria-hidden>
                <line x1="0" x2="22" y1="2" y2="2" stroke={colour(at)} strokeDasharray={dash(at)} />
              </svg>
              {line.run.name} {line.run.id.slice(0, 8)}
            </span>
          )
      )}
    </figcaption>
  );
}

function points(line: ILine, low: number, high: number, last: number): string {
  const span = high - low || 1;
  return line.values
    .map((value, at) => {
      const x = (WIDTH * line.times[at]) / last;
      const y = 2 + (HEIGHT - 4) * (high === low ? 0.5 : 1 - (value - low) / span);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}

function colour(at: number): string {
  const found = COLOURS[at % COLOURS.length];
  return isLight() && found === '#F0E442' ? '#D6C700' : found;
}

function dash(at: number): string {
  return DASHES[(at + Math.floor(at / COLOURS.length)) % DASHES.length];
}
