/** One quantity as a bar with its limit, and as a number. */

import React from 'react';

/** A labelled bar; `share` null leaves it empty and `reason` says why. */
export function Meter({ label, share, limit, colour, text, reason }: Meter.IProps): JSX.Element {
  const known = share !== null;
  const filled = Math.max(0, Math.min(1, share ?? 0));
  return (
    <div className="jp-GpuMon-meter" title={known ? undefined : reason}>
      <span className="jp-GpuMon-meterLabel">{label}</span>
      <span
        className="jp-GpuMon-bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(filled * 100)}
        aria-valuetext={known ? text : `${text} ${reason ?? ''}`}
      >
        <i style={{ width: `${filled * 100}%`, background: colour }} />
        {limit !== undefined && <u style={{ left: `${limit * 100}%` }} />}
      </span>
      <span className="jp-GpuMon-value">{text}</span>
    </div>
  );
}

/** What a meter is made from. */
export namespace Meter {
  /** Properties of a meter. */
  export interface IProps {
    readonly label: string;
    /** 0 to 1, or null where nothing is known. */
    readonly share: number | null;
    /** Where the limit is on the bar, 0 to 1. */
    readonly limit?: number;
    readonly colour: string;
    readonly text: string;
    readonly reason?: string;
  }
}
