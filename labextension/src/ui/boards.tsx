/** Where the energy of one board went: a bar, and the same in words. */

import React from 'react';
import { joules, type ISay } from '../energy';
import { isLight, strokeOf } from '../palette';
import type { IDevice, IDeviceBook } from '../schema';
import { label, shortName } from '../words';

interface IPart {
  readonly kind: 'cells' | 'background' | 'idle' | 'rest';
  readonly text: string;
  readonly help: string;
  readonly value: number;
}

/** One board; or, with `device` null, all of them. */
export function Board(props: {
  readonly device: IDevice | null;
  readonly book: IDeviceBook;
  readonly say: ISay;
}): JSX.Element {
  const { device, book, say } = props;
  const colour = device ? strokeOf(device, isLight()).colour : 'var(--jp-ui-font-color2)';
  const coloured = { '--jp-GpuMon-colour': colour } as React.CSSProperties;
  return (
    <div className="jp-GpuMon-board" data-uuid={device?.uuid ?? 'all'} style={coloured}>
      <div className="jp-GpuMon-cardTop">
        {device && <span className="jp-GpuMon-chip" style={{ background: colour }} aria-hidden />}
        <h3>{device ? label(device) : say.trans.__('All GPUs')}</h3>
        <span className="jp-GpuMon-model">{device ? shortName(device) : ''}</span>
        <span className="jp-GpuMon-value">{joules(book.joules, say.unit)}</span>
      </div>
      <Parts book={book} say={say} />
      {remarks(book, say).map(remark => (
        <p key={remark} className="jp-GpuMon-legend">
          {remark}
        </p>
      ))}
    </div>
  );
}

function Parts({ book, say }: { readonly book: IDeviceBook; readonly say: ISay }): JSX.Element {
  const parts = partsOf(book, say).filter(part => part.value > 0);
  const words = parts.map(part => `${part.text} ${joules(part.value, say.unit)}`);
  return (
    <>
      <div className="jp-GpuMon-stack" role="img" aria-label={words.join(', ')}>
        {parts.map(({ kind, value }) => (
          <i key={kind} className={`jp-mod-${kind}`} style={{ flexGrow: value }} />
        ))}
      </div>
      <p className="jp-GpuMon-legend" aria-hidden>
        {parts.map(({ kind, help }, at) => (
          <span key={kind} title={help}>
            <i className={`jp-mod-${kind}`} />
            {words[at]}
          </span>
        ))}
      </p>
    </>
  );
}

/** The parts in the order of the bar: lengths are shares of the whole, so only what is above zero shows. */
function partsOf(book: IDeviceBook, { trans }: ISay): readonly IPart[] {
  return [
    {
      kind: 'cells',
      text: trans.__('cells'),
      help: trans.__('Charged to the measured cells of your notebooks'),
      value: book.cells ?? 0
    },
    {
      kind: 'background',
      text: trans.__('after cells'),
      help: trans.__('Drawn by your kernels after a measured cell had ended'),
      value: book.background ?? 0
    },
    {
      kind: 'idle',
      text: trans.__('idle'),
      help: trans.__('Outside measured cells: what the board draws without work'),
      value: book.idle ?? 0
    },
    {
      kind: 'rest',
      text: trans.__('not measured'),
      help: trans.__('All else: cells that were not measured, other users and programs'),
      value: book.rest ?? 0
    }
  ];
}

/** What a careful reader must know of this board. */
function remarks(book: IDeviceBook, { trans, unit }: ISay): readonly string[] {
  const over = -(book.rest ?? 0);
  const missing = Math.round(book.uncovered ?? 0);
  const said = [
    book.method === 'power' && trans.__('the integral of power readings, not the counter'),
    over > 0.001 * (book.joules ?? 0) &&
      trans.__('the cells’ records say %1 more than the counter', joules(over, unit)),
    (book.resets ?? 0) > 0 &&
      trans._n(
        'the counter began anew %1 time; what was drawn over that is missing',
        'the counter began anew %1 times; what was drawn over that is missing',
        book.resets ?? 0
      ),
    missing > 0 && trans.__('%1 s without a reading are missing', missing)
  ];
  return said.filter((remark): remark is string => typeof remark === 'string');
}
