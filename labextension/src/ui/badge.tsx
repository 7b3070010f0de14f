/** What a cell cost, below the cell: a widget round its record. */

import React from 'react';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISay } from '../energy';
import type { ICell } from '../schema';
import type { IPreferenceStore } from '../tokens';

/** What a trace is called: anything else in a record is shown, and is no link. */
const TRACE = /^gpumon-traces\/[\w.-]+\.json\.gz$/;

/** Renders a cell's record. */
export class Badge extends ReactWidget implements IRenderMime.IRenderer {
  /** For outputs of this MIME type, in the unit of the preferences where there are any. */
  constructor(
    private readonly _mime: string,
    private readonly _trans: TranslationBundle,
    private readonly _preferences: IPreferenceStore | null,
    private readonly _resolver: IRenderMime.IResolver | null = null
  ) {
    super();
    this.addClass('jp-GpuMon-badge');
    _preferences?.changed.connect(this._follow, this);
  }

  /** Stop following the preferences. */
  dispose(): void {
    this._preferences?.changed.disconnect(this._follow, this);
    super.dispose();
  }

  /** Show the record of this output. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._cell = model.data[this._mime] as unknown as ICell;
    this._drawing ??= await import('./record'); // most notebooks hold no record
    this._trace = await this._linked(this._cell.trace ?? '');
    this.update();
    await this.renderPromise;
  }

  /** @inheritdoc */
  protected render(): JSX.Element | null {
    const cell = this._cell;
    if (!cell || !this._drawing) {
      return null;
    }
    const { Record } = this._drawing;
    const say = { trans: this._trans, unit: this._unit };
    return <Record cell={cell} say={say} trace={this._trace} />;
  }

  /** Where a trace beside the notebook is downloaded from. */
  private async _linked(trace: string): Promise<string | undefined> {
    if (!this._resolver || !TRACE.test(trace)) {
      return undefined;
    }
    return this._resolver.getDownloadUrl(await this._resolver.resolveUrl(trace));
  }

  private get _unit(): ISay['unit'] {
    return this._preferences?.current.energyUnit ?? 'auto';
  }

  private _follow(): void {
    if (this._unit !== this._said) {
      this._said = this._unit;
      this.update();
    }
  }

  private _cell: ICell | null = null;
  private _drawing: typeof import('./record') | null = null;
  private _trace: string | undefined;
  private _said = this._unit;
}
