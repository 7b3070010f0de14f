/** A cell's record: one line, a second for what a careful reader must know, and the rest to unfold. */

import React from 'react';
import { adviceLine, headline, smallPrint } from '../cell';
import { sentences, table } from '../details';
import type { ISay } from '../energy';
import type { ICell } from '../schema';

/** What a record is made from. */
export interface IRecordProps {
  readonly cell: ICell;
  readonly say: ISay;
  /** Where the profiler's trace can be had. */
  readonly trace?: string;
}

/** The record as it is now. */
export function Record({ cell, say, trace }: IRecordProps): JSX.Element {
  const second = smallPrint(cell, say);
  const advice = adviceLine(cell, say);
  return (
    <div
      role="note"
      aria-label={say.trans.__('What this cell cost')}
      className={cell.final === false ? 'jp-mod-open' : ''}
    >
      <div>{headline(cell, say)}</div>
      {second && <small>{second}</small>}
      {advice && <small className="jp-mod-advice">{advice}</small>}
      {cell.trace && (
        <small title={say.trans.__('ui.perfetto.dev and chrome://tracing show it')}>
          {say.trans.__('trace:')} {trace ? <a href={trace}>{cell.trace}</a> : cell.trace}
        </small>
      )}
      {cell.final !== false && <Details cell={cell} say={say} />}
    </div>
  );
}

/** Where each GPU's energy went, and how the numbers came about; nothing where no GPU is named. */
function Details({ cell, say }: IRecordProps): JSX.Element | null {
  const [head, ...rows] = table(cell, say);
  if (!head) {
    return null;
  }
  return (
    <details>
      <summary>{say.trans.__('details')}</summary>
      <table>
        <thead>
          <tr>
            {head.map(word => (
              <th key={word}>{word}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...values]) => (
            <tr key={name}>
              <th>{name}</th>
              {values.map((value, at) => (
                <td key={at}>{value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p>{sentences(cell, say).join(' ')}</p>
    </details>
  );
}
