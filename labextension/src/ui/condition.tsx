/** A field for a condition; a mistake in it is underlined where it is. */

import React, { useId } from 'react';
import { around, type IMistake } from '../rules';

/** What the field is made from. */
export interface IConditionProps {
  readonly title: string;
  /** Shown while it is empty. */
  readonly example: string;
  readonly value: string;
  readonly mistake: IMistake | null;
  readonly onChange: (value: string) => void;
}

/** The field, as high as its text; the same text lies behind it and carries the underline. */
export function Condition(props: IConditionProps): JSX.Element {
  const { value, mistake } = props;
  const id = useId();
  return (
    <label>
      <span>{props.title}</span>
      <span className="jp-GpuMon-condition">
        <Behind value={value} column={mistake?.column ?? null} />
        <textarea
          value={value}
          rows={1}
          placeholder={props.example}
          spellCheck={false}
          aria-invalid={mistake !== null}
          aria-describedby={mistake ? id : undefined}
          onChange={event => props.onChange(event.target.value.replace(/\n/g, ' '))}
        />
      </span>
      {mistake && (
        <small id={id} role="alert">
          {mistake.message}
        </small>
      )}
    </label>
  );
}

function Behind(props: { readonly value: string; readonly column: number | null }): JSX.Element {
  const { value, column } = props;
  const [before, wrong, after] = column === null ? [value, '', ''] : around(value, column);
  return (
    <span aria-hidden="true" className="jp-GpuMon-behind">
      {before}
      {wrong && <u>{wrong}</u>}
      {after}{' '}
    </span>
  );
}
