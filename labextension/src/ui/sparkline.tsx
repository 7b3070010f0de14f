/** A line without axes: how a metric went over the range. */

import React from 'react';
import type { IStroke } from '../palette';

/** Points along the line: a sparkline has hardly more pixels. */
const POINTS = 120;
/** Height of the drawing in its own units; its width is `POINTS`. */
const HEIGHT = 100;

/** A sparkline of `values` over `from` to `to`, 0 at the bottom and 1 at the top; null breaks the line. */
export const Sparkline = React.memo(
  function Drawn(props: Sparkline.IProps): JSX.Element {
    // Stretched by the browser, so that nobody has to ask for its size, and painted beside the main thread.
    return (
      <svg
        className="jp-GpuMon-spark"
        role="img"
        aria-label={props.label}
        viewBox={`0 -4 ${POINTS} ${HEIGHT + 8}`}
        preserveAspectRatio="none"
      >
        <path d={path(props)} stroke={props.stroke.colour} />
      </svg>
    );
  },
  (one, other) =>
    one.values === other.values &&
    one.from === other.from &&
    one.to === other.to &&
    one.stroke.colour === other.stroke.colour
);

/** What a sparkline is made from. */
export namespace Sparkline {
  /** Properties of a sparkline. */
  export interface IProps {
    readonly time: readonly number[];
    readonly values: readonly (number | null)[];
    readonly from: number;
    readonly to: number;
    readonly stroke: IStroke;
    readonly label: string;
  }
}

/** The line through the mean of each `POINTS`th of the range. */
function path({ time, values, from, to }: Sparkline.IProps): string {
  const parts: string[] = [];
  let [slot, sum, count, pen] = [0, 0, 0, false];
  const put = (): void => {
    if (count) {
      const y = (1 - Math.min(1, sum / count)) * HEIGHT;
      parts.push(`${pen ? 'L' : 'M'}${slot} ${y.toFixed(1)}`);
      [sum, count, pen] = [0, 0, true];
    }
  };
  time.forEach((moment, at) => {
    const here = Math.round(((moment - from) / (to - from)) * POINTS);
    const value = values[at] ?? null;
    if (here !== slot || value === null) {
      put();
      slot = here;
    }
    if (value === null) {
      pen = false;
    } else {
      sum += value;
      count += 1;
    }
  });
  put();
  return parts.join('');
}
