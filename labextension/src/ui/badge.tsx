/** What a cell cost: one line, and a second for what a careful reader must know. */

import React from 'react';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { details, eachGpu, headline } from '../cell';
import type { ICell } from '../schema';

/** Renders a cell's record. */
export class Badge extends ReactWidget implements IRenderMime.IRenderer {
  /** For outputs of this MIME type. */
  constructor(
    private readonly _mime: string,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-GpuMon-badge');
  }

  /** Show the record of this output. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._cell = model.data[this._mime] as unknown as ICell;
    this.update();
    await this.renderPromise;
  }

  /** @inheritdoc */
  protected render(): JSX.Element | null {
    const cell = this._cell;
    if (!cell) {
      return null;
    }
    const second = details(cell, this._trans);
    return (
      <div
        role="note"
        aria-label={this._trans.__('What this cell cost')}
        className={cell.final === false ? 'jp-mod-open' : ''}
      >
        <div>{headline(cell, this._trans)}</div>
        {second && <small>{second}</small>}
        <EachGpu cell={cell} trans={this._trans} />
      </div>
    );
  }

  private _cell: ICell | null = null;
}

/** What each GPU had of it, to unfold; nothing where there is only one. */
function EachGpu(props: {
  readonly cell: ICell;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const [head, ...rows] = eachGpu(props.cell, props.trans);
  if (!head) {
    return null;
  }
  return (
    <details>
      <summary>{props.trans.__('each GPU')}</summary>
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
    </details>
  );
}
