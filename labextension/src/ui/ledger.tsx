/** The table of notebooks with what their measured cells were charged; each row opens into its parts. */

import React, { useState } from 'react';
import { caretDownEmptyThinIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { Column, INotebookRow, IOrder } from '../books';
import { energyText, footprintText, joules, netText, type ISay } from '../energy';
import { UNKNOWN, duration } from '../format';
import type { IKernelActions } from '../kernels';
import { isLight, strokeOf } from '../palette';
import type { IDevice } from '../schema';
import { label } from '../words';

/** What the table is made from. */
export interface INotebookTableProps {
  readonly rows: readonly INotebookRow[];
  readonly devices: readonly IDevice[];
  readonly order: IOrder;
  readonly onOrder: (by: Column) => void;
  readonly actions: IKernelActions;
  readonly say: ISay;
}

/** The table; its heads sort it. */
export function NotebookTable(props: INotebookTableProps): JSX.Element {
  const { order, rows } = props;
  const { trans } = props.say;
  const heads: readonly (readonly [Column, string])[] = [
    ['title', trans.__('Notebook')],
    ['cells', trans.__('Cells')],
    ['energy', trans.__('Energy')]
  ];
  const most = Math.max(...rows.map(row => row.energy?.joules ?? 0));
  return (
    <table className="jp-GpuMon-ledger">
      <thead>
        <tr>
          {heads.map(([by, title]) => (
            <th
              key={by}
              aria-sort={by !== order.by ? 'none' : order.down ? 'descending' : 'ascending'}
            >
              <button onClick={() => props.onOrder(by)} title={trans.__('Sort by %1', title)}>
                {title}
                {by === order.by && <span aria-hidden>{order.down ? ' ▾' : ' ▴'}</span>}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(row => (
          <Row key={row.key} {...props} row={row} most={most} />
        ))}
      </tbody>
    </table>
  );
}

type IRowProps = INotebookTableProps & { readonly row: INotebookRow; readonly most: number };

function Row(props: IRowProps): JSX.Element {
  const { row, most } = props;
  const { book } = row;
  const [open, setOpen] = useState(false);
  return (
    <>
      <tr
        className={book.cells || row.energy ? '' : 'jp-mod-other'}
        title={book.notebook ?? undefined}
      >
        <th scope="row">
          <Name {...props} open={open} onToggle={() => setOpen(!open)} />
        </th>
        <td>{book.cells || ''}</td>
        <td>{costText(row, props.say)}</td>
      </tr>
      {row.energy && (
        <tr aria-hidden>
          <td colSpan={3}>
            <Bar row={row} most={most} />
          </td>
        </tr>
      )}
      {open && (
        <tr>
          <td colSpan={3} className="jp-GpuMon-ledgerMore">
            <More {...props} />
          </td>
        </tr>
      )}
    </>
  );
}

/** The notebook's name, which opens it, after the caret that opens the row. */
function Name(
  props: IRowProps & { readonly open: boolean; readonly onToggle: () => void }
): JSX.Element {
  const { open, actions, say } = props;
  const { title, book } = props.row;
  const Caret = open ? caretDownEmptyThinIcon : caretRightIcon;
  return (
    <span className="jp-GpuMon-ledgerName">
      <button
        className="jp-GpuMon-caret"
        aria-expanded={open}
        aria-label={say.trans.__('More about %1', title)}
        onClick={props.onToggle}
      >
        <Caret.react tag="span" />
      </button>
      {book.notebook ? (
        <button className="jp-GpuMon-link" onClick={() => actions.open(book.notebook ?? '')}>
          {title}
        </button>
      ) : (
        <span className="jp-GpuMon-notebookName">{title}</span>
      )}
    </span>
  );
}

/** The sum; else the estimate, else that it was not measured. */
function costText({ energy, book }: INotebookRow, say: ISay): string {
  if (energy) {
    return energyText(energy, say);
  }
  const estimate = Object.values(book.estimate ?? {});
  if (estimate.length) {
    return say.trans.__('%1 (estimate)', joules(sum(estimate), say.unit));
  }
  return UNKNOWN;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** As long as its share of the largest; a piece per GPU in the GPU's colour. */
function Bar({ row, most }: { readonly row: INotebookRow; readonly most: number }): JSX.Element {
  const whole = row.energy?.joules ?? 0;
  const light = isLight();
  return (
    <div className="jp-GpuMon-stack" style={{ width: `${most ? (100 * whole) / most : 0}%` }}>
      {row.parts.map(([device, value]) => (
        <i
          key={device.uuid}
          style={{ flexGrow: value, background: strokeOf(device, light).colour }}
        />
      ))}
    </div>
  );
}

/** The parts of a row: each GPU, the net, what came after, the host, what is in no sum, carbon and cost. */
function More(props: IRowProps): JSX.Element {
  const { row, devices, say } = props;
  const { trans, unit } = say;
  const named = (uuid: string): string => {
    const device = devices.find(other => other.uuid === uuid);
    return device ? label(device) : trans.__('a GPU that is gone');
  };
  return (
    <dl>
      {Object.entries(row.book.energy ?? {}).map(([uuid, energy]) => (
        <Pair
          key={uuid}
          name={named(uuid)}
          value={[energyText(energy, say), netText(energy, say)].filter(Boolean).join(' · ')}
        />
      ))}
      {pairsOf(row, say).map(
        ([name, value]) => value && <Pair key={name} name={name} value={value} />
      )}
      {Object.entries(row.book.estimate ?? {}).map(([uuid, value]) => (
        <Pair
          key={uuid}
          name={named(uuid)}
          value={trans.__('%1, an estimate, in no sum', joules(value, unit))}
          estimated
        />
      ))}
    </dl>
  );
}

function pairsOf(
  { book, energy }: INotebookRow,
  { trans, unit }: ISay
): readonly (readonly [string, string | null | undefined])[] {
  const known = (value: number | null | undefined): string | null =>
    value ? joules(value, unit) : null;
  const { cells = 0, unresolved = 0, bound = 0 } = book; // a part may be measured before its cell is done
  const most = bound
    ? trans.__('≤ %1 together, counted by half', joules(bound, unit))
    : trans.__('energy unknown');
  return [
    [trans.__('time of its cells'), cells ? duration(book.seconds ?? 0) : null],
    [trans.__('after its cells'), known(sum(Object.values(book.background ?? {})))],
    [trans.__('of others meanwhile'), known(energy?.others)],
    [trans.__('of nobody'), known(energy?.unattributed)],
    [trans.__('CPU and memory'), known(book.host)],
    [trans.__('not resolved'), unresolved ? `${unresolved} × · ${most}` : null],
    [trans.__('carbon, cost'), book.footprint && footprintText(book.footprint, trans)],
    [
      trans.__('its cells'),
      cells || energy || unresolved ? null : trans.__('none was measured in this time')
    ]
  ];
}

function Pair(props: {
  readonly name: string;
  readonly value: string;
  readonly estimated?: boolean;
}): JSX.Element {
  return (
    <>
      <dt>{props.name}</dt>
      <dd>
        {props.estimated && <i className="jp-GpuMon-hatch" aria-hidden />}
        {props.value}
      </dd>
    </>
  );
}
