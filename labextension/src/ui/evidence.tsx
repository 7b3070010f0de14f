/** What a finding rests on, as a small picture: a line over time or a bar each, and what it is compared with. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { clock, quantity } from '../format';
import { HOST_METRICS, METRICS, type IEvidence } from '../schema';

const WIDTH = 240;
const HEIGHT = 48;
/** Values further apart than so many steps have a gap between them. */
const SEVERAL = 3;
const PER_SECOND = ' per second';

/** One picture, with its numbers in words. */
export function Picture(props: {
  readonly evidence: IEvidence;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const { evidence, trans } = props;
  const values = (evidence.values ?? []).filter(value => value != null);
  if (!values.length) {
    return null;
  }
  const [most, limit, times] = [Math.max(...values), evidence.limit, evidence.time ?? []];
  const top = Math.max(most, limit ?? 0, 1e-9);
  const words = [
    trans.__('%1, up to %2', titleOf(evidence), said(most, evidence)),
    limit != null && trans.__('line at %1', said(limit, evidence))
  ];
  const text = words.filter(Boolean).join('; ');
  return (
    <figure className="jp-GpuMon-evidence">
      <figcaption>{text}</figcaption>
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} role="img" aria-label={text}>
        <path className="jp-mod-ground" d={`M0 ${HEIGHT}H${WIDTH}`} />
        {times.length ? <path d={line(evidence, top)} /> : <Bars evidence={evidence} top={top} />}
        {limit != null && <path className="jp-mod-limit" d={`M0 ${y(limit, top)}H${WIDTH}`} />}
      </svg>
      {times.length > 1 && (
        <div className="jp-GpuMon-evidenceTimes" aria-hidden="true">
          <span>{clock(times[0])}</span>
          <span>{clock(times[times.length - 1])}</span>
        </div>
      )}
    </figure>
  );
}

function titleOf({ metric }: IEvidence): string {
  const name = metric.replace(/^host\./, '');
  return ((name === metric ? METRICS : HOST_METRICS)[name] ?? { title: metric }).title;
}

function said(value: number, { unit = '' }: IEvidence): string {
  const rate = unit.endsWith(PER_SECOND);
  return quantity(value, rate ? unit.slice(0, -PER_SECOND.length) : unit, rate);
}

function y(value: number, top: number): string {
  return (HEIGHT * (1 - value / top)).toFixed(1);
}

/** The line, broken where nothing is known. */
function line({ time = [], values = [] }: IEvidence, top: number): string {
  const span = time[time.length - 1] - time[0] || 1;
  const usual = span / Math.max(1, time.length - 1);
  let before: number | null = null;
  return time
    .map((moment, at) => {
      const value = values[at];
      const pen = before === null || moment - before > SEVERAL * usual ? 'M' : 'L';
      before = value == null ? null : moment;
      const x = (WIDTH * (moment - time[0])) / span;
      return value == null ? '' : `${pen}${x.toFixed(1)} ${y(value, top)}`;
    })
    .join('');
}

function Bars({
  evidence,
  top
}: {
  readonly evidence: IEvidence;
  readonly top: number;
}): JSX.Element {
  const values = evidence.values ?? [];
  const pitch = WIDTH / values.length;
  return (
    <>
      {values.map((value, at) => (
        <rect
          key={at}
          x={(at * pitch).toFixed(1)}
          y={y(value ?? 0, top)}
          width={Math.max(1, 0.7 * pitch).toFixed(1)}
          height={(HEIGHT * ((value ?? 0) / top)).toFixed(1)}
        />
      ))}
    </>
  );
}
