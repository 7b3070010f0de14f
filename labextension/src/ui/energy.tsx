/** What the GPUs have taken, and for which notebook: the Energy tab. */

import React, { useMemo, useState } from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import { notebookRows, sensorLines, together, turned, type IOrder } from '../books';
import { UNITS, type EnergyUnit, type ISay } from '../energy';
import { clock } from '../format';
import type { IKernelActions } from '../kernels';
import type { IBook, IDevice } from '../schema';
import type { IBand } from '../tokens';
import '../../style/ledger.css';
import { Board } from './boards';
import { Section } from './frame';
import { useBooks } from './hooks';
import { NotebookTable } from './ledger';

/** What the tab is made from. */
export interface IEnergyProps {
  readonly devices: readonly IDevice[];
  /** Another array whenever a cell was measured. */
  readonly cells: readonly IBand[];
  readonly simulated: boolean;
  /** Whether it is seen and moves. */
  readonly active: boolean;
  readonly settings: ServerConnection.ISettings;
  readonly actions: IKernelActions;
  /** Another name where colours are to be drawn anew. */
  readonly theme: string;
  readonly say: ISay;
  readonly onUnit: (unit: EnergyUnit) => void;
}

type Period = 'today' | 'start';

/** The tab; drawn again only when there is something new to see. */
export default React.memo(EnergyTab);

function EnergyTab(props: IEnergyProps): JSX.Element {
  const { say, devices } = props;
  const { trans } = say;
  const { books, trouble } = useBooks(props.settings, props.active, props.cells);
  const [period, setPeriod] = useState<Period>('today');
  const book = books?.[period];
  return (
    <div className="jp-GpuMon-energy">
      <Choices {...props} period={period} onPeriod={setPeriod} />
      {trouble && <p className="jp-GpuMon-detail">{trouble}</p>}
      {!books && !trouble && <p className="jp-GpuMon-detail">{trans.__('Asking the server …')}</p>}
      {book && (
        <>
          <p className="jp-GpuMon-detail">{sinceWords(book, period, props)}</p>
          <All book={book} devices={devices} say={say} />
          <Notebooks {...props} book={book} />
          <Boards book={book} devices={devices} say={say} />
          <Method devices={devices} say={say} />
        </>
      )}
    </div>
  );
}

function Choices(
  props: IEnergyProps & { readonly period: Period; readonly onPeriod: (period: Period) => void }
): JSX.Element {
  const { trans, unit } = props.say;
  const periods: readonly (readonly [Period, string])[] = [
    ['today', trans.__('Today')],
    ['start', trans.__('Since start')]
  ];
  return (
    <div className="jp-GpuMon-choices">
      <span role="group" aria-label={trans.__('Period')}>
        {periods.map(([name, title]) => (
          <button
            key={name}
            className="jp-GpuMon-text"
            aria-pressed={name === props.period}
            onClick={() => props.onPeriod(name)}
          >
            {title}
          </button>
        ))}
      </span>
      <select
        className="jp-GpuMon-select"
        aria-label={trans.__('Unit of energies')}
        title={trans.__('Unit of energies, here and below cells')}
        value={unit}
        onChange={event => props.onUnit(event.target.value as EnergyUnit)}
      >
        {UNITS.map(name => (
          <option key={name} value={name}>
            {name === 'auto' ? trans.__('J, kJ, …') : name}
          </option>
        ))}
      </select>
    </div>
  );
}

/** `since midnight`, or since the server's start where that was later; and whether any of it is real. */
function sinceWords(book: IBook, period: Period, { say, simulated }: IEnergyProps): string {
  const { trans } = say;
  const began = new Date(book.since * 1000);
  const midnight = period === 'today' && began.getHours() + began.getMinutes() === 0;
  const day = began.toDateString() === new Date().toDateString() ? '' : began.toLocaleDateString();
  const when = [day, clock(book.since, false)].filter(Boolean).join(' ');
  const since = midnight
    ? trans.__('since midnight')
    : trans.__('since the server’s start, %1', when);
  return [since, simulated && trans.__('simulated')].filter(Boolean).join(' · ');
}

interface IBoardsProps {
  readonly book: IBook;
  readonly devices: readonly IDevice[];
  readonly say: ISay;
}

/** All GPUs as one; or the only one there is. */
function All({ book, devices, say }: IBoardsProps): JSX.Element {
  const all = together(book);
  const boards = devices.filter(device => book.devices?.[device.uuid]);
  if (!all) {
    return <p className="jp-GpuMon-detail">{say.trans.__('No GPU has been read yet.')}</p>;
  }
  return boards.length === 1 ? (
    <Board device={boards[0]} book={book.devices?.[boards[0].uuid] ?? all} say={say} />
  ) : (
    <Board device={null} book={all} say={say} />
  );
}

/** Each GPU, where there are several. */
function Boards(props: IBoardsProps): JSX.Element | null {
  const { book, say } = props;
  const boards = props.devices.filter(device => book.devices?.[device.uuid]);
  return boards.length > 1 ? (
    <Section title={say.trans.__('Each GPU')} name="energy-gpus">
      <div className="jp-GpuMon-boards">
        {boards.map(device => (
          <Board
            key={device.uuid}
            device={device}
            book={book.devices?.[device.uuid] ?? {}}
            say={say}
          />
        ))}
      </div>
    </Section>
  ) : null;
}

function Notebooks(props: IEnergyProps & { readonly book: IBook }): JSX.Element {
  const { book, devices, say } = props;
  const { trans } = say;
  const [order, setOrder] = useState<IOrder>({ by: 'energy', down: true });
  const rows = useMemo(() => notebookRows(book, devices, order, say), [book, devices, order, say]);
  return (
    <Section title={trans.__('Measured cells, by notebook')} name="energy-notebooks">
      {rows.length > 0 && (
        <NotebookTable
          rows={rows}
          devices={devices}
          order={order}
          onOrder={by => setOrder(turned(order, by))}
          actions={props.actions}
          say={say}
        />
      )}
      {!rows.some(row => row.book.cells) && (
        <p className="jp-GpuMon-detail">
          {trans.__('No cell has been measured yet. In a notebook, run')}{' '}
          <code>%load_ext jupyter_gpumon</code> {trans.__('and then')}{' '}
          <code>%gpumon summary on</code> {trans.__('for all its cells, or begin one with')}{' '}
          <code>%%gpumon</code>.
        </p>
      )}
    </Section>
  );
}

function Method(props: { readonly devices: readonly IDevice[]; readonly say: ISay }): JSX.Element {
  const { trans } = props.say;
  return (
    <div className="jp-GpuMon-method">
      {sensorLines(props.devices, props.say).map(line => (
        <p key={line}>{line}</p>
      ))}
      <p>
        {trans.__(
          'The scale is that of each board’s own sensor, which may be up to 5 % off as a whole.'
        )}
      </p>
    </div>
  );
}
